"""Under which origin the log stands, and how it goes on after more was signed than is still there.

A log restored from a backup older than a checkpoint that it signed must not go on (trust-and-ledger.md 10):
it would sign a second history. 1. That is known by a checkpoint of ours from outside of the database: the
mark in the state folder, or what a peer holds (`adopt`). From then on nothing is signed. 2. `restart` opens
the origin `<id>/ledger/<n>`: the leaves that are still there stay where they are, a leaf `restart` follows
them, and what was signed and lost is kept as evidence and named in the member record (`log.previous`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, insert, select

from gateway.audit import checkpoints, ledger
from gateway.audit.interface import Entry, LedgerBroken, PersonVault, SignedCheckpoint
from gateway.audit.sql import ledger_checkpoint, ledger_restart
from keys.errors import ProofRefused
from keys.interface import Entropy
from keys.ledger import EMPTY_ROOT, frontier_at, root
from keys.logs import log_origin
from keys.note import Checkpoint, NoteKey, checkpoint_from_note, parse_note, verify_checkpoint


@dataclass(frozen=True, slots=True)
class Restart:
    """`size`: leaves that were there; from this index on it is `origin`. `lost_*`: what was signed last."""

    n: int
    origin: str
    size: int
    at: int
    lost_origin: str
    lost_size: int
    lost_root: bytes
    lost_note: bytes


class NothingLost(Exception):
    """The log has everything that it signed: there is nothing to begin anew."""


def restarts(connection: Connection) -> tuple[Restart, ...]:
    """Oldest first."""
    names = Restart.__slots__
    rows = connection.execute(select(ledger_restart).order_by(ledger_restart.c.n))
    return tuple(Restart(**{name: getattr(row, name) for name in names}) for row in rows)


def current(connection: Connection, member: str) -> str:
    """The origin that checkpoints are signed under now."""
    query = select(ledger_restart.c.origin).order_by(ledger_restart.c.n.desc()).limit(1)
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found or log_origin(member)


def sizes_of_origins(connection: Connection, member: str) -> tuple[tuple[int, str], ...]:
    """(first size above which it holds, origin), oldest first."""
    return ((0, log_origin(member)), *((one.size, one.origin) for one in restarts(connection)))


def lost(connection: Connection) -> SignedCheckpoint | None:
    """The newest checkpoint that was signed and is no head of this tree any more; None if all is there."""
    last = checkpoints.newest(connection)
    if last is None:
        return None
    head = ledger.head(connection)
    return last if last.size > head.size or root_at(connection, last.size) != last.root else None


def root_at(connection: Connection, size: int) -> bytes:
    """Root of the first `size` leaves as stored. Raises `LedgerBroken`, `ValueError` past the head."""
    if size > ledger.head(connection).size:
        raise ValueError("the log is not that long")
    return root(frontier_at(size, ledger.node_reader(connection))) if size else EMPTY_ROOT


def lacks(connection: Connection, note: bytes) -> bool:
    """Whether the tree is shorter than this checkpoint says, or another. `ProofRefused`: not a checkpoint."""
    signed = checkpoint_from_note(parse_note(note))
    return signed.size > ledger.head(connection).size or root_at(connection, signed.size) != signed.root


def adopt(connection: Connection, note: bytes) -> bool:
    """Take back a checkpoint of ours that somebody else kept; whether it is one that this tree lacks.

    `note`: its signature was verified with our own log key, for the present origin. After True nothing is
    signed any more until a restart: what was signed since, on a second history, no longer counts as ours.
    """
    if not lacks(connection, note):
        return False
    signed = checkpoint_from_note(parse_note(note))
    connection.execute(delete(ledger_checkpoint).where(ledger_checkpoint.c.size > signed.size))
    # Time 0: nobody may be handed this one as the checkpoint of this very second.
    checkpoints.replace(connection, SignedCheckpoint(signed.size, signed.root, 0, note))
    return True


def restart(
    connection: Connection,
    *,
    member: str,
    at: int,
    reason: str,
    by: str,
    vault: PersonVault,
    entropy: Entropy,
) -> Restart:
    """Step 2, in one unit of work. Raises `NothingLost`; `LedgerBroken` where what is there is damaged."""
    gone = lost(connection)
    if gone is None:
        raise NothingLost
    size, n = ledger.head(connection).size, len(restarts(connection)) + 2
    old = current(connection, member)
    if root_at(connection, size) != ledger.head(connection).root:
        raise LedgerBroken
    new = Restart(n, f"{log_origin(member)}/{n}", size, at, old, gone.size, gone.root, gone.note)
    connection.execute(insert(ledger_restart).values({name: getattr(new, name) for name in new.__slots__}))
    connection.execute(delete(ledger_checkpoint).where(ledger_checkpoint.c.size > size))
    _drop_other_roots(connection)
    detail = {"old_origin": old, "old_size": gone.size, "old_root": gone.root.hex(), "by": by}
    entry = Entry("restart", at, md=gone.root, detail=detail | {"reason": reason, "leaves": size})
    ledger.append(connection, entry, me=member, vault=vault, entropy=entropy)
    return new


def _drop_other_roots(connection: Connection) -> None:
    """Checkpoints of sizes that are there, but of the lost tree: the restart row holds the evidence."""
    for row in connection.execute(select(ledger_checkpoint).order_by(ledger_checkpoint.c.size.desc())):
        if root_at(connection, row.size) == row.root:
            return
        connection.execute(delete(ledger_checkpoint).where(ledger_checkpoint.c.size == row.size))


def previous_for_record(connection: Connection) -> list[dict[str, object]]:
    """`log.previous` of the member record: origin, size and root (hex) of each log that was left."""
    return [
        {"origin": one.lost_origin, "size": one.lost_size, "root": one.lost_root.hex()}
        for one in restarts(connection)
    ]


def verified(note: bytes, known: Sequence[tuple[int, str]], keys: Sequence[NoteKey]) -> Checkpoint:
    """A checkpoint of one of our origins, of a size that it may have. `ProofRefused` otherwise.

    `known`: as `sizes_of_origins`; `keys`: our log keys, whatever origin they are named after.
    """
    claimed = checkpoint_from_note(parse_note(note))
    for position, (start, origin) in enumerate(known):
        end = known[position + 1][0] if position + 1 < len(known) else None
        if origin == claimed.origin and claimed.size > start and (end is None or claimed.size <= end):
            return verify_checkpoint(note, origin, [replace(key, name=origin) for key in keys])
    raise ProofRefused("a checkpoint of another log")
