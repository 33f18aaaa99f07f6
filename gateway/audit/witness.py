"""Cosigning the checkpoints of other members' logs (C2SP tlog-witness), and keeping what they show.

1. The body: an `old` line, at most 63 hashes, an empty line, the note. 2. Its origin is that of a member, and
its log key signed it. 3. In one unit of work: `old` is the size of the head that we keep of that log, the
proof joins the two, the head moves. A second root for a known size is a fork: recorded, never cosigned.
4. After the commit: one line by our witness key.
"""

import re
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.audit import peers
from gateway.audit.desk import LogDesk
from gateway.audit.signing import witness_line
from gateway.errors import Problem
from keys.errors import ProofRefused
from keys.ledger import HASH
from keys.logs import log_keys
from keys.member import Member
from keys.note import (
    Checkpoint,
    bytes_from_base64,
    checkpoint_from_note,
    parse_note,
    verify_checkpoint,
)

MAX_PROOF = 63
_OLD = re.compile(rb"old (0|[1-9][0-9]{0,17})").fullmatch


@dataclass(frozen=True, slots=True)
class Submission:
    """The body of `add-checkpoint`, read."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """409: the size of the head that we keep."""

    size: int


def submission_from_bytes(body: bytes) -> Submission:
    """Step 1, syntax alone. `ProofRefused` otherwise."""
    top, empty, note = body.partition(b"\n\n")
    first, *rest = top.split(b"\n")
    old = _OLD(first)
    if not empty or old is None or len(rest) > MAX_PROOF:
        raise ProofRefused("not a submission to a witness")
    try:
        proof = tuple(bytes_from_base64(line.decode("ascii")) for line in rest)
    except UnicodeDecodeError:
        raise ProofRefused("not a submission to a witness") from None
    checkpoint = checkpoint_from_note(parse_note(note))
    if any(len(one) != HASH for one in proof) or int(old[1]) > checkpoint.size:
        raise ProofRefused("not a submission to a witness")
    return Submission(int(old[1]), proof, note, checkpoint)


async def add_checkpoint(desk: LogDesk, body: bytes) -> bytes | Elsewhere:
    """Our signature line, or where we are. Raises `malformed`, `not_found` (origin), `forbidden` (key),
    `unproven` (422), `unavailable` without a witness key.
    """
    try:
        asked = submission_from_bytes(body)  # 1
    except ProofRefused:
        raise Problem("malformed") from None
    member = desk.member_of_origin(asked.checkpoint.origin)
    if member is None or member.id == desk.me:
        raise Problem("not_found")
    try:
        verify_checkpoint(asked.note, asked.checkpoint.origin, log_keys(member))  # 2
    except ProofRefused:
        raise Problem("forbidden", hint="not signed by a log key of that member") from None
    at = desk.now()
    done = await desk.database.write(lambda c: _take(c, desk, member, asked, at))  # 3
    if isinstance(done, Elsewhere):
        return done
    if not done:
        raise Problem("unproven")
    line = witness_line(desk.keys, desk.me, asked.checkpoint, at)  # 4
    if line is None:
        raise Problem("unavailable", hint="no witness key: carepact keys create --use witness")
    return line


def _take(unit: Connection, desk: LogDesk, member: Member, asked: Submission, at: int) -> Elsewhere | bool:
    book, new = desk.book(unit), asked.checkpoint
    held = peers.head(unit, new.origin)
    size = held.size if held is not None else 0
    if held is None and (asked.old or asked.proof):
        return Elsewhere(0) if asked.old else False
    standing = peers.take_verified(unit, member.id, new, asked.note, at, book=book)
    if standing == "fork" or asked.old != size:
        return Elsewhere(size)
    if held is None or (held.size, held.root) == (new.size, new.root):
        return not asked.proof
    waiting = peers.PeerCheckpoint(member.id, new.origin, new.size, new.root, asked.note, at)
    try:
        peers.prove(unit, waiting, asked.proof, at, book=book)
    except ProofRefused:
        return False
    return True


def held_of(connection: Connection, member: Member) -> bytes | None:
    """The newest note that we keep of a member's present log: its own evidence, should it lose its end."""
    found = peers.head(connection, peers.origin_of(member))
    return None if found is None else found.note
