"""One exchange: a question about one patient, and everything that follows until the answer is on record.

 1. Ask, 2. authenticate and frame: `api/` built the `Ask`; here it becomes the one `AccessRequest`.
 3. Resolve the patient in the node's own index.
 4. Locate: the sources that an agreement in force lets us ask at all.
 5. to 7. belong to exchanges with other nodes.
 8. Gather from all sources at once, under one deadline; what comes is kept and normalised.
 9. Decide for each resource.
10. Release: recheck, record, commit; only then sign.
11. Assemble: merge, and say who was not reached.
12. Answer, sealed to the caller's key if it has one.

A consent or agreement that changes between 9 and 10 sends the answer back to 9: never out.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from adapters.interface import Identifier
from consent.decision import Deny, Permit
from consent.plan import Plan
from consent.request import AccessRequest
from gateway.audit.receipts import decision_statement
from gateway.errors import Problem
from gateway.exchange import release
from gateway.exchange.assemble import assemble, released, states_after
from gateway.exchange.basis import basis_of
from gateway.exchange.checkpoint import signed_checkpoint
from gateway.exchange.completeness import Completeness, SourceState, blinded
from gateway.exchange.decide import Decided, decide
from gateway.exchange.emergency import BrokenGlass, who_breaks
from gateway.exchange.frame import access_request
from gateway.exchange.gather import gather
from gateway.exchange.node import Node
from gateway.exchange.policy import Policy, read_policy
from gateway.exchange.request import Answer, Ask
from gateway.exchange.resolve import Subject, resolve
from gateway.exchange.sealing import Outgoing, outgoing, sealed
from gateway.exchange.statements import (
    completeness_statement,
    dated,
    named,
    receipts_of,
    statement_signers,
)
from gateway.fhir.json import encode
from gateway.fhir.outcome import problem_outcome
from gateway.logs import log
from gateway.records.interface import Record
from keys.errors import NotReady

_OF_THE_QUESTION = frozenset(("purpose-missing-or-unknown", "btg-undeclared", "no-lawful-basis"))
BREAK_GLASS = "break-glass"
MAX_ROUNDS = 4
"""How often a consent may change under one answer before it is refused as `conflict`."""


@dataclass(frozen=True, slots=True)
class _Round:
    """One pass through steps 9 to 11: all that one set of epochs says."""

    policy: Policy
    aliases: Mapping[str, str]
    decided: tuple[Decided, ...]
    leaving: tuple[Decided, ...]
    completeness: Completeness
    statement: bytes
    body: bytes
    problem: Problem | None = None
    """Nothing leaves but this; the decisions behind it go on record like any other."""


async def exchange(node: Node, ask: Ask) -> Answer:
    """Run the cycle. Raises `Problem`: `not_available`, `forbidden`, `no_source_answered`, `unavailable`."""
    try:
        node.directory().require_fresh(int(ask.at.timestamp()))
    except NotReady:
        raise Problem("unavailable", hint="the members list has expired") from None
    subject = await resolve(node, ask)  # 3
    request = access_request(ask, subject, node.directory().register)
    refused = await _refused(node, ask, request)  # 4
    states = await gather(node, ask, subject, refused)  # 8
    subject = await resolve(node, ask)  # the index may have learnt who it is
    request = access_request(ask, subject, node.directory().register)
    checkpoint = await signed_checkpoint(node)
    for _ in range(MAX_ROUNDS):
        turn = await _decide_round(node, ask, request, subject, states)  # 9, 11
        out = outgoing(node, ask, turn.body, checkpoint, refused=turn.problem is not None)
        try:
            await _release(node, ask, subject, turn, out)  # 10
        except release.Outdated:
            log.info("decided_again", exchange=ask.exchange)
            continue
        if turn.problem is not None:
            raise turn.problem
        return await _answer(node, ask, turn, out)  # 12
    raise Problem("conflict")


async def _refused(node: Node, ask: Ask, request: AccessRequest) -> dict[str, str]:
    """Custodians that may not be asked at all, with the code that may be told (consent.md 12, ●)."""
    policy = await node.database.read(
        lambda c: read_policy(c, node, None, request, who=ask.caller.practitioner)
    )
    plan = policy.plan(node)
    found = {b.source.custodian: plan.refusal(b.source.custodian) for b in node.sources}
    refused = {custodian: deny.reason for custodian, deny in found.items() if deny is not None}
    codes = set(refused.values())
    if len(refused) == len(found) and codes <= _OF_THE_QUESTION:
        raise Problem("forbidden", hint=", ".join(sorted(codes)))
    return refused


async def _decide_round(
    node: Node, ask: Ask, request: AccessRequest, subject: Subject, states: tuple[SourceState, ...]
) -> _Round:
    answered = [state.source for state in states if state.state == "answered"]

    def read(connection: Connection) -> tuple[Policy, tuple[Record, ...], Record | None, Mapping[str, str]]:
        room = node.room(connection)
        policy = read_policy(connection, node, subject.person, request, room.vault, ask.caller.practitioner)
        if subject.person is None:
            return policy, (), None, {}
        aliases = policy.aliases
        records = room.records.of_person(subject.person, answered, aliases=aliases)
        named = room.records.current(f"Patient/{ask.subject}") if isinstance(ask.subject, str) else None
        return policy, records, named, aliases

    policy, records, named, aliases = await node.database.read(read)
    plan = policy.plan(node)
    decided = decide(plan, records, aliases)
    resolves = isinstance(ask.subject, Identifier) or _may_leave(plan, named, aliases)
    leaving = _bounded(node, released(decided, ask.types)) if resolves else ()
    blind = node.entropy(32)
    statement_of = Completeness(
        node=node.member,
        exchange=ask.exchange,
        at=int(ask.at.timestamp()),
        purpose=ask.caller.purpose,
        types=ask.types,
        sources=states_after(states, leaving, blind, decided),
        request=blinded(blind, [ask.shape.encode(), repr(ask.subject).encode()]),
        tell_withheld=node.floor.tell_withheld,
    )
    statement = completeness_statement(node, statement_of)
    try:
        _require_answer(statement_of, statement, resolves)
        body = assemble(node, ask, leaving, statement_of, statement)
    except Problem as problem:
        told = encode(problem_outcome(problem))
        return _Round(policy, aliases, decided, (), statement_of, statement, told, problem)
    return _Round(policy, aliases, decided, leaving, statement_of, statement, body)


def _bounded(node: Node, leaving: tuple[Decided, ...]) -> tuple[Decided, ...]:
    """What leaves, if it is not too much. What is withheld does not count: it would show."""
    if len(leaving) > node.answer_resources:
        raise Problem("too_costly", hint="limits.answer_resources")
    return leaving


def _may_leave(plan: Plan, named: Record | None, aliases: Mapping[str, str]) -> bool:
    """An id resolves only if that very Patient may itself be released (http-api.md 4).

    What may be released does not depend on whether her source answers now, nor on the types asked for.
    """
    return named is not None and decide(plan, (named,), aliases)[0].body is not None


def _require_answer(completeness: Completeness, statement: bytes, resolves: bool) -> None:
    """The patient may be spoken of at all, and somebody was reached."""
    if not resolves:  # first: that nobody answers says nothing about an id that is none
        raise Problem("not_available")
    if not completeness.anyone_answered:
        raise Problem("no_source_answered", sources=completeness.rows(), statement=statement)


async def _release(node: Node, ask: Ask, subject: Subject, turn: _Round, out: Outgoing) -> None:
    policy = turn.policy
    told = [(one.decision, named(one.record)) for one in turn.decided]
    receipts = receipts_of(ask.exchange, policy.request, told, dated(policy.epochs))
    disclosure = release.Disclosure(
        ask=ask,
        person=subject.person,
        policy=policy,
        basis=basis_of(node, policy, subject.person, turn.decided, dict(turn.aliases)),
        receipts=receipts,
        decision_statement=decision_statement(
            ask.exchange, int(ask.at.timestamp()), receipts, statement_signers(node, int(ask.at.timestamp()))
        ),
        completeness_statement=turn.statement,
        state=_state(turn),
        md=out.md,
        req=ask.seal.request if ask.seal else hashlib.sha256(ask.exchange.encode()).digest(),
        detail=_detail(ask, turn),
        breaker=who_breaks(policy.request, ask.caller.practitioner),
        glass=_broken_glass(ask, subject, turn),
    )
    await node.database.write(lambda connection: release.record(connection, node, disclosure))


def _broken_glass(ask: Ask, subject: Subject, turn: _Round) -> BrokenGlass | None:
    """Whether anything leaves that ordinary access would have withheld."""
    request = turn.policy.request
    who = who_breaks(request, ask.caller.practitioner)
    opened = any(
        isinstance(one.decision, Permit) and one.decision.reason == BREAK_GLASS for one in turn.leaving
    )
    if not opened or who is None or subject.person is None or request.emergency is None:
        return None
    persons = turn.policy.epochs.persons
    return BrokenGlass(
        who, request.org, subject.person, persons, request.emergency.reason, request.at, ask.exchange
    )


def _state(turn: _Round) -> str:
    if turn.problem is not None:
        return "failed" if turn.problem.category.name == "no_source_answered" else "denied"
    return "complete" if turn.completeness.complete else "partial"


def _detail(ask: Ask, turn: _Round) -> dict[str, object]:
    """What the leaf commits to, kept encrypted apart from it (trust-and-ledger.md 9)."""
    caller = ask.caller
    permitted = {one.decision.reason for one in turn.decided if isinstance(one.decision, Permit)}
    denied = {one.decision.reason for one in turn.decided if isinstance(one.decision, Deny)}
    return {
        "exchange": ask.exchange,
        "client": caller.client,
        "organisation": caller.organisation,
        "practitioner": caller.practitioner or "",
        "roles": list(caller.roles),
        "purpose": caller.purpose,
        "operation": ask.shape,
        "permitted": sorted(permitted),
        "denied": sorted(denied),
        "sources": [source.row(tell_withheld=True) for source in turn.completeness.sources],
    }


async def _answer(node: Node, ask: Ask, turn: _Round, out: Outgoing) -> Answer:
    body, media = sealed(node, out)
    return Answer(ask.exchange, body, media, turn.completeness.complete)
