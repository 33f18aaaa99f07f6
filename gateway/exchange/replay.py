"""Past exchanges decided again: exactly as they were, to prove it; or with a draft in the place of something.

Nothing is written. What cannot be derived again is told apart from what is derived otherwise.
"""

from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import Connection

from consent.agreement import SharingAgreement
from consent.decision import Decision, Permit
from consent.floor import FloorPack
from consent.instants import micros
from consent.record import ALWAYS, ConsentView
from consent.source_rules import SourceRule
from gateway.audit import receipts
from gateway.exchange.node import Node
from gateway.exchange.premises import NoBasis, Premises, differing, read_premises
from gateway.records.interface import KeyErased, SealBroken

State = Literal["same", "differs", "no-basis", "erased", "broken"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One exchange derived again. `differing`: ids of its decisions whose receipt is another one."""

    exchange: str
    state: State
    decisions: int = 0
    differing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flip:
    """A past decision that would come out otherwise."""

    decision: str
    ref: str
    organisation: str
    purpose: str
    before: Decision
    after: Decision


@dataclass(frozen=True, slots=True)
class Draft:
    """What is put in the place of what was there; of consents and agreements those of the same id."""

    consents: tuple[ConsentView, ...] = ()
    agreements: tuple[SharingAgreement, ...] = ()
    floor: FloorPack | None = None
    source_rules: tuple[SourceRule, ...] | None = None
    """Of every custodian; None: those of then."""


def replay(connection: Connection, node: Node, exchange: str) -> Replayed:
    """Derive every receipt of an exchange again and compare it with the kept bytes."""
    try:
        kept = receipts.of_exchange(connection, exchange, node.room(connection).vault)
        premises = read_premises(connection, node, exchange)
    except KeyErased:
        return Replayed(exchange, "erased")
    except SealBroken:
        return Replayed(exchange, "broken")
    except NoBasis:
        return Replayed(exchange, "no-basis")
    places = differing(premises, [one.data for one in kept])
    ids = tuple(kept[place].id if place < len(kept) else f"{exchange}-{place + 1}" for place in places)
    return Replayed(exchange, "differs" if ids else "same", len(kept), ids)


def flips(connection: Connection, node: Node, exchange: str, draft: Draft) -> tuple[Flip, ...]:
    """Decisions of one exchange that the draft turns round: another effect, or other elements redacted.

    Raises `NoBasis`, `SealBroken` (`KeyErased`).
    """
    then = read_premises(connection, node, exchange)
    now = with_draft(then, draft)
    request = then.request
    return tuple(
        Flip(f"{exchange}-{n}", about.ref, request.org, ",".join(request.purpose), before, after)
        for n, (about, before, after) in enumerate(
            zip(then.about, then.decisions(), now.decisions(), strict=True), 1
        )
        if (before.effect, getattr(before, "redactions", ()))
        != (after.effect, getattr(after, "redactions", ()))
    )


def _seen(decision: Decision) -> tuple[str, tuple[str, ...]]:
    """What the requester gets: the effect, and without which elements."""
    return decision.effect, decision.redactions if isinstance(decision, Permit) else ()


def with_draft(premises: Premises, draft: Draft) -> Premises:
    """The same question as if the draft had been in force then; a consent of somebody else changes nothing.

    A new text speaks as the newest of its key; a withdrawal counts only where the consent was known.
    """
    then = micros(premises.request.known_at)
    known = {view.id for view in premises.consents}
    hers = [view for view in draft.consents if view.patient == premises.request.subject]
    fresh = [
        replace(view, known=ALWAYS, given=then, given_until=then) if view.status == "active" else view
        for view in hers
        if view.status == "active" or view.id in known
    ]
    taken = {view.id for view in fresh}
    agreed = {one.id for one in draft.agreements}
    return replace(
        premises,
        consents=(*(view for view in premises.consents if view.id not in taken), *fresh),
        agreements=(*(one for one in premises.agreements if one.id not in agreed), *draft.agreements),
        floor=draft.floor or premises.floor,
        source_rules=premises.source_rules if draft.source_rules is None else draft.source_rules,
    )
