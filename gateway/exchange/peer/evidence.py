"""What is kept of each verified answer of another node: its signed manifest, and the blind (envelope.md 5.8).

The manifest names no person and stays. The blind is sealed under the person's key: once that is erased, the
manifest proves nothing about her to whoever guesses.
"""

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    insert,
    select,
)

from gateway.audit.interface import PersonVault
from keys.syntax import b64u

metadata = MetaData()

evidence = Table(
    "evidence",
    metadata,
    Column("md", LargeBinary(32), primary_key=True),
    Column("req", LargeBinary(32), nullable=False),
    Column("member", String(128), nullable=False),
    Column("exchange", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("jws", LargeBinary, nullable=False),
    Column("env", LargeBinary(32), nullable=False),
    Column("person", String(128)),
    Column("blind", LargeBinary, nullable=False),
    Index("ix_evidence_exchange", "exchange"),
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One verified answer. `md`, `req`, `env`: 32 bytes; `at`: POSIX seconds; `blind`: 32 bytes, in clear."""

    md: bytes
    req: bytes
    member: str
    exchange: str
    at: int
    jws: bytes
    env: bytes
    person: str | None
    blind: bytes


def keep(connection: Connection, new: Evidence, vault: PersonVault) -> None:
    """In the unit of the leaf `receive`."""
    sealed = vault.seal(_key(new.person, new.md), new.blind, new.md)
    row = {name: getattr(new, name) for name in Evidence.__slots__}
    connection.execute(insert(evidence).values(row | {"blind": sealed}))


def of_exchange(connection: Connection, exchange: str, vault: PersonVault) -> tuple[Evidence, ...]:
    """Every verified answer that an exchange of ours brought, by time. Raises `SealBroken` (`KeyErased`)."""
    query = select(evidence).where(evidence.c.exchange == exchange).order_by(evidence.c.at, evidence.c.md)
    found = []
    for row in connection.execute(query):
        blind = vault.open(_key(row.person, row.md), row.blind, row.md)
        found.append(Evidence(**row._asdict() | {"blind": blind}))
    return tuple(found)


def _key(person: str | None, md: bytes) -> str:
    return person if person is not None else f"evidence/{b64u(md)}"
