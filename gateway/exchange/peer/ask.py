"""Asking another member's node (exchange.md, steps 5 and 11): one sealed question, one verified answer.

1. The member: an endpoint, a live key to seal to, a suite in common, else nothing is sent.
2. Draft the request with a fresh reply key, purpose and agreement. 3. Commit leaf `ask`. 4. Sign and seal.
5. Post, within the deadline. 6. Open: this member, this request, this reply key, nothing else.
7. Commit leaf `receive`, the spent id of the answer, the member's checkpoint, and the evidence.
8. Only now is the content handed on. The reply key lives in memory until here.

Whatever a member does ends as `Failed` with a word of the closed list of the completeness statement.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from gateway.audit import ledger
from gateway.audit.interface import Entry
from gateway.audit.replay import SQLReplay
from gateway.authn.claims import EMERGENCY
from gateway.errors import Problem
from gateway.exchange.checkpoint import heed_checkpoint, is_refused, signed_checkpoint
from gateway.exchange.grace import require_current, staleness
from gateway.exchange.links import LinkFailed
from gateway.exchange.node import Node
from gateway.exchange.peer.agreement import newest_agreement
from gateway.exchange.peer.content import content_bytes
from gateway.exchange.peer.evidence import Evidence, keep
from gateway.exchange.peer.opening import Watermark, open_bytes
from gateway.exchange.peer.operations import OPERATIONS_PURPOSE
from gateway.logs import log
from keys.envelope.binding import ExpectResponse, Opening
from keys.envelope.draft import Claims, Draft, draft
from keys.envelope.events import ManifestVerified, Opened, Replayed
from keys.envelope.manifest import REQUEST
from keys.envelope.recipient import ReplyKey, choose_suite, make_reply_key, recipient_from_trust
from keys.envelope.replay import Conflict, Same, Unseen
from keys.envelope.seal import finish, signers_for_suite
from keys.errors import EnvelopeRefused, NotReady, UnknownKey
from keys.syntax import b64u
from keys.trust import TrustList

LIFE = 120
"""Seconds that a request is good for beyond what its asker waits: clocks differ by up to a minute."""
NOT_ASKED = frozenset(("no-dsa", "not-capable", "peer-suspended"))


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one member. `members`: content beside `v`, `op` and the deadline."""

    member: str
    op: str
    members: Mapping[str, Any] = field(repr=False)
    deadline: float
    """Seconds."""
    purpose: str = OPERATIONS_PURPOSE
    agreement: str = ""
    """`id@version`; empty: the newest between the two."""
    exchange: str = ""
    person: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """A verified answer. `typ`: media type of `content`; `evidence` is kept already."""

    member: str
    typ: str
    content: bytes = field(repr=False)
    evidence: Evidence
    suite: int
    exp: int
    """Of the response's manifest."""


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer. `reason`: `unreachable refused malformed unverified timed-out`, or one of `NOT_ASKED`."""

    member: str
    reason: str


async def ask(node: Node, question: Question) -> Answered | Failed:
    """Never raises for what the member does; raises `Problem` where this node itself is not ready."""
    loop = asyncio.get_running_loop()
    until = loop.time() + question.deadline
    at = int(node.clock().timestamp())
    directory = node.directory()
    require_current(directory, question.purpose, at)
    url = directory.endpoint(question.member)
    if url is None or question.member == node.member:
        return Failed(question.member, "not-capable")
    if await is_refused(node, question.member):
        return Failed(question.member, "peer-suspended")
    try:
        outgoing = await _asked(node, question, directory.trust, at)  # 1 to 4
    except UnknownKey:
        return Failed(question.member, "not-capable")
    if outgoing is None:
        return Failed(question.member, "no-dsa")
    envelope, made, reply = outgoing
    try:
        answer = await node.links.post(question.member, url, envelope, until - loop.time())  # 5
        return await _received(node, question, made, reply, answer)
    except LinkFailed as failed:
        return Failed(question.member, failed.reason)
    except EnvelopeRefused as refused:
        log.warning("answer_refused", member=question.member, reason=refused.reason)
        return Failed(question.member, "unverified")


async def _asked(
    node: Node, question: Question, trust: TrustList, at: int
) -> tuple[bytes, Draft, ReplyKey] | None:
    agreement = question.agreement or await _newest(node, question.member)
    if not agreement:
        return None
    suite = choose_suite(trust, node.member, question.member)  # 1
    recipient = recipient_from_trust(trust, question.member, at=at, suite=suite)
    exp = at + min(LIFE + int(question.deadline), 600)
    reply = make_reply_key(node.entropy, now=at, exp=exp, suite=suite)  # 2
    claims = Claims(
        kind="request",
        iss=node.member,
        typ=REQUEST,
        exp=exp,
        log=b64u(await signed_checkpoint(node)),
        pou=question.purpose,
        agr=agreement,
        rkey=reply.jwk,
    )
    content = content_bytes(question.op, question.deadline, question.members)
    made = draft(claims, content, [recipient], suite=suite, now=at, entropy=node.entropy)
    signers = signers_for_suite(node.keys, suite, at=at)
    detail = {"op": question.op, "exchange": question.exchange, "agreement": agreement}
    detail |= dict(question.detail) | staleness(trust, at)
    entry = Entry("ask", at, question.member, made.md, b"", question.person, detail)
    await node.database.write(lambda c: _log(c, node, entry))  # 3
    return (await asyncio.to_thread(finish, made, signers)).envelope, made, reply  # 4


async def _newest(node: Node, member: str) -> str:
    found = await node.database.read(lambda c: newest_agreement(c, node, member))
    return found.ref if found else ""


def _log(connection: Connection, node: Node, entry: Entry) -> None:
    vault = node.room(connection).vault
    ledger.append(connection, entry, me=node.member, vault=vault, entropy=node.entropy)


async def _received(node: Node, question: Question, made: Draft, reply: ReplyKey, answer: bytes) -> Answered:
    at = int(node.clock().timestamp())
    expect = ExpectResponse(question.member, made.md, reply.kid, made.suite.number, made.manifest.exp)
    mark = await node.database.read(lambda c: SQLReplay(c).watermark())
    opening = Opening(
        node.member,
        node.directory().trust,
        (reply,),
        expect,
        Watermark(mark),
        at,
        emergency=question.purpose in EMERGENCY,
    )
    try:
        opened, _ = await _opened(node, opening, answer)  # 6
    except NotReady:
        raise Problem("unavailable", hint="the members list has expired") from None
    if not isinstance(opened, Opened):
        raise EnvelopeRefused("replay")
    kept = Evidence(
        opened.md, made.md, question.member, question.exchange, at, opened.jws, opened.env, question.person,
        opened.blind,
    )  # fmt: skip
    await node.database.write(lambda c: _record(c, node, question, opened, kept))  # 7
    manifest = opened.manifest
    return Answered(question.member, manifest.cnt.typ, opened.content, kept, opened.suite, manifest.exp)  # 8


async def _opened(node: Node, opening: Opening, answer: bytes) -> tuple[Opened | Replayed, ManifestVerified]:
    """An answer by a key that the list lacks is opened again if a newer list was found meanwhile."""
    try:
        return await open_bytes(answer, opening, _never_seen)
    except EnvelopeRefused as refused:
        assert isinstance(opening.expect, ExpectResponse)
        if refused.reason != "issuer" or not await node.look(opening.expect.iss, opening.now):
            raise
    return await open_bytes(answer, replace(opening, trust=node.directory().trust), _never_seen)


async def _never_seen(_: ManifestVerified) -> Unseen | Same | Conflict:
    """The reply key is of this one question, and its answer's id is spent in the unit that records it."""
    return Unseen()


def _record(connection: Connection, node: Node, question: Question, opened: Opened, kept: Evidence) -> None:
    manifest = opened.manifest
    spent = SQLReplay(connection).record(manifest.iss, manifest.jti, opened.md, manifest.exp)
    if not isinstance(spent, Unseen):
        raise EnvelopeRefused("replay")
    detail = {"op": question.op, "exchange": question.exchange} | dict(question.detail)
    detail |= staleness(node.directory().trust, kept.at)
    entry = Entry("receive", kept.at, question.member, opened.md, kept.req, question.person, detail)
    _log(connection, node, entry)
    heed_checkpoint(connection, node, manifest.iss, manifest.log, kept.at)
    keep(connection, kept, node.room(connection).vault)
