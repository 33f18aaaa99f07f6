"""Where a check of the ledger may begin: at a checkpoint of ours that was signed before an instant.

What lies under that checkpoint is trusted and not read again. Its own time stands in a column that whoever
has the database could change, so it is only a hint. 1. The last leaf under it, whose bytes say when, must be
older than the instant, by an hour: leaves are not strictly in the order of their times. 2. Our log key
signed it. 3. The stored subtrees make its root. 4. That leaf is in them. No such checkpoint: from the start.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from gateway.audit import ledger, origins
from gateway.audit.interface import Finding, LedgerBroken
from gateway.audit.sql import ledger_checkpoint, ledger_detail, ledger_leaf
from keys.errors import ProofRefused
from keys.leaf import leaf_from_bytes
from keys.ledger import Frontier, frontier_at, leaf_hash, root, verify_inclusion
from keys.note import NoteKey

UNORDERED = 3600
"""Seconds by which a leaf may stand behind a younger one: more than any exchange lives."""


def trusted_start(
    connection: Connection,
    since: int,
    size: int,
    known: Sequence[tuple[int, str]],
    keys: Sequence[NoteKey],
) -> Frontier | Finding:
    """The tree under the newest checkpoint of at most `size` leaves that are all from before `since`.

    `since`: POSIX seconds; `known`, `keys`: as `origins.verified`. A `Finding` where what the check would
    stand on does not hold.
    """
    before = since - UNORDERED
    at = ledger_checkpoint.c
    query = select(ledger_checkpoint).where(at.at < before, at.size <= size).order_by(at.size.desc())
    for row in connection.execute(query):
        last = row.size - 1
        data = ledger.read_leaf(connection, last)
        if data is None:
            return Finding(last, "missing")
        try:
            if leaf_from_bytes(data).at >= before:  # 1
                continue
        except ProofRefused:
            return Finding(last, "leaf")
        return _proven(connection, row.size, row.root, row.note, data, known, keys)
    return Frontier()


def _proven(
    connection: Connection,
    size: int,
    column: bytes,
    note: bytes,
    leaf: bytes,
    known: Sequence[tuple[int, str]],
    keys: Sequence[NoteKey],
) -> Frontier | Finding:
    try:
        signed = origins.verified(note, known, keys)  # 2
    except ProofRefused:
        return Finding(size - 1, "checkpoint", signature=True)
    try:
        frontier = frontier_at(size, ledger.node_reader(connection))
        proof = ledger.prove_inclusion(connection, size - 1, size)
    except LedgerBroken:
        return Finding(size - 1, "node")
    if (signed.size, signed.root) != (size, column) or signed.root != root(frontier):  # 3
        return Finding(size - 1, "fork")
    try:
        verify_inclusion(size - 1, size, leaf_hash(leaf), proof, signed.root)  # 4
    except ProofRefused:
        return Finding(size - 1, "leaf")
    return frontier


def chain_before(connection: Connection, person: str, start: int) -> tuple[int, bytes]:
    """How many leaves of this person lie below `start`, and the hash of the last: her next leaf tells."""
    at = ledger_detail.c
    query = select(func.count(), func.max(at.idx)).where(at.person == person, at.idx < start)
    count, last = connection.execute(query).one()
    if not count:
        return 0, b""
    hashed = select(ledger_leaf.c.hash).where(ledger_leaf.c.idx == last)
    return count, connection.execute(hashed).scalar_one_or_none() or b""
