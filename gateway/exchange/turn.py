"""Steps 9 and 11: one pass over all that is held, under one set of epochs, up to the bytes that may leave."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from adapters.interface import Identifier
from consent.plan import Plan
from consent.request import AccessRequest
from gateway.errors import Problem
from gateway.exchange.assemble import assemble, released, states_after, with_source
from gateway.exchange.completeness import Completeness, SourceState, blinded
from gateway.exchange.decide import Decided, decide
from gateway.exchange.foreign import Foreign, apart
from gateway.exchange.locate import Located
from gateway.exchange.node import Node
from gateway.exchange.policy import Policy, read_policy
from gateway.exchange.request import Ask
from gateway.exchange.resolve import Subject
from gateway.exchange.statements import completeness_statement
from gateway.fhir.json import encode
from gateway.fhir.outcome import problem_outcome
from gateway.records.interface import Record


@dataclass(frozen=True, slots=True)
class Turn:
    """All that one set of epochs says."""

    policy: Policy
    aliases: Mapping[str, str]
    decided: tuple[Decided, ...]
    leaving: tuple[Decided, ...]
    completeness: Completeness
    statement: bytes
    body: bytes
    problem: Problem | None = None
    """Nothing leaves but this; the decisions behind it go on record like any other."""

    @property
    def merged(self) -> tuple[str, ...]:
        """`md` of each member's answer that is in this one, in the order of the statement (`src`)."""
        return tuple(dict.fromkeys(s.manifest for s in self.completeness.sources if s.manifest))


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that came: own sources, other members' answers, and who was not asked."""

    states: tuple[SourceState, ...]
    foreign: tuple[Foreign, ...] = ()
    located: Located = field(default_factory=Located)

    @property
    def all_states(self) -> tuple[SourceState, ...]:
        """In the order of the statement: our own, then the members'."""
        others = (state for one in self.foreign for state in one.states)
        return (*self.states, *others, *self.located.states)


async def decide_turn(
    node: Node, ask: Ask, request: AccessRequest, subject: Subject, found: Gathered
) -> Turn:
    """Read all that decides, decide, and put together what may leave, or the problem that leaves instead."""
    answered = [state.source for state in found.states if state.state == "answered"]

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
    found = replace(found, foreign=apart(found.foreign, frozenset(r.ref for r in records), node.base))
    aliases = {**aliases, **{ref: request.subject for one in found.foreign for ref in one.patients}}
    decided = decide(plan, records, aliases)
    for one in found.foreign:  # each by itself: a reference resolves where it was made
        decided += decide(plan, one.records, aliases)
    spoken_of = isinstance(ask.subject, Identifier) or _may_leave(plan, named, aliases)
    leaving = _bounded(node, released(decided, ask.types)) if spoken_of else ()
    if ask.shape == "query":
        leaving = tuple(map(with_source, leaving))
    blind = node.entropy(32)
    statement_of = Completeness(
        node=node.member,
        exchange=ask.exchange,
        at=int(ask.at.timestamp()),
        purpose=ask.caller.purpose,
        types=ask.types,
        sources=states_after(found.all_states, leaving, blind, decided),
        request=blinded(blind, [ask.shape.encode(), repr(ask.subject).encode()]),
        tell_withheld=node.floor.tell_withheld,
        reach=ask.reach,
        not_listed=dict(found.located.not_listed),
    )
    statement = completeness_statement(node, statement_of)
    try:
        _require_answer(statement_of, statement, spoken_of)
        body = assemble(node, ask, leaving, statement_of, statement, found.foreign)
    except Problem as problem:
        told = encode(problem_outcome(problem))
        return Turn(policy, aliases, decided, (), statement_of, statement, told, problem)
    return Turn(policy, aliases, decided, leaving, statement_of, statement, body)


async def resolves(node: Node, ask: Ask, request: AccessRequest, subject: Subject) -> bool:
    """Whether the caller may have the very Patient that an id names: till then no member hears of her."""
    if isinstance(ask.subject, Identifier):
        return True

    def read(connection: Connection) -> bool:
        room = node.room(connection)
        policy = read_policy(connection, node, subject.person, request, room.vault, ask.caller.practitioner)
        named = room.records.current(f"Patient/{ask.subject}")
        return _may_leave(policy.plan(node), named, policy.aliases)

    return await node.database.read(read)


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
