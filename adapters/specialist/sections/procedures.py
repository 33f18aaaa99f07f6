"""Procedures with their place and devices (C-CDA on FHIR, CF Procedure)."""

from typing import Any

from adapters.specialist.devices import product
from adapters.specialist.markup import Element, find, find_all, local, peek, templates
from adapters.specialist.quantities import when
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import (
    INSTRUCTION,
    Place,
    encounter_of,
    frame,
    is_negated,
    notes,
    performers_or_author,
    reasons,
    relations,
)
from adapters.specialist.sections.observations import category_of, observation
from adapters.specialist.values import ACT_STATUS, concept, mapped, present, required_concept
from adapters.specialist.visits import places

JSON = dict[str, Any]


def procedures(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """A procedure or act that was done (mood EVN) to Procedure; an observation with a value stays one."""
    if local(act) not in ("procedure", "act", "observation") or peek(act, "moodCode") not in ("EVN", ""):
        return None
    value = find(act, "value")
    valued = value is not None and not peek(value, "nullFlavor") and peek(act, "negationInd") != "true"
    if local(act) == "observation" and valued:
        return [observation(record, act, place, category_of("procedure"))]
    owner = frame(record, "Procedure", act)
    sites = [concept(record, e) for e in find_all(act, "targetSiteCode")]
    content = present(
        status="not-done" if is_negated(record, act) else _status(record, act),
        code=required_concept(record, find(act, "code")),
        subject=record.subject,
        encounter=encounter_of(record, act),
        performer=[{"actor": a} for a in performers_or_author(record, act, owner)],
        reasonCode=reasons(record, act),
        bodySite=[s for s in sites if s],
        note=notes(record, act),
        followUp=_follow_ups(record, act),
        location=next(iter(places(record, act, owner)), None),
        focalDevice=[{"manipulated": device} for device in product(record, act, owner)],
    )
    content |= when(record, find(act, "effectiveTime"), "performed")
    return [record.add(owner | content, record.key(act, place.code, place.ordinal))]


def _follow_ups(record: Record, act: Element) -> list[JSON]:
    """Instructions that go with it."""
    codes = [find(inner, "code") for _, inner in relations(act) if INSTRUCTION in templates(inner)]
    return [c for c in (concept(record, code) for code in codes) if c]


def _status(record: Record, act: Element) -> str:
    target = mapped(record, "cda_procedure_status", ACT_STATUS, find(act, "statusCode"))
    if target is None:
        record.assume(act, "status")
    return target.code if target else "unknown"
