"""Checkpoints as members fetch them: with the ML-DSA-44 line and witnesses' cosignatures (sections 8 and 11).

1. Sign the committed head. 2. Add the log's own second line. 3. Ask every witness for its cosignature, with a
proof from the size that it last saw (C2SP tlog-witness); one that saw more of our log than we have holds the
evidence that this log was taken back: its note is fetched, adopted, and nothing is signed any more.
4. With the quorum it is stored, and only then served; without, the last published one stays.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as insert_once

from adapters.errors import SourceError
from gateway.audit import ledger, origins
from gateway.audit.desk import LogDesk
from gateway.audit.interface import LedgerBroken
from gateway.audit.peer_log import Behind, PeerLog, PeerRefused
from gateway.audit.signing import own_log_keys, second_line, signed_head
from gateway.audit.sql import ledger_published
from gateway.logs import log
from keys.cosignature import cosignatures, with_lines
from keys.errors import ProofRefused
from keys.logs import witness_keys
from keys.member import Member
from keys.note import Checkpoint, parse_note, text_from_checkpoint

DEADLINE = 20.0
"""Seconds for one witness."""


@dataclass(frozen=True, slots=True)
class Published:
    """`witnesses`: how many of them cosigned."""

    origin: str
    size: int
    root: bytes
    at: int
    note: bytes
    witnesses: int


def newest(connection: Connection, origin: str) -> Published | None:
    """What `GET /ledger/checkpoint` serves: the largest that had its quorum."""
    table = ledger_published
    query = select(table).where(table.c.origin == origin).order_by(table.c.size.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Published(**row._asdict())


def covering(connection: Connection, member: str, index: int) -> Published | None:
    """The first published checkpoint that has this leaf in it, of this very tree and not of a lost one."""
    table, (start, origin) = ledger_published.c, origins.sizes_of_origins(connection, member)[-1]
    of_this_tree = (table.origin == origin) | (table.size <= start)
    query = select(ledger_published).where(table.size > index, of_this_tree).order_by(table.size).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Published(**row._asdict())


async def publish(desk: LogDesk) -> Published | None:
    """One round. None: an empty log, or no quorum. Raises `LedgerBroken`, `UnknownKey`."""
    at = desk.now()
    signed = await signed_head(desk.database, desk.keys, desk.me, at, mark=desk.mark)  # 1
    if signed is None:
        return None
    origin = await desk.database.read(lambda c: origins.current(c, desk.me))
    last = await desk.database.read(lambda c: newest(c, origin))
    if last is not None and last.size == signed.size:
        return last
    head = Checkpoint(origin, signed.size, signed.root)
    own = second_line(desk.keys, head, at)  # 2
    note = with_lines(signed.note, [own] if own else [])
    lines = await _cosigned(desk, head, note, last)  # 3
    if len(lines) < desk.needed():
        log.warning("checkpoint_without_quorum", count=len(lines))
        return None
    done = Published(origin, signed.size, signed.root, at, with_lines(note, lines), len(lines))
    await desk.database.write(lambda c: _store(c, done))  # 4
    return done


def _store(connection: Connection, done: Published) -> None:
    row = {name: getattr(done, name) for name in done.__slots__}
    connection.execute(insert_once(ledger_published).values(row).on_conflict_do_nothing())


async def _cosigned(desk: LogDesk, head: Checkpoint, note: bytes, last: Published | None) -> list[bytes]:
    """One line of each witness that gave one, at most as many as a note takes."""
    asked = [_ask(desk, one, head, note, last) for one in desk.witnesses()[:13]]
    return [line for line in await asyncio.gather(*asked) if line is not None]


async def _ask(
    desk: LogDesk, witness: Member, head: Checkpoint, note: bytes, last: Published | None
) -> bytes | None:
    old = last.size if last is not None and _cosigned_by(last, witness) else 0
    try:
        async with PeerLog(desk, witness, deadline=DEADLINE) as there:
            for _ in range(2):
                proof = await desk.database.read(partial(_proof, old=old, size=head.size))
                try:
                    lines = await there.add_checkpoint(old, proof, note)
                    return _require_line(lines, witness, head, desk.now())
                except Behind as behind:
                    old = behind.size
                    if old > head.size:
                        await _take_back(desk, there, head)
                        return None
    except (SourceError, PeerRefused, ProofRefused):
        log.warning("witness_refused", member=witness.id)
    return None


def _proof(connection: Connection, *, old: int, size: int) -> Sequence[bytes]:
    return ledger.prove_consistency(connection, old, size) if 0 < old <= size else ()


def _cosigned_by(last: Published, witness: Member) -> bool:
    try:
        return bool(cosignatures(parse_note(last.note), witness_keys(witness)))
    except ProofRefused:
        return False


def _require_line(reply: bytes, witness: Member, head: Checkpoint, now: int) -> bytes:
    """The witness's own line, verified over this very head. `ProofRefused` otherwise."""
    text, keys = text_from_checkpoint(head), witness_keys(witness, now)
    for line in reply.splitlines(keepends=True)[:16]:
        if cosignatures(parse_note(text + b"\n" + line), keys):
            return line
    raise ProofRefused("no cosignature by this witness")


async def _take_back(desk: LogDesk, there: PeerLog, head: Checkpoint) -> None:
    """A witness saw more of our log than there is: its note, if our key signed it, stops this log."""
    note = await there.held()
    known = await desk.database.read(lambda c: origins.sizes_of_origins(c, desk.me))
    origins.verified(note, known[-1:], own_log_keys(desk.keys, desk.me))
    if await desk.database.write(lambda c: origins.adopt(c, note)):
        log.error("ledger_rolled_back", count=head.size)
        raise LedgerBroken
