"""Step 4 and 8: which sources to ask, and asking them all at once under one deadline.

Every source ends as exactly one state. A hung source costs only its own line: each has its own task and the
same deadline. What comes is taken in (kept, normalised, stored) before anything is decided on.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from adapters.identity import issued_system
from adapters.interface import Fetched, Identifier, PatientQuery, Requester, Source
from adapters.terminology.tables import oid_from_system
from gateway.exchange.completeness import SourceState
from gateway.exchange.node import BoundSource, Node
from gateway.exchange.request import Ask
from gateway.exchange.resolve import Subject, canonical
from gateway.logs import log

_RESERVE = 0.15
"""Share of the deadline kept for deciding, recording and sealing what came."""


async def gather(
    node: Node, ask: Ask, subject: Subject, refused: Mapping[str, str]
) -> tuple[SourceState, ...]:
    """One state per source, in the order of the configuration.

    `refused`: custodian to the code for which it may not be asked at all (no agreement in force): then
    nothing about the patient is sent to it.
    """
    budget = ask.deadline * (1 - _RESERVE)
    tasks = [
        asyncio.create_task(_one(node, ask, bound, subject, refused.get(bound.source.custodian), budget))
        for bound in node.sources
    ]
    return tuple(await asyncio.gather(*tasks))


async def _one(
    node: Node,
    ask: Ask,
    bound: BoundSource,
    subject: Subject,
    refused: str | None,
    budget: float,
) -> SourceState:
    source = bound.source
    state = SourceState(source.custodian, source.id, "not-asked")
    if refused is not None:
        return replace(state, reason=refused)
    try:
        async with asyncio.timeout(budget):
            identifiers = _as_issued(subject.identifiers, source)
            if not await bound.adapter.find(identifiers):
                return replace(state, reason="not-capable")
            by_question = await _is_by_question(ask, bound)
            state = replace(state, asked=_seconds(node.clock()), by_question=by_question)
            fetched = await bound.adapter.fetch(_query(ask, identifiers), budget)
            return await _taken_in(node, bound, fetched, subject, state)
    except TimeoutError:
        return replace(state, state="timed-out")
    except Exception as error:  # one source must never take the others down
        log.error("source_failed", source=source.id, error=type(error).__name__, exchange=ask.exchange)
        return replace(state, state="failed", reason="malformed")


async def _is_by_question(ask: Ask, bound: BoundSource) -> bool:
    """Whether the source could be asked with what the question itself says, without what we know of her."""
    if not isinstance(ask.subject, Identifier):
        return True
    return await bound.adapter.find(_as_issued((canonical(ask.subject),), bound.source))


async def _taken_in(
    node: Node, bound: BoundSource, fetched: Fetched, subject: Subject, state: SourceState
) -> SourceState:
    """Keep, normalise and store what came; a record about somebody else quarantines the whole source."""
    truncated = fetched.truncated
    stored = await node.intake.receive_snapshot(
        fetched.originals,
        bound.source,
        bound.normaliser,
        node.clock(),
        person=subject.person,
        complete=bound.adapter.capabilities.pull and subject.person is not None and _whole(fetched),
    )
    if any(one.quarantine == "wrong-patient" for one in stored):
        log.error("wrong_patient", source=bound.source.id)
        return replace(state, state="failed", reason="quarantined")
    if fetched.state != "answered":
        return replace(state, state=fetched.state, reason=fetched.reason)
    if stored and all(one.quarantine for one in stored):
        return replace(state, state="failed", reason="malformed")
    truncated += sum(one.truncated + (one.quarantine is not None) for one in stored)
    return replace(state, state="answered", answered=_seconds(node.clock()), truncated=truncated)


def _whole(fetched: Fetched) -> bool:
    """All that the source has now: only then does what it no longer says become inactive."""
    return fetched.state == "answered" and fetched.whole and not fetched.truncated


def _query(ask: Ask, identifiers: tuple[Identifier, ...]) -> PatientQuery:
    caller = ask.caller
    role = caller.roles[0] if caller.roles else None
    requester = Requester(caller.organisation, caller.practitioner, role, caller.purpose)
    return PatientQuery(identifiers, requester, ask.at, ask.exchange)


def _as_issued(identifiers: tuple[Identifier, ...], source: Source) -> tuple[Identifier, ...]:
    """The same identifiers in every form that this source may know them by: each once, ours first."""
    found = list(identifiers)
    for one in identifiers:
        issued = issued_system(source.custodian, source.id, one.system)
        oid = oid_from_system(one.system)
        found += [Identifier(issued, one.value)] if issued else []
        found += [Identifier(f"urn:oid:{oid}", one.value)] if oid else []
    return tuple(dict.fromkeys(found))


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
