"""Vital signs: a panel for each organizer, systolic and diastolic joined to one blood pressure."""

from typing import Any

from adapters.specialist.markup import Element, find, local, peek
from adapters.specialist.quantities import when
from adapters.specialist.record import Record, unique
from adapters.specialist.sections.acts import Place, frame
from adapters.specialist.sections.observations import (
    LOINC,
    alone,
    category_of,
    component,
    denied,
    grouping,
    head,
    observation,
    stated,
)
from adapters.specialist.values import ACT_STATUS, concept, mapped, present, reason_concept

JSON = dict[str, Any]
_VITAL = category_of("vital-signs")
_SYSTOLIC, _DIASTOLIC = "8480-6", "8462-4"
_PANEL = {
    "system": LOINC,
    "code": "85353-1",
    "display": "Vital signs, weight, height, head circumference, oxygen saturation and BMI panel",
}
_PRESSURE = {"system": LOINC, "code": "85354-9", "display": "Blood pressure panel with all children optional"}


def vitals(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """An organizer: a panel of its vital signs, blood pressure joined; an observation alone: itself."""
    if local(act) == "observation":
        return alone(record, act, place, _VITAL)
    if local(act) != "organizer":
        return None
    inner = stated(act)
    pressure = [a for a in inner if peek(find(a, "code"), "code") in (_SYSTOLIC, _DIASTOLIC)]
    codes = [peek(find(a, "code"), "code") for a in pressure]
    joined = pressure if pressure and len(set(codes)) == len(codes) else []
    found = [observation(record, a, place, _VITAL) for a in inner if a not in joined]
    if joined:
        found.append(_blood_pressure(record, act, joined, place))
    return [_panel(record, act, place, found), *found, *denied(record, act, place)] if found else None


def _panel(record: Record, organizer: Element, place: Place, found: list[JSON]) -> JSON:
    stated = concept(record, find(organizer, "code")) or {}
    code = {"coding": unique([_PANEL, *stated.get("coding", [])])}
    return grouping(record, organizer, place, found, {"code": code, "category": [_VITAL]})


def _blood_pressure(record: Record, organizer: Element, halves: list[Element], place: Place) -> JSON:
    """Systolic and diastolic of one organizer as one Observation; a missing half is absent, not left out."""
    owner: JSON = {"resourceType": "Observation"}
    own = [frame(record, "Observation", half) for half in halves]
    components = [component(record, half) for half in halves]
    for code in {_SYSTOLIC, _DIASTOLIC} - {peek(find(h, "code"), "code") for h in halves}:
        missing = {"coding": [{"system": LOINC, "code": code}]}
        components.append({"code": missing, "dataAbsentReason": reason_concept(record, None)})
    content = head(record, halves[0], _VITAL) | present(
        identifier=unique([i for f in own for i in f.get("identifier", [])]),
        code={"coding": [_PRESSURE]},
        component=components,
    )
    for half in halves[1:]:
        mapped(record, "cda_result_status", ACT_STATUS, find(half, "statusCode"))
        when(record, find(half, "effectiveTime"), "effective")
    moment = when(record, find(halves[0], "effectiveTime"), "effective")
    moment = moment or when(record, find(organizer, "effectiveTime"), "effective")
    key = record.key(halves[0], place.code, place.ordinal) + "|85354-9"
    return record.add(owner | content | moment, key)
