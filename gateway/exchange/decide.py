"""Step 9: one decision per resource, from its stored digest; nothing is parsed unless it is redacted.

1. Every record of the person is decided on by the plan of the request.
2. What belongs to no patient (people, places, medicines) leaves only where something released refers to it.
3. References to what is withheld lose `display` and `identifier`; List and Composition entries go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from consent.decision import Decision, Deny, Permit
from consent.facts import Facts, facts_from_bytes
from consent.plan import Plan
from consent.redact import redact
from gateway.exchange.types import CLINICAL, UNPATIENTED
from gateway.exchange.withheld import unlinked
from gateway.fhir.json import decode_own, encode
from gateway.records.interface import Record


@dataclass(frozen=True, slots=True)
class Decided:
    """A record with its decision. `body`: the bytes that may leave, None if it may not."""

    record: Record
    facts: Facts
    decision: Decision
    body: bytes | None


def decide(plan: Plan, records: Sequence[Record], aliases: Mapping[str, str]) -> tuple[Decided, ...]:
    """Decisions in the order of `records`. `aliases`: source Patients to the person they are linked to."""
    decided = [_decided(plan, record, aliases) for record in records if record.type in CLINICAL]
    decided = _with_companions(decided)
    released = {one.record.ref for one in decided if one.body is not None}
    held = {one.record.ref for one in decided} - released
    return tuple(_cut(one, held) for one in decided) if held else tuple(decided)


def _decided(plan: Plan, record: Record, aliases: Mapping[str, str]) -> Decided:
    facts = facts_from_bytes(record.digest).about(aliases)
    decision = plan.decide(facts)
    match decision:
        case Permit(redactions=()):
            return Decided(record, facts, decision, record.body)
        case Permit(redactions=paths):
            return Decided(record, facts, decision, encode(redact(decode_own(record.body), paths)))
        case _:
            return Decided(record, facts, decision, None)


def _with_companions(decided: list[Decided]) -> list[Decided]:
    """Release what has no patient as far as something released refers to it, at any distance."""
    places = {one.record.ref: place for place, one in enumerate(decided)}
    result = list(decided)
    waiting = [one for one in decided if one.body is not None]
    while waiting:
        source = waiting.pop()
        permit = source.decision
        for ref in source.facts.references:
            place = places.get(ref)
            if place is None or result[place].body is not None or not isinstance(permit, Permit):
                continue
            companion = result[place]
            if companion.record.type in UNPATIENTED and not companion.facts.patients:
                result[place] = replace(
                    companion,
                    decision=Permit(permit.layer, permit.reason, permit.obligations),
                    body=companion.record.body,
                )
                waiting.append(result[place])
    return result


def _cut(one: Decided, held: set[str]) -> Decided:
    if one.body is None or held.isdisjoint(one.facts.references):
        return one
    return replace(one, body=encode(unlinked(decode_own(one.body), held)))


def denials(decided: Sequence[Decided]) -> dict[str, int]:
    """How many records were denied for each reason; for the node's own eyes, never for the caller."""
    found: dict[str, int] = {}
    for one in decided:
        if isinstance(one.decision, Deny):
            found[one.decision.reason] = found.get(one.decision.reason, 0) + 1
    return dict(sorted(found.items()))
