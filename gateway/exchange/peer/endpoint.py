"""The exchange endpoint: one envelope in, one envelope out (envelope.md 6, exchange.md step 6).

0. Before a byte is read: the trust list is fresh and the replay store answers, else `unavailable` to all.
1. Steps 1 to 10 as the stream comes (`opening`): a copy of a message gets the stored answer again.
2. Step 11: the agreement that the message names is between the two of us, else it is refused, sealed.
3. Steps 12 to 15: the content, and its handler by `op`.
4. Step 16 is the handler's one transaction: effect, leaf `answer`, the spent id, the member's checkpoint.
5. The sealed answer is kept beside the spent id, then sent.

All else is `EnvelopeRefused`: one constant body outside, the reason in our log only. Our own unreadiness is
`Problem` (503) and leaves no trace: the same message may be sent again.
"""

import asyncio
from collections.abc import AsyncIterator

from sqlalchemy import Connection

from gateway.audit.replay import SQLReplay
from gateway.errors import Problem
from gateway.exchange.checkpoint import heed_checkpoint, is_refused
from gateway.exchange.grace import require_current
from gateway.exchange.node import Node
from gateway.exchange.peer.acks import take
from gateway.exchange.peer.agreement import named_agreement
from gateway.exchange.peer.content import NotARequest, content_from_bytes
from gateway.exchange.peer.opening import Watermark, open_stream
from gateway.exchange.peer.operations import (
    Handler,
    Operations,
    PeerRequest,
    Spent,
    conclude,
    refusal,
    require_life,
)
from gateway.logs import log
from keys.algorithms import SUITES
from keys.envelope.binding import ExpectPosted, Opening
from keys.envelope.events import ManifestVerified, Opened, Replayed
from keys.envelope.recipient import kem_keys_from_store
from keys.envelope.replay import Conflict, Same, Unseen
from keys.envelope.verify import verify_manifest
from keys.errors import EnvelopeRefused
from keys.trust import TrustList

MAX_CONTENT = 2 << 20
"""Bytes of a request's content: questions, consents and lists of digests, never records."""
PATIENCE = 5.0
"""Seconds that a copy waits for the answer to the first of its kind."""
_LOOKING: set[asyncio.Future[bool]] = set()
"""Kept until they end: the loop itself would forget them."""
_OURS = frozenset(("unavailable", "no_store", "internal", "throttled"))


async def respond(node: Node, operations: Operations, pieces: AsyncIterator[bytes]) -> bytes:
    """The sealed answer to the envelope that comes in pieces; empty: it was an acknowledgement, and is taken.

    Raises `EnvelopeRefused`, `Problem`.
    """
    at = int(node.clock().timestamp())
    trust = node.directory().trust
    require_current(trust, "BTG", at)  # 0, of any purpose
    mark = await node.database.read(lambda c: SQLReplay(c).watermark())
    opening = Opening(
        me=node.member,
        trust=trust,
        keys=kem_keys_from_store(node.keys, now=at),
        expect=ExpectPosted(),
        replay=Watermark(mark),
        now=at,
        max_content=MAX_CONTENT,
        acknowledged=False,
        emergency=True,
    )
    try:
        opened, verified = await open_stream(pieces, opening, lambda event: _known(node, event))  # 1
        if isinstance(opened, Replayed):
            return opened.outcome
        if opened.manifest.kind == "ack":
            return await _acknowledged(node, opened, trust)
        require_current(trust, opened.manifest.pou or "", at)
        require_life(opened.manifest, int(node.clock().timestamp()))
        return await _answered(node, operations, opened, verified, trust)
    except EnvelopeRefused as refused:
        log.warning("envelope_refused", reason=refused.reason)
        if refused.reason == "issuer":
            _look_later(node, at)
        raise


def _look_later(node: Node, at: int) -> None:
    """Beside the refusal, which waits for nothing. Who it really was nobody knows: strangers share a turn."""
    looking = asyncio.ensure_future(node.look("", at))
    _LOOKING.add(looking)
    looking.add_done_callback(_LOOKING.discard)


async def _acknowledged(node: Node, opened: Opened, trust: TrustList) -> bytes:
    """What a member says of an answer of ours; a copy of it changes nothing."""
    manifest, at = opened.manifest, int(node.clock().timestamp())

    def unit(connection: Connection) -> None:
        _require_trust(node, opened, trust)
        spent = SQLReplay(connection).record(manifest.iss, manifest.jti, opened.md, manifest.exp, b"")
        if isinstance(spent, Conflict):
            raise EnvelopeRefused("replay")
        if isinstance(spent, Unseen):
            take(connection, node, manifest, at)

    await node.database.write(unit)
    return b""


def _require_trust(node: Node, opened: Opened, trust: TrustList) -> None:
    """Step 16: the signatures again, if the trust list moved on since they were checked."""
    now = node.directory().trust
    if now.version != trust.version:
        verify_manifest(opened.jws, SUITES[opened.suite], now)


async def _answered(
    node: Node, operations: Operations, opened: Opened, verified: ManifestVerified, trust: TrustList
) -> bytes:
    request, handler = await _understood(node, operations, opened, trust)
    manifest = opened.manifest
    try:
        envelope = await handler(node, request)
    except Spent:
        known = await _known(node, verified)
        if isinstance(known, Same) and known.outcome is not None:
            return known.outcome
        raise EnvelopeRefused("replay") from None
    md = opened.md
    await node.database.write(lambda c: SQLReplay(c).settle(manifest.iss, manifest.jti, md, envelope))  # 5
    return envelope


async def _understood(
    node: Node, operations: Operations, opened: Opened, trust: TrustList
) -> tuple[PeerRequest, Handler]:
    """The request and who answers it; what cannot be answered is answered as refused, sealed."""
    manifest = opened.manifest
    at = int(node.clock().timestamp())

    def request(content: dict[str, object]) -> PeerRequest:
        waits = float(str(content.get("deadline_ms", 0))) / 1000
        return PeerRequest(
            manifest.iss,
            manifest,
            opened.md,
            opened.suite,
            content,
            at,
            waits,
            _spending(node, opened, trust, at),
        )

    try:
        found = request(content_from_bytes(opened.content))
    except NotARequest:
        return request({"op": ""}), _refusing(Problem("invalid"))
    named = await node.database.read(  # 2
        lambda c: named_agreement(c, node, manifest.agr, manifest.iss)
    )
    if named is None:
        return found, _refusing(Problem("forbidden", hint="no-dsa"), "no-dsa")
    if await is_refused(node, manifest.iss):
        return found, _refusing(Problem("forbidden", hint="peer-suspended"), "peer-suspended")
    handler = operations.get(found.op)
    if handler is None:
        return found, _refusing(Problem("not_supported"))
    return found, _with_problems(handler)


def _refusing(problem: Problem, reason: str = "") -> Handler:
    async def handle(node: Node, request: PeerRequest) -> bytes:
        return await conclude(node, request, refusal(request, problem, reason))

    return handle


def _with_problems(handler: Handler) -> Handler:
    """A problem of the question is told to the member, sealed; our own unreadiness stays outside."""

    async def handle(node: Node, request: PeerRequest) -> bytes:
        try:
            return await handler(node, request)
        except Problem as problem:
            if problem.category.name in _OURS:
                raise
            return await conclude(node, request, refusal(request, problem))

    return handle


def _spending(node: Node, opened: Opened, trust: TrustList, at: int):  # type: ignore[no-untyped-def]
    """4. What runs in the answering unit before its leaf."""
    manifest = opened.manifest

    def spend(connection: Connection) -> None:
        _require_trust(node, opened, trust)
        spent = SQLReplay(connection).record(manifest.iss, manifest.jti, opened.md, manifest.exp)
        if not isinstance(spent, Unseen):
            raise Spent
        heed_checkpoint(connection, node, manifest.iss, manifest.log, at)

    return spend


async def _known(node: Node, event: ManifestVerified) -> Unseen | Same | Conflict:
    """Step 10. Where the first copy is still being answered, wait for its answer a while."""
    manifest = event.manifest

    def look(connection: Connection) -> Unseen | Same | Conflict:
        return SQLReplay(connection).seen(manifest.iss, manifest.jti, event.md)

    found = await node.database.read(look)
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE
    while isinstance(found, Same) and found.outcome is None and loop.time() < until:
        await asyncio.sleep(0.05)
        found = await node.database.read(look)
    return found
