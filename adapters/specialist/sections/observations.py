"""Observations, alone and in groups: what results, vital signs, social history and assessments share."""

from typing import Any

from adapters.specialist.markup import Element, find, find_all, local, peek
from adapters.specialist.quantities import time, when
from adapters.specialist.record import Record, unique
from adapters.specialist.sections.acts import (
    Place,
    encounter_of,
    frame,
    is_denied,
    members,
    notes,
    performers_or_author,
    relations,
)
from adapters.specialist.sections.kept import keep
from adapters.specialist.sections.observed import observed_value, reference_ranges
from adapters.specialist.strays import is_stray
from adapters.specialist.values import ACT_STATUS, concept, mapped, present, reason_concept, required_concept

JSON = dict[str, Any]
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
LOINC = "http://loinc.org"


def category_of(code: str) -> JSON:
    """One of R4's own categories."""
    display = code.replace("-", " ").title()
    return {"coding": [{"system": _CATEGORY, "code": code, "display": display}]}


def stated(organizer: Element) -> list[Element]:
    """Observations of an organizer, and of organizers inside it, that are not negated."""
    found: list[Element] = []
    for inner in members(organizer):
        if local(inner) == "observation" and not is_denied(inner):
            found.append(inner)
        elif local(inner) == "organizer":
            found += stated(inner)
    return found


def denied(record: Record, organizer: Element, place: Place) -> list[JSON]:
    """Negated observations are kept as they came: FHIR has no "not", and none may read as positive."""
    found = [a for a in organizer.all() if a.step == "observation" and is_denied(a)]
    return [keep(record, a, place) for a in found if not is_stray(a)]


def alone(record: Record, act: Element, place: Place, category: JSON | None) -> list[JSON] | None:
    return None if is_denied(act) else [observation(record, act, place, category)]


def observation(
    record: Record, act: Element, place: Place, category: JSON | None, focus: list[JSON] | None = None
) -> JSON:
    """Reference to the Observation of one observation act. `focus`: what it is about, beside the patient."""
    owner = frame(record, "Observation", act)
    content = head(record, act, category) | present(
        code=required_concept(record, find(act, "code")),
        focus=focus,
        encounter=encounter_of(record, act),
        issued=issued(record, act),
        performer=performers_or_author(record, act, owner),
        interpretation=concepts(record, act, "interpretationCode"),
        note=notes(record, act),
        bodySite=concept(record, find(act, "targetSiteCode")),
        method=concept(record, find(act, "methodCode")),
        referenceRange=reference_ranges(record, act),
    )
    content |= when(record, find(act, "effectiveTime"), "effective")
    content |= _value_or_reason(record, act, content["code"])
    content |= _parts(record, act, place, category, content)
    return record.add(owner | content, record.key(act, place.code, place.ordinal))


def head(record: Record, act: Element, category: JSON | None) -> JSON:
    target = mapped(record, "cda_result_status", ACT_STATUS, find(act, "statusCode"))
    if target is None:
        record.assume(act, "status")
    found: JSON = {"status": target.code if target else "unknown", "subject": record.subject}
    if category:
        found["category"] = [category]
    return found


def concepts(record: Record, act: Element, path: str) -> list[JSON]:
    stated = find_all(act, path)
    return unique([c for c in [concept(record, e) for e in stated] if c]) if stated else []


def _value_or_reason(record: Record, act: Element, code: JSON) -> JSON:
    """The value; several become components of the same code (obs-7); none: why not (obs-6)."""
    values = find_all(act, "value")
    found = [v for v in [observed_value(record, e) for e in values] if v]
    if len(found) > 1:
        return {"component": [{"code": code} | v for v in found]}
    if found:
        return found[0]
    null = next((v for v in values if peek(v, "nullFlavor")), None)
    return {"dataAbsentReason": reason_concept(record, null)} if null is not None else {}


def issued(record: Record, act: Element) -> str | None:
    """When it was made known: the time of its author, if it is an instant."""
    at = time(record, find(act, "author/time")) or ""
    return at if "T" in at else None


def component(record: Record, act: Element) -> JSON:
    """An observation as a part of another: its code with its value, or why there is none."""
    value = find(act, "value")
    found = observed_value(record, value) if value is not None else {}
    return (
        {"code": required_concept(record, find(act, "code"))}
        | (found or {"dataAbsentReason": reason_concept(record, value)})
        | present(
            interpretation=concepts(record, act, "interpretationCode"),
            referenceRange=reference_ranges(record, act),
        )
    )


def _parts(record: Record, act: Element, place: Place, category: JSON | None, content: JSON) -> JSON:
    """Observations that an observation consists of (COMP: the items of a scale), if they have a value.

    Components; one of the same code as the whole is a member of its own (obs-7).
    """
    inner = [i for kind, i in relations(act) if kind == "COMP" and local(i) == "observation"]
    if not inner:
        return {}
    stated = [i for i in inner if find(i, "value") is not None and not is_denied(i)]
    same = [i for i in stated if peek(find(i, "code"), "code") == peek(find(act, "code"), "code")]
    parts = content.get("component", []) + [component(record, i) for i in stated if i not in same]
    found = [observation(record, i, place, category) for i in same]
    return present(component=parts, hasMember=found)


def grouping(record: Record, organizer: Element, place: Place, found: list[JSON], extra: JSON) -> JSON:
    """Reference to an Observation that holds others together. `extra`: its code and category."""
    owner = frame(record, "Observation", organizer)
    extra |= present(performer=performers_or_author(record, organizer, owner))
    content = head(record, organizer, None) | extra | {"hasMember": found}
    content |= when(record, find(organizer, "effectiveTime"), "effective")
    return record.add(owner | content, record.key(organizer, place.code, place.ordinal))
