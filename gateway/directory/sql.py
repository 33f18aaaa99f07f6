"""Versions of the register in the database: what was known when (`as_of`), sealed at rest.

`carepact directory register FILE` puts a version; decisions read the newest at their `as_of`, so a replay of
an old receipt finds the register that the decision had.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    String,
    Table,
    func,
    insert,
    select,
)

from consent.interface import Cipher
from gateway.directory.interface import Register
from gateway.directory.register import register_from_bytes

metadata = MetaData()

register_version = Table(
    "register_version",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("recorded", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""`recorded`: microseconds since 1970 UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def put_register(connection: Connection, cipher: Cipher, document: bytes, *, at: datetime) -> int:
    """Store a register's bytes as the next version and return its number; the same bytes again: no change.

    Raises `DirectoryRefused` for a register that cannot be read. `at` is aware.
    """
    register = register_from_bytes(document)
    newest = _newest(connection, _micros(at))
    if newest is not None and newest[1] == register.sha256:
        return newest[0]
    version = register_epoch(connection) + 1
    row = {"version": version, "recorded": _micros(at), "sha256": register.sha256}
    row["sealed"] = cipher.seal(_key(version), document, _key(version).encode())
    connection.execute(insert(register_version).values(row))
    return version


def register_at(connection: Connection, cipher: Cipher, *, as_of: datetime) -> Register | None:
    """The register that was known at an instant; None if none was stored by then."""
    newest = _newest(connection, _micros(as_of))
    if newest is None:
        return None
    sealed = select(register_version.c.sealed).where(register_version.c.version == newest[0])
    key = _key(newest[0])
    return register_from_bytes(cipher.open(key, connection.execute(sealed).scalar_one(), key.encode()))


def register_epoch(connection: Connection) -> int:
    """The newest version number, 0 if none; a release rechecks it."""
    return int(
        connection.execute(select(func.coalesce(func.max(register_version.c.version), 0))).scalar_one()
    )


def _newest(connection: Connection, micros: int) -> tuple[int, str] | None:
    kept = register_version.c
    query = (
        select(kept.version, kept.sha256)
        .where(kept.recorded <= micros)
        .order_by(kept.version.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.version, row.sha256)


def _key(version: int) -> str:
    return f"register/{version}"


def _micros(instant: datetime) -> int:
    delta = instant - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
