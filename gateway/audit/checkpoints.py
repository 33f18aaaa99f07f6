"""Signed checkpoints: only over committed heads, only after the tree proves to extend the last one signed.

1. Read the head in a unit of its own, so that what is signed is committed. 2. Self-check against the newest
stored checkpoint. 3. Sign. 4. Store, unique by size, before it leaves the node (trust-and-ledger.md 10.6).
A log restored from an old backup fails step 2 and signs nothing more.
"""

from collections.abc import Callable

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as insert_once

from gateway.audit import ledger
from gateway.audit.interface import Head, LedgerBroken, SignedCheckpoint
from gateway.audit.sql import ledger_checkpoint
from gateway.records.interface import Database
from keys.errors import ProofRefused
from keys.ledger import verify_consistency
from keys.note import Checkpoint, text_from_checkpoint

Sign = Callable[[bytes], bytes]
"""Checkpoint text -> signed note (`keys.note.sign_note` with the log's key)."""

Mark = Callable[[bytes], None]
"""Keeps the newest signed note outside of the database, where no restored backup takes it back."""


async def checkpoint(
    database: Database, *, origin: str, sign: Sign, at: int, every: int = 0, mark: Mark | None = None
) -> SignedCheckpoint | None:
    """Sign and store the committed head; the stored one again if it has not grown; None while empty.

    Raises `LedgerBroken` rather than sign two histories. `at`: POSIX seconds. `every`: seconds for which the
    stored one is handed back though the log has grown since: nothing is signed then, so nothing is proven.
    `mark` is called with each new note before it leaves.
    """
    last = await database.read(newest) if every else None
    if last is not None and 0 <= at - last.at < every:
        return last
    last, head = await database.read(unsigned)
    if head.size == 0 or (last is not None and last.size == head.size):
        return last
    note = sign(text_from_checkpoint(Checkpoint(origin, head.size, head.root)))
    kept = await database.write(lambda c: store(c, SignedCheckpoint(head.size, head.root, at, note)))
    if mark is not None:
        mark(kept.note)
    return kept


def unsigned(connection: Connection) -> tuple[SignedCheckpoint | None, Head]:
    """Steps 1 and 2: the newest checkpoint, and the head, proven to extend it."""
    head = ledger.head(connection)
    last = newest(connection)
    if last is not None:
        _require_growth(connection, last, head)
    return last, head


def _require_growth(connection: Connection, last: SignedCheckpoint, head: Head) -> None:
    if last.size > head.size:
        raise LedgerBroken
    try:
        proof = ledger.prove_consistency(connection, last.size, head.size)
        verify_consistency(last.size, head.size, last.root, head.root, proof)
    except ProofRefused:
        raise LedgerBroken from None


def store(connection: Connection, new: SignedCheckpoint) -> SignedCheckpoint:
    """Step 4. Of two workers with one size the first is kept and handed back; another root is a fork."""
    row = {"size": new.size, "root": new.root, "at": new.at, "note": new.note}
    connection.execute(insert_once(ledger_checkpoint).values(row).on_conflict_do_nothing())
    kept = _one(connection, new.size)
    if kept.root != new.root:
        raise LedgerBroken
    return kept


def replace(connection: Connection, found: SignedCheckpoint) -> None:
    """Put what was signed in the place of what is stored for its size: the tree contradicts it then."""
    row = {"size": found.size, "root": found.root, "at": found.at, "note": found.note}
    first = insert_once(ledger_checkpoint).values(row)
    connection.execute(first.on_conflict_do_update(index_elements=["size"], set_=row))


def _one(connection: Connection, size: int) -> SignedCheckpoint:
    row = connection.execute(select(ledger_checkpoint).where(ledger_checkpoint.c.size == size)).one()
    return SignedCheckpoint(row.size, row.root, row.at, row.note)


def newest(connection: Connection) -> SignedCheckpoint | None:
    """The last checkpoint that was signed."""
    query = select(ledger_checkpoint).order_by(ledger_checkpoint.c.size.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else SignedCheckpoint(row.size, row.root, row.at, row.note)
