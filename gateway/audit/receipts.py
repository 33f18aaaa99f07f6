"""Decision receipts as bytes, sealed under the person's key, and the one signed statement over them.

`explain.py` in consent/ writes a receipt per decision; they are kept exactly as written, so that a replay
compares bytes (consent.md 13). The statement names their hashes in order: it proves every one of them, and
holds nothing of the person.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select

from gateway.audit.interface import Ambiguous, PersonVault
from gateway.audit.sql import receipt
from gateway.records.interface import SealBroken
from keys import jws
from keys.errors import StatementRefused
from keys.jws import Resolve, Signer
from keys.syntax import (
    SyntaxRefused,
    b64u,
    emit,
    parse_object,
    require_integer,
    require_list,
    require_members,
    unb64u,
)


class _Id(msgspec.Struct):
    id: str


_id_of = msgspec.json.Decoder(_Id)


@dataclass(frozen=True, slots=True)
class Decision:
    """A verified decision statement. `receipts`: SHA-256 of each receipt's bytes, in order."""

    exchange: str
    at: int
    receipts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """One receipt, opened: position `n` in its exchange and the exact bytes."""

    exchange: str
    n: int
    id: str
    person: str | None
    data: bytes


def keep(
    connection: Connection, exchange: str, person: str | None, receipts: Sequence[bytes], vault: PersonVault
) -> None:
    """Store the receipts of one exchange in order, in the unit of work of its release."""
    rows = [
        {
            "exchange": exchange,
            "n": n,
            "id": _id_of.decode(data).id,
            "person": person,
            "sha256": hashlib.sha256(data).digest(),
            "sealed": vault.seal(_key(exchange, person), data, _place(exchange, n)),
        }
        for n, data in enumerate(receipts)
    ]
    if rows:
        connection.execute(insert(receipt), rows)


def of_exchange(connection: Connection, exchange: str, vault: PersonVault) -> tuple[KeptReceipt, ...]:
    """Every receipt of an exchange in order. Raises `SealBroken` (`KeyErased` after an erasure)."""
    query = select(receipt).where(receipt.c.exchange == exchange).order_by(receipt.c.n)
    return tuple(_open(row, vault) for row in connection.execute(query))


def find(connection: Connection, prefix: str, vault: PersonVault) -> KeptReceipt | None:
    """One receipt by its id or a unique prefix of it. Raises `Ambiguous`, `SealBroken`."""
    where = receipt.c.id.startswith(prefix, autoescape=True)
    rows = connection.execute(select(receipt).where(where).order_by(receipt.c.id).limit(2)).all()
    if len(rows) > 1 and rows[0].id != prefix:
        raise Ambiguous
    return _open(rows[0], vault) if rows else None


def _open(row: Row[Any], vault: PersonVault) -> KeptReceipt:
    data = vault.open(_key(row.exchange, row.person), row.sealed, _place(row.exchange, row.n))
    if hashlib.sha256(data).digest() != row.sha256:
        raise SealBroken
    return KeptReceipt(row.exchange, row.n, row.id, row.person, data)


def _key(exchange: str, person: str | None) -> str:
    return person if person is not None else f"receipts/{exchange}"


def _place(exchange: str, n: int) -> bytes:
    return f"carepact/receipt\0{exchange}\0{n}".encode()


def decision_statement(exchange: str, at: int, receipts: Sequence[bytes], signers: Sequence[Signer]) -> bytes:
    """The JWS `carepact-decision+json` over the receipts of one bundle; `at` POSIX seconds."""
    hashes = [b64u(hashlib.sha256(data).digest()) for data in receipts]
    return jws.sign(jws.DECISION, emit({"v": 1, "exchange": exchange, "at": at, "receipts": hashes}), signers)


def read_decision(statement: bytes, resolve: Resolve) -> Decision:
    """Verify a decision statement by local keys. Raises `StatementRefused`."""
    payload = jws.verify(statement, jws.DECISION, resolve).payload
    try:
        members = require_members(parse_object(payload), frozenset(("v", "exchange", "at", "receipts")))
        if require_integer(members["v"]) != 1 or not isinstance(members["exchange"], str):
            raise SyntaxRefused
        hashes = tuple(unb64u(text, 32) for text in require_list(members["receipts"], 0, 1_000_000))
        return Decision(members["exchange"], require_integer(members["at"]), hashes)
    except SyntaxRefused:
        raise StatementRefused("claims") from None


def require_receipts(decision: Decision, receipts: Sequence[bytes]) -> None:
    """The statement is about exactly these receipts, in this order. Raises `StatementRefused("claims")`."""
    if decision.receipts != tuple(hashlib.sha256(data).digest() for data in receipts):
        raise StatementRefused("claims")
