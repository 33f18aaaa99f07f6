"""Step 9: one decision per resource, from its stored digest; nothing is parsed unless it is cut.

1. Every record of the person is decided on by the plan of the request.
2. What belongs to no patient (people, places, medicines) is decided on as if it were about her, and leaves
   only where something clinical that leaves refers to it.
3. A Provenance names only what leaves; one that is about nothing of it stays.
4. References to what is withheld lose `display` and `identifier`; List and Composition entries go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec.structs import replace as replace_struct

from consent.decision import Decision, Permit
from consent.facts import Facts, facts_from_bytes
from consent.plan import Plan
from consent.redact import redact
from gateway.exchange.types import CLINICAL, UNPATIENTED
from gateway.exchange.withheld import targets, unlinked, with_targets
from gateway.fhir.json import decode_own, encode
from gateway.records.interface import Record

_PEOPLE_AND_THINGS = UNPATIENTED | {"Patient"}


@dataclass(frozen=True, slots=True)
class Decided:
    """A record with its decision. `body`: the bytes that may leave, None if it may not."""

    record: Record
    facts: Facts
    decision: Decision
    body: bytes | None

    @property
    def is_companion(self) -> bool:
        """Belongs to no patient."""
        return self.record.type in UNPATIENTED and not self.facts.patients


def decide(plan: Plan, records: Sequence[Record], aliases: Mapping[str, str]) -> tuple[Decided, ...]:
    """Decisions in the order of `records`. `aliases`: source Patients to the person they are linked to."""
    decided = [_decided(plan, record, aliases) for record in records if record.type in CLINICAL]
    allowed = {one.record.ref for one in decided if one.body is not None}
    leaving = _reached(decided, allowed)
    decided = [one if one.record.ref in leaving else replace(one, body=None) for one in decided]
    held = {one.record.ref for one in decided} - leaving
    # Facts name the person where a resource names her Patient at its source.
    meant = held | {aliases[ref] for ref in held if ref in aliases}
    return tuple(_cut(one, leaving, held, meant) for one in decided)


def _decided(plan: Plan, record: Record, aliases: Mapping[str, str]) -> Decided:
    facts = facts_from_bytes(record.digest).about(aliases)
    decision = decision_of(plan, facts)
    match decision:
        case Permit(redactions=()):
            return Decided(record, facts, decision, record.body)
        case Permit(redactions=paths):
            return Decided(record, facts, decision, encode(redact(decode_own(record.body), paths)))
        case _:
            return Decided(record, facts, decision, None)


def decision_of(plan: Plan, facts: Facts) -> Decision:
    """Step 9, rules 1 and 2, of one record."""
    if facts.type in UNPATIENTED and not facts.patients:
        return plan.decide(replace_struct(facts, patients=(plan.request.subject,)))
    return plan.decide(facts)


def _reached(decided: Sequence[Decided], allowed: set[str]) -> set[str]:
    """Refs that leave: what is allowed and clinical, and the allowed companions that it refers to."""
    by_ref = {one.record.ref: one for one in decided}
    leaving = {
        one.record.ref
        for one in decided
        if one.record.ref in allowed and not one.is_companion and one.record.type != "Provenance"
    }
    waiting = list(leaving)
    while waiting:
        for ref in by_ref[waiting.pop()].facts.references:
            if ref in allowed and ref not in leaving and by_ref[ref].is_companion:
                leaving.add(ref)
                waiting.append(ref)
    provenance = (one for one in decided if one.record.type == "Provenance" and one.record.ref in allowed)
    return leaving | {one.record.ref for one in provenance if _is_about(one, leaving)}


def _is_about(provenance: Decided, leaving: set[str]) -> bool:
    """Whether something clinical of it leaves, or all that it is about is none.

    That her Patient leaves, or an author who wrote other things too, is not enough: it would tell of an
    original, and when it was written, of which all else is withheld.
    """
    about = targets(decode_own(provenance.body)) if provenance.body is not None else set()
    clinical = {ref for ref in about if ref.partition("/")[0] not in _PEOPLE_AND_THINGS}
    return not leaving.isdisjoint(clinical or about)


def _cut(one: Decided, leaving: set[str], held: set[str], meant: set[str]) -> Decided:
    if one.body is None or meant.isdisjoint(one.facts.references):
        return one
    resource = decode_own(one.body)
    if one.record.type == "Provenance":
        resource = with_targets(resource, leaving)
    return replace(one, body=encode(unlinked(resource, held)))
