"""What a patient's receipt is made of: her chains under a signed checkpoint (trust-and-ledger.md 13)."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from gateway.audit.interface import PersonVault
from gateway.audit.ledger import prove_inclusion
from gateway.audit.sql import ledger_detail, ledger_leaf, peer_leaf
from keys.ledger import HASH
from keys.partner import Partner
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
        partner = _partner(connection, row.idx)
        entries.append(ReceiptEntry(row.idx, row.bytes, proof, plain[:32], plain[32:], partner))
    return Chain(vault.tag_key(person), tuple(entries))


def _partner(connection: Connection, index: int) -> Partner | None:
    """The other side's leaf, where a reconciliation paired it with ours."""
    row = connection.execute(select(peer_leaf).where(peer_leaf.c.idx == index)).one_or_none()
    if row is None:
        return None
    proof = tuple(row.proof[at : at + HASH] for at in range(0, len(row.proof), HASH))
    return Partner(row.peer, row.theirs, row.bytes, proof, row.note)
