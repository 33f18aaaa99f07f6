"""Who saw what of one person: her leaves with their details opened (the source of the access report).

Reading it is itself an event: whoever calls this logs a `report` leaf in the same unit of work.
"""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from gateway.audit.interface import Disclosure, PersonVault
from gateway.audit.ledger import key_name
from gateway.audit.sql import ledger_detail, ledger_leaf
from gateway.records.interface import SealBroken
from keys.leaf import detail_digest, leaf_from_bytes
from keys.ledger import leaf_hash


def accessed(
    connection: Connection, person: str, vault: PersonVault, *, since: int = 0
) -> tuple[Disclosure, ...]:
    """Every leaf about the person from `since` (POSIX seconds) on, oldest first.

    Each is checked against its digests. Raises `SealBroken` rather than leave one out; an erased person has
    none that opens (`KeyErased`).
    """
    leaf, detail = ledger_leaf.c, ledger_detail.c
    query = (
        select(leaf.idx, leaf.bytes, leaf.hash, detail.det, detail.sealed)
        .join(ledger_detail, detail.idx == leaf.idx)
        .where(detail.person == person)
        .order_by(leaf.idx)
    )
    rows = connection.execute(query).all()
    found = (_disclosure(row.idx, row.bytes, row.hash, person, row.sealed, vault) for row in rows)
    return tuple(item for item in found if item.at >= since)


def details_of_kind(
    connection: Connection, kind: str, vault: PersonVault, *, until: int
) -> tuple[Mapping[str, Any], ...]:
    """Details of the leaves of one kind that are about nobody, up to `until` (POSIX seconds), oldest first.

    Raises `SealBroken` rather than leave one out.
    """
    leaf, detail = ledger_leaf.c, ledger_detail.c
    query = (
        select(leaf.idx, leaf.bytes, leaf.hash, detail.det, detail.sealed)
        .join(ledger_detail, detail.idx == leaf.idx)
        .where(leaf.kind == kind, detail.person.is_(None))
        .order_by(leaf.idx)
    )
    rows = connection.execute(query).all()
    found = (
        _disclosure(row.idx, row.bytes, row.hash, key_name(None, row.det), row.sealed, vault) for row in rows
    )
    return tuple(item.detail for item in found if item.at <= until)


def _disclosure(
    index: int, data: bytes, hashed: bytes, subject: str, sealed: bytes | None, vault: PersonVault
) -> Disclosure:
    leaf = leaf_from_bytes(data)
    plain = vault.open(subject, sealed or b"", leaf.det)
    if leaf_hash(data) != hashed or detail_digest(plain[:32], plain[32:]) != leaf.det:
        raise SealBroken
    return Disclosure(index, leaf.at, leaf.kind, leaf.peer, hashed, leaf.md, json.loads(plain[32:]))
