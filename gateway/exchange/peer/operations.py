"""What an opened request is answered with: a table from `op` to its handler.

A handler is `async (Node, PeerRequest) -> bytes`: the sealed answer, with its leaf and the spent request
committed. Whoever adds an op writes the short form, `async (Node, PeerRequest) -> Reply`, and puts
`answered(it)` into the table of `gateway/bootstrap.py`; `Reply.effect` runs in the one transaction with the
leaf `answer`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from gateway.audit import ledger
from gateway.audit.interface import Entry
from gateway.errors import Problem
from gateway.exchange.checkpoint import signed_checkpoint
from gateway.exchange.node import Node
from gateway.fhir.json import encode
from gateway.fhir.outcome import problem_outcome
from keys.envelope.draft import MAX_LIFE, WORTH_COMPRESSING, Claims, draft
from keys.envelope.manifest import ANSWER, FHIR_JSON, Manifest
from keys.envelope.recipient import recipient_from_request
from keys.envelope.seal import finish, signers_for_suite
from keys.errors import EnvelopeRefused, UnknownKey
from keys.syntax import b64u

OPERATIONS_PURPOSE = "HSYSADMIN"
"""Purpose of use of the ops that ask for nobody's care: `consent`, `revoke`, `reconcile`."""


class Spent(Exception):
    """Another worker answered the same request first: its answer is the answer."""


def _nothing(_: Connection) -> None:
    return None


@dataclass(frozen=True, slots=True)
class PeerRequest:
    """One opened request. `content` is of the form of its op; `deadline`: seconds that the member waits."""

    member: str
    manifest: Manifest
    md: bytes
    suite: int
    content: Mapping[str, Any]
    at: int
    """When it was opened, POSIX seconds."""
    deadline: float
    spend: Callable[[Connection], None]
    """In the answering unit, before the leaf; raises `Spent`, and `EnvelopeRefused` if trust has moved on."""

    @property
    def op(self) -> str:
        return str(self.content["op"])


@dataclass(frozen=True, slots=True)
class Reply:
    """What leaves, and what commits with it. `detail` goes into the leaf, sealed."""

    content: bytes = field(repr=False)
    typ: str = ANSWER
    detail: Mapping[str, Any] = field(default_factory=dict)
    person: str | None = None
    effect: Callable[[Connection], None] = field(default=_nothing, repr=False)


Handler = Callable[[Node, PeerRequest], Awaitable[bytes]]
Operations = Mapping[str, Handler]


def answered(reply: Callable[[Node, PeerRequest], Awaitable[Reply]]) -> Handler:
    """The handler over a function that says what to answer; a `Problem` of its own is answered as refused."""

    async def handle(node: Node, request: PeerRequest) -> bytes:
        return await conclude(node, request, await reply(node, request))

    return handle


def done(op: str, **members: Any) -> bytes:
    """Content of an answer: `{"v":1,"op","result":"done",…}`."""
    return encode({"v": 1, "op": op, "result": "done"} | members)


def refusal(request: PeerRequest, problem: Problem, reason: str = "") -> Reply:
    """A question that a member may ask, but not so: told to it, sealed. Never says anything of a patient."""
    word = reason or problem.category.name
    detail = {"op": request.op, "refused": word}
    if request.manifest.pou == OPERATIONS_PURPOSE:
        told = encode({"v": 1, "op": request.op, "result": "refused", "reason": word})
        return Reply(told, ANSWER, detail)
    return Reply(encode(problem_outcome(problem)), FHIR_JSON, detail)


async def conclude(node: Node, request: PeerRequest, reply: Reply) -> bytes:
    """Draft, commit leaf and effect, then sign and seal (envelope.md 5). Raises `Spent`, `unavailable`."""
    at = int(node.clock().timestamp())
    claims = Claims(
        kind="response",
        iss=node.member,
        typ=reply.typ,
        exp=min(request.manifest.exp, at + MAX_LIFE),
        log=b64u(await signed_checkpoint(node)),
        req=b64u(request.md),
    )
    made = draft(
        claims,
        reply.content,
        [recipient_from_request(request.manifest)],
        suite=request.suite,
        now=at,
        entropy=node.entropy,
        encoding="zstd" if len(reply.content) >= WORTH_COMPRESSING else "identity",
    )

    def unit(connection: Connection) -> None:
        request.spend(connection)
        reply.effect(connection)
        entry = Entry("answer", at, request.member, made.md, request.md, reply.person, reply.detail)
        vault = node.room(connection).vault
        ledger.append(connection, entry, me=node.member, vault=vault, entropy=node.entropy)

    await node.database.write(unit)
    try:
        return finish(made, signers_for_suite(node.keys, request.suite, at=at)).envelope
    except UnknownKey:
        raise Problem("unavailable", hint="no live signing key: carepact doctor") from None


def require_life(manifest: Manifest, at: int) -> None:
    """An answer must not outlive its question: one that is past cannot be answered any more."""
    if manifest.exp <= at:
        raise EnvelopeRefused("time")
