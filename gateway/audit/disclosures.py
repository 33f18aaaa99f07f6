"""Who saw what of one person: her leaves with their details opened (the source of the access report).

Reading it is itself an event: whoever calls this logs a `report` leaf in the same unit of work.
"""

import json

from sqlalchemy import Connection, select

from gateway.audit.interface import Disclosure, PersonVault
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


def _disclosure(
    index: int, data: bytes, hashed: bytes, person: str, sealed: bytes | None, vault: PersonVault
) -> Disclosure:
    leaf = leaf_from_bytes(data)
    plain = vault.open(person, sealed or b"", leaf.det)
    if leaf_hash(data) != hashed or detail_digest(plain[:32], plain[32:]) != leaf.det:
        raise SealBroken
    return Disclosure(index, leaf.at, leaf.kind, leaf.peer, hashed, leaf.md, json.loads(plain[32:]))
