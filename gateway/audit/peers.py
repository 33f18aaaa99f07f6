"""What members say of their own logs, message by message (trust-and-ledger.md 11).

For the `log` note of each verified message: 1. parse it: origin and keys are those of the issuer's record.
2. A known size with another root is a *fork*: both notes are kept for good, a leaf `peer` says so, and it is
an alarm. 3. The first checkpoint of a log becomes its head. 4. Any other waits for a proof that joins it to
the head (`gateway.audit.watch` fetches it within 15 minutes); 5. without one in 24 hours it is *unproven*.

A checkpoint is told from another by origin, size and root; who signed it again changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import ColumnElement, Connection, Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as insert_once

from gateway.audit import ledger
from gateway.audit.interface import Entry, PersonVault
from gateway.audit.sql import peer_checkpoint, peer_fork, peer_head
from gateway.logs import log
from keys.errors import ProofRefused
from keys.interface import Entropy
from keys.ledger import EMPTY_ROOT, verify_consistency
from keys.logs import log_keys, log_origin
from keys.member import Member
from keys.note import Checkpoint, verify_checkpoint

Standing = Literal["none", "known", "head", "pending", "fork", "refused"]
PROVE_WITHIN = 15 * 60
UNPROVEN_AFTER = 24 * 3600
LOGGED_EVERY = 24 * 3600
"""A proven head is logged once a day for each peer: two nodes must not grow each other's logs for ever."""

KEPT = 90 * 24 * 3600
"""Seconds that a proven checkpoint stays known beside the head."""


@dataclass(frozen=True, slots=True)
class Book:
    """Our own log, where what is found about others is logged."""

    me: str
    vault: PersonVault
    entropy: Entropy


@dataclass(frozen=True, slots=True)
class PeerCheckpoint:
    """A checkpoint of a member's log as it came. `at`: when, POSIX seconds."""

    peer: str
    origin: str
    size: int
    root: bytes
    note: bytes
    at: int
    state: str = "pending"


@dataclass(frozen=True, slots=True)
class Fork:
    """Two notes of one log over one size with different roots, both signed by its key."""

    peer: str
    origin: str
    size: int
    first: bytes
    second: bytes
    at: int
    leaf: int


def take_checkpoint(unit: Connection, issuer: Member, note: bytes, at: int, *, book: Book) -> Standing:
    """Take the `log` note of a verified message, in the unit of work that records the message.

    `issuer`: its record in the trust list; `note`: the bytes of the claim, empty while its log is. `refused`
    (no checkpoint of its log, or not by its key) and `fork` are alarms; neither undoes the message. It may
    log a leaf: a frontier taken with `ledger.lock_head` before is stale afterwards.
    """
    if not note:
        return "none"
    try:
        checkpoint = verify_checkpoint(note, origin_of(issuer), log_keys(issuer))  # 1
        _require_possible(checkpoint)
    except ProofRefused:
        log.error("peer_checkpoint_refused", member=issuer.id)
        return "refused"
    return take_verified(unit, issuer.id, checkpoint, note, at, book=book)


def origin_of(member: Member) -> str:
    """The origin that its record names."""
    return member.log_origin or log_origin(member.id)


def take_verified(
    unit: Connection, peer: str, checkpoint: Checkpoint, note: bytes, at: int, *, book: Book
) -> Standing:
    """Steps 2 to 4 for a checkpoint whose signature holds."""
    known = _known(unit, checkpoint)
    other = next((held for root, held in known if root != checkpoint.root), None)
    if any(root == checkpoint.root for root, _ in known):
        return "fork" if other is not None else "known"
    new = PeerCheckpoint(peer, checkpoint.origin, checkpoint.size, checkpoint.root, note, at)
    if other is not None:  # 2
        _keep(unit, new, "fork")
        _record_fork(unit, new, other, book)
        return "fork"
    if head(unit, checkpoint.origin) is None:  # 3
        _keep(unit, new, "proven")
        _advance(unit, new, book)
        return "head"
    _keep(unit, new, "pending")  # 4
    return "pending"


def _require_possible(checkpoint: Checkpoint) -> None:
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise ProofRefused("not the root of an empty log")


def _known(unit: Connection, wanted: Checkpoint) -> list[tuple[bytes, bytes]]:
    """(root, note) of what is known of this size, the head among it."""
    at = peer_checkpoint.c
    query = select(at.root, at.note).where(at.origin == wanted.origin, at.size == wanted.size)
    found = [(row.root, row.note) for row in unit.execute(query.order_by(at.at))]
    held = head(unit, wanted.origin)
    if held is not None and held.size == wanted.size and held.root not in dict(found):
        found.append((held.root, held.note))
    return found


def _keep(unit: Connection, new: PeerCheckpoint, state: str) -> None:
    row = {"origin": new.origin, "size": new.size, "root": new.root, "peer": new.peer, "note": new.note}
    row |= {"at": new.at, "state": state}
    unit.execute(insert_once(peer_checkpoint).values(row).on_conflict_do_nothing())


def _record_fork(unit: Connection, new: PeerCheckpoint, first: bytes, book: Book) -> None:
    detail = {"what": "fork", "origin": new.origin, "size": new.size}
    leaf = _log(unit, new, detail, book)
    row = {"origin": new.origin, "size": new.size, "root": new.root, "peer": new.peer, "first": first}
    row |= {"second": new.note, "at": new.at, "leaf": leaf}
    unit.execute(insert_once(peer_fork).values(row).on_conflict_do_nothing())
    log.error("peer_fork", member=new.peer)


def _log(unit: Connection, about: PeerCheckpoint, detail: dict[str, object], book: Book) -> int:
    entry = Entry("peer", about.at, peer=about.peer, md=about.root, detail=detail)
    return ledger.append(unit, entry, me=book.me, vault=book.vault, entropy=book.entropy).index


def _advance(unit: Connection, new: PeerCheckpoint, book: Book) -> None:
    held = select(peer_head.c.logged).where(peer_head.c.origin == new.origin).with_for_update()
    logged = unit.execute(held).scalar_one_or_none()
    due = logged is None or new.at - logged >= LOGGED_EVERY
    if due:
        what = "first" if logged is None else "proven"
        _log(unit, new, {"what": what, "origin": new.origin, "size": new.size}, book)
    row = {"peer": new.peer, "size": new.size, "root": new.root, "note": new.note, "at": new.at}
    row["logged"] = new.at if due or logged is None else logged
    first = insert_once(peer_head).values(row | {"origin": new.origin})
    unit.execute(first.on_conflict_do_update(index_elements=["origin"], set_=row))


def prove(
    unit: Connection, waiting: PeerCheckpoint, proof: Sequence[bytes], at: int, *, book: Book
) -> Standing:
    """Steps 3 and 4 with a fetched proof: join a waiting checkpoint to the head, which moves only forward.

    Raises `ProofRefused` where the proof joins it to another tree than the head's; nothing changes then.
    """
    held = head(unit, waiting.origin)
    if held is None:
        raise ProofRefused("no head to prove against")
    old, new = (held, waiting) if held.size <= waiting.size else (waiting, held)
    if old.size:
        verify_consistency(old.size, new.size, old.root, new.root, proof)
    place = _place(waiting)
    unit.execute(update(peer_checkpoint).where(place).values(state="proven"))
    if waiting.size <= held.size:
        return "known"
    _advance(unit, replace(waiting, at=at, state="proven"), book)
    return "head"


def _place(one: PeerCheckpoint) -> ColumnElement[bool]:
    at = peer_checkpoint.c
    return (at.origin == one.origin) & (at.size == one.size) & (at.root == one.root)


def head(unit: Connection, origin: str) -> PeerCheckpoint | None:
    """The largest proven tree of a log."""
    row = unit.execute(select(peer_head).where(peer_head.c.origin == origin)).one_or_none()
    if row is None:
        return None
    return PeerCheckpoint(row.peer, row.origin, row.size, row.root, row.note, row.at, "proven")


def waiting(unit: Connection, limit: int = 256) -> tuple[PeerCheckpoint, ...]:
    """Checkpoints without a proof yet, oldest first; those past 24 hours are still tried."""
    at = peer_checkpoint.c
    query = select(peer_checkpoint).where(at.state.in_(("pending", "unproven"))).order_by(at.at).limit(limit)
    return tuple(_from_row(row) for row in unit.execute(query))


def _from_row(row: Row[tuple[object, ...]]) -> PeerCheckpoint:
    return PeerCheckpoint(**{name: getattr(row, name) for name in (*PeerCheckpoint.__slots__,)})


def expire(unit: Connection, now: int) -> int:
    """Step 5, and what need not be known any longer; how many became unproven."""
    at = peer_checkpoint.c
    late = (at.state == "pending") & (at.at <= now - UNPROVEN_AFTER)
    overdue = unit.execute(update(peer_checkpoint).where(late).values(state="unproven")).rowcount
    unit.execute(delete(peer_checkpoint).where((at.state == "proven") & (at.at <= now - KEPT)))
    return overdue


def forks(unit: Connection, peer: str | None = None) -> tuple[Fork, ...]:
    """Every fork on record, or those of one member, oldest first."""
    query = select(peer_fork).order_by(peer_fork.c.at)
    if peer is not None:
        query = query.where(peer_fork.c.peer == peer)
    names = Fork.__slots__
    return tuple(Fork(**{name: getattr(row, name) for name in names}) for row in unit.execute(query))


def has_forked(unit: Connection, peer: str) -> bool:
    """Whether two histories of this member are on record (`ledger.on_fork = "refuse"` asks)."""
    query = select(func.count()).select_from(peer_fork).where(peer_fork.c.peer == peer)
    return bool(unit.execute(query).scalar_one())


def unproven(unit: Connection) -> tuple[PeerCheckpoint, ...]:
    """What no proof came for within 24 hours, by peer."""
    at = peer_checkpoint.c
    query = select(peer_checkpoint).where(at.state == "unproven").order_by(at.peer, at.at)
    return tuple(_from_row(row) for row in unit.execute(query))
