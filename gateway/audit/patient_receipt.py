"""What a patient's receipt is made of: her chains under a signed checkpoint (trust-and-ledger.md 13)."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from gateway.audit.interface import PersonVault
from gateway.audit.ledger import prove_inclusion
from gateway.audit.sql import ledger_detail, ledger_leaf
from keys.receipt import Chain, ReceiptEntry


def chains_of(
    connection: Connection, persons: Sequence[str], size: int, vault: PersonVault
) -> tuple[Chain, ...]:
    """Every leaf of these local records in a tree of that size, with proof and opening; none is left out.

    Raises `SealBroken` where a detail does not open, `KeyErased` where she was erased.
    """
    return tuple(_chain(connection, person, size, vault) for person in persons)


def _chain(connection: Connection, person: str, size: int, vault: PersonVault) -> Chain:
    leaf, detail = ledger_leaf.c, ledger_detail.c
    query = (
        select(leaf.idx, leaf.bytes, detail.det, detail.sealed)
        .join(ledger_detail, detail.idx == leaf.idx)
        .where(detail.person == person, leaf.idx < size)
        .order_by(leaf.idx)
    )
    entries = []
    for row in connection.execute(query).all():
        plain = vault.open(person, row.sealed or b"", row.det)
        proof = prove_inclusion(connection, row.idx, size)
        entries.append(ReceiptEntry(row.idx, row.bytes, proof, plain[:32], plain[32:]))
    return Chain(vault.tag_key(person), tuple(entries))
