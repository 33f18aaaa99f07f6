"""Questions of the node's own staff about what would be decided: nothing leaves, and nothing is written.

The same plan, facts and policy as in an exchange; what these answer is what an exchange at that moment does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection

from adapters.interface import Identifier
from consent.decision import Decision
from consent.facts import Facts, facts_from_bytes
from consent.plan import Plan, plan
from consent.request import AccessRequest
from gateway.audit.exchanges import list_exchanges
from gateway.errors import Problem
from gateway.exchange.decide import decision_of
from gateway.exchange.frame import NOBODY
from gateway.exchange.node import Node
from gateway.exchange.policy import Policy, read_policy
from gateway.exchange.premises import NoBasis
from gateway.exchange.replay import Draft, Flip, flips
from gateway.exchange.resolve import canonical
from gateway.exchange.types import CLINICAL
from gateway.records.interface import KeyErased, Record

MAX_EXCHANGES = 1_000_000


@dataclass(frozen=True, slots=True)
class Question:
    """Who would ask, for what; `request.subject` is put in here."""

    patient: Identifier
    request: AccessRequest
    refs: tuple[str, ...] = ()
    """`Type/id`; empty: every record of the patient."""


@dataclass(frozen=True, slots=True)
class Who:
    """One combination that was tried for `who_can`."""

    org: str
    role: str
    purpose: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Looked:
    """What-if over the past: the flips, and how much was looked at; `unknown` could not be derived again."""

    flips: tuple[Flip, ...]
    exchanges: int
    unknown: int


async def can(node: Node, question: Question) -> tuple[tuple[str, Decision], ...]:
    """The decision on each record asked for, in that order. Raises `not_found` for one that is not hers."""
    return await node.database.read(lambda c: _can(c, node, question))


def _can(connection: Connection, node: Node, question: Question) -> tuple[tuple[str, Decision], ...]:
    room = node.room(connection)
    person = room.index.resolve([canonical(question.patient)]).person
    request = replace(question.request, subject=person or NOBODY)
    policy = read_policy(connection, node, person, request, room.vault, request.practitioner)
    aliases = room.index.aliases(person) if person else {}
    records = room.records.of_person(person, aliases=aliases) if person else ()
    hers = {one.ref: one for one in records if one.type in CLINICAL}
    if set(question.refs) - hers.keys():
        raise Problem("not_found", expression="TYPE/ID", hint="no such record of this patient is held here")
    made = policy.plan(node)
    return tuple(
        (ref, decision_of(made, _facts(hers[ref], aliases))) for ref in question.refs or sorted(hers)
    )


async def who_can(node: Node, ref: str, request: AccessRequest) -> tuple[Who, ...]:
    """Every organisation, role and purpose that the directory, agreements and pack know, tried on one record.

    `request`: only its instants and action count. Raises `not_found`.
    """
    return await node.database.read(lambda c: _who_can(c, node, ref, request))


def _who_can(connection: Connection, node: Node, ref: str, request: AccessRequest) -> tuple[Who, ...]:
    room = node.room(connection)
    record = room.records.current(ref)
    person = room.index.person_of(record.patient) if record is not None else None
    if record is None or person is None:
        raise Problem("not_found", expression="TYPE/ID", hint="no record of a patient here is called that")
    policy = read_policy(connection, node, person, replace(request, subject=person), room.vault)
    facts = _facts(record, room.index.aliases(person))
    return tuple(_tried(node, policy, facts))


def _tried(node: Node, policy: Policy, facts: Facts) -> Iterator[Who]:
    roles = sorted(_roles(node, policy))
    for org in sorted(_organisations(node, policy)):
        for role in roles:
            for purpose in sorted(node.floor.known_purposes):
                request = replace(policy.request, org=org, roles=(role,) if role else (), purpose=(purpose,))
                yield Who(org, role, purpose, decision_of(_planned(node, policy, request), facts))


def _planned(node: Node, policy: Policy, request: AccessRequest) -> Plan:
    return plan(
        request, policy.directory, node.floor, policy.agreements, policy.consents, policy.source_rules.rules
    )


def _organisations(node: Node, policy: Policy) -> set[str]:
    tree = policy.register.consent.org_parent
    members = set(node.directory().trust.members)
    agreed = {org for one in policy.agreements for org in one.providers | one.recipients}
    return {*tree, *tree.values(), *members, *agreed, *node.organisations}


def _roles(node: Node, policy: Policy) -> set[str]:
    """No role at all, those of agreements, and those that may break the glass."""
    agreed = {role for one in policy.agreements for term in one.terms for role in term.roles}
    return {"", *agreed, *node.floor.break_glass.roles}


def _facts(record: Record, aliases: Mapping[str, str]) -> Facts:
    return facts_from_bytes(record.digest).about(aliases)


async def what_if(node: Node, draft: Draft, *, since: int, person: str | None = None) -> Looked:
    """Replay the decisions of every exchange from `since` (POSIX seconds) on with the draft in its place."""
    ids = await node.database.read(
        lambda c: [e.id for e in list_exchanges(c, since=since, person=person, limit=MAX_EXCHANGES)][::-1]
    )
    found: list[Flip] = []
    unknown = 0
    for exchange in ids:  # a unit each: a long look back holds no snapshot
        told = await node.database.read(partial(_flips, node=node, exchange=exchange, draft=draft))
        unknown += told is None
        found += told or ()
    return Looked(tuple(found), len(ids), unknown)


def _flips(connection: Connection, node: Node, exchange: str, draft: Draft) -> Sequence[Flip] | None:
    try:
        return flips(connection, node, exchange, draft)
    except (NoBasis, KeyErased):
        return None
