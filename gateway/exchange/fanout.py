"""Step 5: the members that may be asked, all at once, each its own sealed question under the one deadline.

What a member does costs only its own line. What it is told of the patient: identifiers that a country or the
question itself gave her, nothing that another source of ours knows her by.
"""

import asyncio
from dataclasses import replace
from typing import Any

from adapters.identity import is_national
from adapters.interface import Identifier
from consent.request import AccessRequest, access_request_to_json
from gateway.exchange.completeness import SourceState
from gateway.exchange.locate import Located, speaks_for
from gateway.exchange.node import Node
from gateway.exchange.peer.acks import acknowledge
from gateway.exchange.peer.ask import NOT_ASKED, Failed, Question, ask
from gateway.exchange.peer.contribution import (
    BadContribution,
    Contributed,
    Expected,
    contributed,
    verified_by,
)
from gateway.exchange.request import Ask
from gateway.exchange.resolve import Subject, canonical
from gateway.logs import log

RESERVE = 0.15
"""Share of the deadline kept for deciding, recording and sealing what came."""
_NEVER = ("subject", "mandate", "as_of", "scope", "practitioner", "person")


async def fan_out(
    node: Node, asked: Ask, subject: Subject, request: AccessRequest, located: Located
) -> tuple[Contributed, ...]:
    """One contribution a member, by member id; each says at least what became of the question."""
    identifiers = told_identifiers(asked, subject)
    members = sorted(located.ask)
    if not identifiers:
        return tuple(_silent(member, "not-asked", "not-capable", None) for member in members)
    access = _access(asked, request)
    questions = (
        _question(asked, subject, member, located.ask[member], access, identifiers) for member in members
    )
    return tuple(await asyncio.gather(*(_one(node, asked, subject, one) for one in questions)))


def told_identifiers(asked: Ask, subject: Subject) -> tuple[Identifier, ...]:
    """What another node may hear: the question's own identifiers, and national numbers that we know."""
    own = (canonical(asked.subject),) if isinstance(asked.subject, Identifier) else ()
    named = (*own, *(canonical(one) for one in asked.more))
    national = (one for one in subject.identifiers if is_national(one.system))
    return tuple(dict.fromkeys((*named, *national)))[:16]


def _access(asked: Ask, request: AccessRequest) -> dict[str, Any]:
    """Who asks and why. People by identifier: a directory id means something at this node alone."""
    flat = {name: item for name, item in access_request_to_json(request).items() if name not in _NEVER}
    caller = asked.caller
    people = {"practitioner": caller.practitioner, "person": caller.person}
    return flat | {name: item for name, item in people.items() if item is not None}


def _question(
    asked: Ask, subject: Subject, member: str, agreement: str, access: dict[str, Any],
    identifiers: tuple[Identifier, ...],
) -> Question:  # fmt: skip
    named = [{"system": one.system, "value": one.value} for one in identifiers]
    types = list(dict.fromkeys(("Patient", *asked.types)))
    return Question(
        member=member,
        op="query",
        members={"access": access, "subject": {"identifier": named}, "types": types},
        deadline=asked.deadline * (1 - RESERVE),
        purpose=asked.caller.purpose,
        agreement=agreement,
        exchange=asked.exchange,
        person=subject.person,
        detail={"organisation": asked.caller.organisation, "purpose": asked.caller.purpose},
    )


async def _one(node: Node, asked: Ask, subject: Subject, question: Question) -> Contributed:
    at = int(node.clock().timestamp())
    member = question.member
    try:
        answer = await ask(node, question)
        if isinstance(answer, Failed):
            return _failed(answer, at)
        directory = node.directory()
        expected = Expected(
            member,
            directory.trust.resolver(member, int(node.clock().timestamp())),
            told_identifiers(asked, subject),
            frozenset(question.members["types"]),
            at,
            lambda org: speaks_for(directory, member, node.organisations, org),
        )
        try:
            read = await asyncio.to_thread(contributed, answer.typ, answer.content, expected)
        except BadContribution as bad:
            await acknowledge(node, answer.evidence, "quarantined")
            raise bad from None
        await acknowledge(node, answer.evidence, "accepted")
        return verified_by(read, answer.evidence.md, answer.evidence.jws)
    except BadContribution as bad:
        log.error("contribution_refused", member=member, reason=bad.reason, exchange=asked.exchange)
        return _silent(member, "failed", bad.reason, at)
    except Exception as error:  # one member must never take the others down
        log.error("member_failed", member=member, error=type(error).__name__, exchange=asked.exchange)
        return _silent(member, "failed", "malformed", at)


def _failed(failed: Failed, at: int) -> Contributed:
    if failed.reason == "timed-out":
        return _silent(failed.member, "timed-out", None, at)
    if failed.reason in NOT_ASKED:
        return _silent(failed.member, "not-asked", failed.reason, None)
    return _silent(failed.member, "failed", failed.reason, at)


def _silent(member: str, state: Any, reason: str | None, asked: int | None) -> Contributed:
    return Contributed(member, (replace(SourceState(member, "", state, reason), asked=asked),))
