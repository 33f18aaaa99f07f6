"""Visits: an Encounter with its diagnoses (C-CDA on FHIR, CF Encounter)."""

from typing import Any

from adapters.specialist.markup import Element, find, find_all, local, peek, templates
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import Place, frame, is_negated, reasons, relations
from adapters.specialist.sections.problems import problems
from adapters.specialist.values import concept, present
from adapters.specialist.visits import (
    class_and_type,
    hospitalization,
    participants,
    places,
    visit_status,
    visit_time,
)

JSON = dict[str, Any]
_DIAGNOSIS = "2.16.840.1.113883.10.20.22.4.80"
_DIAGNOSIS_CODE = "29308-4"


def encounters(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """An encounter that took place (mood EVN); what it diagnosed becomes Conditions of its own."""
    if local(act) != "encounter" or peek(act, "moodCode") not in ("EVN", "") or is_negated(record, act):
        return None
    owner = frame(record, "Encounter", act)
    effective = find(act, "effectiveTime")
    span = visit_time(record, effective)
    diagnosed = _diagnoses(record, act, place)
    content = present(
        status=visit_status(record, act, span, point=bool(peek(effective, "value"))),
        priority=concept(record, find(act, "priorityCode")),
        subject=record.subject,
        participant=participants(record, find_all(act, "performer"), owner),
        period=span,
        reasonCode=reasons(record, act),
        diagnosis=[{"condition": condition} for condition in diagnosed],
        hospitalization=hospitalization(record, act),
        location=[{"location": where} for where in places(record, act, owner)],
    )
    content |= class_and_type(record, find(act, "code"))
    return [record.add(owner | content, record.key(act, place.code, place.ordinal)), *diagnosed]


def _diagnoses(record: Record, act: Element, place: Place) -> list[JSON]:
    """Encounter diagnosis acts, by template or by their code."""
    found: list[JSON] = []
    for _, inner in relations(act):
        if _DIAGNOSIS in templates(inner) or peek(find(inner, "code"), "code") == _DIAGNOSIS_CODE:
            found += problems(record, inner, Place(place.section, _DIAGNOSIS_CODE, place.ordinal)) or []
    return found
