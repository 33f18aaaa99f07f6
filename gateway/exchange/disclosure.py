"""Step 10 from the cycle's side: what is put on record about one turn, and that it is, before it leaves."""

import hashlib

from consent.decision import Deny, Permit
from gateway.audit.receipts import decision_statement
from gateway.exchange import release
from gateway.exchange.basis import basis_of
from gateway.exchange.emergency import BrokenGlass, who_breaks
from gateway.exchange.grace import staleness
from gateway.exchange.node import Node
from gateway.exchange.notices import due_notice
from gateway.exchange.request import Ask
from gateway.exchange.resolve import Subject
from gateway.exchange.sealing import Outgoing
from gateway.exchange.statements import dated, named, receipts_of, statement_signers
from gateway.exchange.turn import Turn

BREAK_GLASS = "break-glass"


async def disclose(node: Node, ask: Ask, subject: Subject, turn: Turn, out: Outgoing) -> None:
    """Put this turn on record. Raises `release.Outdated`, and what the spending of a request raises."""
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
        detail=_detail(ask, turn) | staleness(node.directory().trust, int(ask.at.timestamp())),
        breaker=who_breaks(policy.request, ask.caller.practitioner),
        glass=_broken_glass(ask, subject, turn),
        notice=due_notice(policy, ask.exchange, turn.leaving),
    )
    await node.database.write(lambda connection: release.record(connection, node, disclosure))


def _broken_glass(ask: Ask, subject: Subject, turn: Turn) -> BrokenGlass | None:
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


def _state(turn: Turn) -> str:
    if turn.problem is not None:
        return "failed" if turn.problem.category.name == "no_source_answered" else "denied"
    return "complete" if turn.completeness.complete else "partial"


def _detail(ask: Ask, turn: Turn) -> dict[str, object]:
    """What the leaf commits to, kept encrypted apart from it (trust-and-ledger.md 9)."""
    caller = ask.caller
    permitted = {one.decision.reason for one in turn.decided if isinstance(one.decision, Permit)}
    denied = {one.decision.reason for one in turn.decided if isinstance(one.decision, Deny)}
    theirs = {"asked_as": ask.asked_by.exchange} if ask.asked_by else {}
    return theirs | {
        "exchange": ask.exchange,
        "client": caller.client,
        "organisation": caller.organisation,
        "practitioner": caller.practitioner or "",
        "roles": list(caller.roles),
        "purpose": caller.purpose,
        "operation": ask.shape,
        "permitted": sorted(permitted),
        "denied": sorted(denied),
        "consents": sorted(f"{one.id}@{one.version}" for one in turn.policy.consents if one.id),
        "sources": [source.row(tell_withheld=True) for source in turn.completeness.sources],
    }
