"""`carepact audit reconcile`: two logs of the same exchanges, compared (trust-and-ledger.md 12).

1. Ask, sealed, for the member's leaves about exchanges with us, page by page, each with its proof under the
member's checkpoint; the checkpoint is joined to the head that we keep of its log. 2. What it holds of our own
log is compared with ours: it may have more. 3. Pair (`gateway.audit.pairing`). 4. What has no partner is
asked for by its digest, whatever time its leaf says. 5. The result is signed and logged (`reconcile`), and
the member's matching leaves are kept for receipts.

The window is widened by ten minutes for pairing, so that an exchange at its edge is not cut in two.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert as insert_once

from gateway.audit import ledger, origins, peers
from gateway.audit.desk import LogDesk
from gateway.audit.interface import Entry
from gateway.audit.pairing import CLASSES, Paired, Shown, pair
from gateway.audit.shown import Told, leaves_with, told_from_json
from gateway.audit.signing import own_log_keys
from gateway.audit.sql import peer_leaf
from gateway.audit.watch import watch
from gateway.errors import Problem
from gateway.exchange.node import Node
from gateway.exchange.peer.ask import Answered, Failed, Question, ask
from gateway.fhir.json import BadJSON, decode
from keys import jws
from keys.errors import ProofRefused, UnknownKey
from keys.logs import log_keys
from keys.member import Member
from keys.note import verify_checkpoint
from keys.syntax import SyntaxRefused, b64u, emit, require_integer, require_list, unb64u

DEADLINE = 60.0
"""Seconds for one page."""
MARGIN = 600
MAX_PAGES = 1000
_MANY = 500
"""Digests in one request, and rows of one signed result."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The signed result. `checkpoint`: `proven`, or why theirs does not join what was known of their log."""

    peer: str
    since: int
    until: int
    at: int
    checkpoint: str
    rows: tuple[Paired, ...]
    statement: bytes

    @property
    def matched(self) -> bool:
        """Exit 0: everything that can be judged by now is matched, and their log is one history."""
        return self.checkpoint == "proven" and all(row.kind in ("matched", "open") for row in self.rows)

    def counts(self) -> dict[str, int]:
        return {name: sum(row.kind == name for row in self.rows) for name in CLASSES}


@dataclass(slots=True)
class _Theirs:
    """What was shown so far, by index: a page that repeats a leaf adds nothing."""

    told: dict[int, Told] = field(default_factory=dict)
    notes: dict[int, bytes] = field(default_factory=dict)
    """Index of a leaf -> the checkpoint note that it is proven under."""
    held: bytes = b""


async def reconcile(node: Node, desk: LogDesk, peer: str, *, since: int, until: int) -> Reconciled:
    """Times are POSIX seconds. Raises `not_found` (no such member), `unavailable` (it did not answer)."""
    member = node.directory().trust.member(peer)
    if member is None or peer == node.member:
        raise Problem("not_found", hint="no member of this id: carepact directory status")
    now, first, last = desk.now(), since - MARGIN, until + MARGIN
    theirs = _Theirs()
    await _pages(node, member, theirs, since=first, until=last)  # 1
    await _compare_own(desk, theirs.held)  # 2
    mine = await node.database.read(lambda c: leaves_with(c, peer, since=first, until=last))
    rows = _paired(node.member, peer, mine, theirs, now)  # 3
    if missing := [row.request for row in rows if row.kind in ("only-here", "unacked")][:_MANY]:
        await _pages(node, member, theirs, since=0, until=0, md=[b64u(one) for one in missing])  # 4
        rows = _paired(node.member, peer, mine, theirs, now)
    rows = tuple(row for row in rows if since <= row.at <= until)
    checkpoint = await _joined(desk, member, theirs)
    return await _signed(node, Reconciled(peer, since, until, now, checkpoint, rows, b""), theirs)  # 5


def _paired(me: str, peer: str, mine: Sequence[Shown], theirs: _Theirs, now: int) -> tuple[Paired, ...]:
    return pair(me, peer, mine, [one.shown for one in theirs.told.values()], now=now)


async def _pages(
    node: Node, member: Member, theirs: _Theirs, *, since: int, until: int, md: Sequence[str] = ()
) -> None:
    after: int | None = 0
    for _ in range(MAX_PAGES):
        members = {"since": max(0, since), "until": max(0, until), "after": after} | (
            {"md": list(md)} if md else {}
        )
        answer = await ask(node, Question(member.id, "reconcile", members, DEADLINE))
        after = _take(member, theirs, answer, after or 0)
        if after is None:
            return
    raise Problem("unavailable", hint="the member's pages do not end")


def _take(member: Member, theirs: _Theirs, answer: Answered | Failed, after: int) -> int | None:
    """Read one page; where it goes on, None at the end. Raises `unavailable`, naming what the member did."""
    if isinstance(answer, Failed):
        raise Problem("unavailable", hint=f"the member did not answer: {answer.reason}")
    try:
        held = decode(answer.content)
        if not isinstance(held, dict) or held.get("result") != "done":
            raise SyntaxRefused
        note = unb64u(held["checkpoint"])
        theirs.held = unb64u(held["held"]) or theirs.held
        signed = verify_checkpoint(note, peers.origin_of(member), log_keys(member))
        for entry in require_list(held["leaves"], 0, 1000):
            one = told_from_json(entry, signed.size, signed.root)
            theirs.told.setdefault(one.shown.index, one)
            theirs.notes.setdefault(one.shown.index, note)
        if not held["leaves"]:
            theirs.notes.setdefault(-1, note)
        following = None if held["next"] is None else require_integer(held["next"])
    except (BadJSON, SyntaxRefused, ProofRefused, KeyError, TypeError):
        raise Problem("unavailable", hint="the member's answer is no page of leaves") from None
    if following is not None and following <= after:
        raise Problem("unavailable", hint="the member's pages do not go on")
    return following


async def _compare_own(desk: LogDesk, note: bytes) -> None:
    """Step 2. A note of ours, by our own key, over more than is here: this log was taken back."""
    if not note:
        return
    known = await desk.database.read(lambda c: origins.sizes_of_origins(c, desk.me))
    try:
        origins.verified(note, known[-1:], own_log_keys(desk.keys, desk.me))
    except ProofRefused:
        return
    if await desk.database.write(lambda c: origins.adopt(c, note)):
        raise Problem("unavailable", hint="this log was taken back: carepact audit restart")


async def _joined(desk: LogDesk, member: Member, theirs: _Theirs) -> str:
    """`proven` once every checkpoint of theirs is joined to the head of their log; else why not."""
    at = desk.now()
    notes = tuple(dict.fromkeys(theirs.notes.values()))
    for note in notes:
        await desk.database.write(lambda c, note=note: desk.take(c, member.id, note, at))  # type: ignore[misc]
    waiting = await desk.database.read(peers.waiting)
    if any(one.note in notes for one in waiting):
        await watch(desk)
        waiting = await desk.database.read(peers.waiting)
    if await desk.database.read(lambda c: peers.has_forked(c, member.id)):
        return "fork"
    return "unproven" if any(one.note in notes for one in waiting) else "proven"


async def _signed(node: Node, result: Reconciled, theirs: _Theirs) -> Reconciled:
    try:
        signers = jws.signers_from_store(node.keys, at=result.at)
    except UnknownKey:
        raise Problem("unavailable", hint="no live signing key: carepact keys list") from None
    statement = jws.sign(jws.RECONCILE, emit(claims(node.member, result)), signers)
    done = Reconciled(
        result.peer, result.since, result.until, result.at, result.checkpoint, result.rows, statement
    )
    await node.database.write(lambda c: _record(c, node, done, theirs))
    return done


def claims(me: str, result: Reconciled) -> dict[str, object]:
    """Payload of the statement: counts of every class, and each exchange that is not matched."""
    odd = [row for row in result.rows if row.kind not in ("matched", "open")][:_MANY]
    rows = [
        {"req": b64u(row.request), "class": row.kind, "at": row.at, "mine": list(row.mine),
         "theirs": list(row.theirs)}
        for row in odd
    ]  # fmt: skip
    head = {"v": 1, "me": me, "peer": result.peer, "since": result.since, "until": result.until}
    return head | {"at": result.at, "checkpoint": result.checkpoint, "counts": result.counts(), "rows": rows}


def _record(connection: Connection, node: Node, done: Reconciled, theirs: _Theirs) -> None:
    for row in done.rows:
        if row.kind == "matched":
            _keep_partner(connection, done, row, theirs)
    detail = {"statement": done.statement.decode("ascii"), "counts": done.counts()}
    digest = hashlib.sha256(done.statement).digest()
    entry = Entry("reconcile", done.at, peer=done.peer, md=digest, detail=detail)
    vault = node.room(connection).vault
    ledger.append(connection, entry, me=node.member, vault=vault, entropy=node.entropy)


def _keep_partner(connection: Connection, done: Reconciled, row: Paired, theirs: _Theirs) -> None:
    """Each of our leaves gets the member's `answer` or `receive` beside it."""
    partner = next(
        theirs.told[i] for i in row.theirs if theirs.told[i].shown.leaf.kind in ("answer", "receive")
    )
    kept = {
        "peer": done.peer, "at": done.at, "theirs": partner.shown.index, "bytes": partner.data,
        "proof": b"".join(partner.proof), "note": theirs.notes[partner.shown.index],
    }  # fmt: skip
    for index in row.mine:
        first = insert_once(peer_leaf).values(kept | {"idx": index})
        connection.execute(first.on_conflict_do_update(index_elements=["idx"], set_=kept))
