"""Results, vital signs, social history: organizers and observations (C-CDA on FHIR, CF Results)."""

from typing import Any

from adapters.specialist.markup import CDA, Element, find, find_all, local, peek
from adapters.specialist.quantities import when
from adapters.specialist.record import Record, unique
from adapters.specialist.sections.acts import Place, frame, members, notes, performers_or_author
from adapters.specialist.sections.kept import keep
from adapters.specialist.sections.observed import observed_value, reference_ranges
from adapters.specialist.values import ACT_STATUS, concept, mapped, present, reason_concept, required_concept

JSON = dict[str, Any]
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_REPORT = "http://terminology.hl7.org/CodeSystem/v2-0074"
_OBSERVATION = f"{{{CDA}}}observation"
LOINC = "http://loinc.org"
_SYSTOLIC, _DIASTOLIC = "8480-6", "8462-4"
_PANEL = {
    "system": LOINC,
    "code": "85353-1",
    "display": "Vital signs, weight, height, head circumference, oxygen saturation and BMI panel",
}
_PRESSURE = {"system": LOINC, "code": "85354-9", "display": "Blood pressure panel with all children optional"}


def results(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """An organizer: one DiagnosticReport with its Observations; an observation alone: itself."""
    if local(act) == "observation":
        return _alone(record, act, place, "laboratory")
    if local(act) != "organizer":
        return None
    found = [observation(record, a, place, "laboratory") for a in _stated(act)]
    return [_report(record, act, place, found), *found, *_denied(record, act, place)]


def _stated(organizer: Element) -> list[Element]:
    """Observations of an organizer, and of organizers inside it, that are not negated."""
    found: list[Element] = []
    for inner in members(organizer):
        if local(inner) == "observation" and not _is_denied(inner):
            found.append(inner)
        elif local(inner) == "organizer":
            found += _stated(inner)
    return found


def _is_denied(act: Element) -> bool:
    return peek(act, "negationInd") in ("true", "1")


def _denied(record: Record, organizer: Element, place: Place) -> list[JSON]:
    """Negated observations are kept as they came: FHIR has no "not", and none may read as positive."""
    return [keep(record, a, place) for a in organizer.iter(_OBSERVATION) if _is_denied(a)]


def _alone(record: Record, act: Element, place: Place, category: str) -> list[JSON] | None:
    return None if _is_denied(act) else [observation(record, act, place, category)]


def _report(record: Record, organizer: Element, place: Place, found: list[JSON]) -> JSON:
    owner = frame(record, "DiagnosticReport", organizer)
    target = mapped(record, "cda_report_status", ACT_STATUS, find(organizer, "statusCode"))
    if target is None:
        record.assume(organizer, "status")
    content = present(
        status=target.code if target else "unknown",
        category=[{"coding": [{"system": _REPORT, "code": "LAB"}]}],
        code=required_concept(record, find(organizer, "code")),
        subject=record.subject,
        performer=performers_or_author(record, organizer, owner),
        specimen=_specimens(record, organizer, owner),
        result=found,
    )
    moment = when(record, find(organizer, "effectiveTime"), "effective")
    return record.add(owner | content | moment, record.key(organizer, place.code, place.ordinal))


def _specimens(record: Record, organizer: Element, owner: JSON) -> list[JSON]:
    """What was examined, contained: a specimen in CDA has no life outside its report."""
    found: list[JSON] = []
    for role in find_all(organizer, "specimen/specimenRole"):
        kind = concept(record, find(role, "specimenPlayingEntity/code"))
        if kind:
            name = f"specimen{len(found) + 1}"
            specimen = {"resourceType": "Specimen", "id": name, "type": kind, "subject": record.subject}
            owner.setdefault("contained", []).append(specimen)
            found.append({"reference": f"#{name}"})
    return found


def observation(record: Record, act: Element, place: Place, category: str) -> JSON:
    """Reference to the Observation of one observation act."""
    owner = frame(record, "Observation", act)
    content = _head(record, act, category) | present(
        code=required_concept(record, find(act, "code")),
        performer=performers_or_author(record, act, owner),
        interpretation=_concepts(record, act, "interpretationCode"),
        note=notes(record, act),
        bodySite=concept(record, find(act, "targetSiteCode")),
        method=concept(record, find(act, "methodCode")),
        referenceRange=reference_ranges(record, act),
    )
    content |= when(record, find(act, "effectiveTime"), "effective")
    content |= _value_or_reason(record, act, content["code"])
    return record.add(owner | content, record.key(act, place.code, place.ordinal))


def _head(record: Record, act: Element, category: str) -> JSON:
    target = mapped(record, "cda_result_status", ACT_STATUS, find(act, "statusCode"))
    if target is None:
        record.assume(act, "status")
    return {
        "status": target.code if target else "unknown",
        "category": [{"coding": [{"system": _CATEGORY, "code": category}]}],
        "subject": record.subject,
    }


def _concepts(record: Record, act: Element, path: str) -> list[JSON]:
    return unique([c for c in (concept(record, e) for e in find_all(act, path)) if c])


def _value_or_reason(record: Record, act: Element, code: JSON) -> JSON:
    """The value; several become components of the same code (obs-7); none: why not (obs-6)."""
    values = find_all(act, "value")
    found = [v for v in (observed_value(record, e) for e in values) if v]
    if len(found) > 1:
        return {"component": [{"code": code} | v for v in found]}
    if found:
        return found[0]
    null = next((v for v in values if peek(v, "nullFlavor")), None)
    return {"dataAbsentReason": reason_concept(record, null)} if null is not None else {}


def vitals(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """An organizer: a panel of its vital signs, blood pressure joined; an observation alone: itself."""
    if local(act) == "observation":
        return _alone(record, act, place, "vital-signs")
    if local(act) != "organizer":
        return None
    inner = _stated(act)
    pressure = [a for a in inner if peek(find(a, "code"), "code") in (_SYSTOLIC, _DIASTOLIC)]
    codes = [peek(find(a, "code"), "code") for a in pressure]
    joined = pressure if pressure and len(set(codes)) == len(codes) else []
    found = [observation(record, a, place, "vital-signs") for a in inner if a not in joined]
    if joined:
        found.append(_blood_pressure(record, act, joined, place))
    return [_panel(record, act, place, found), *found, *_denied(record, act, place)] if found else None


def _panel(record: Record, organizer: Element, place: Place, found: list[JSON]) -> JSON:
    owner = frame(record, "Observation", organizer)
    content = _head(record, organizer, "vital-signs") | {"code": {"coding": [_PANEL]}, "hasMember": found}
    stated = concept(record, find(organizer, "code"))
    if stated:
        content["code"] = {"coding": unique([_PANEL, *stated.get("coding", [])])}
    content |= when(record, find(organizer, "effectiveTime"), "effective")
    return record.add(owner | content, record.key(organizer, place.code, place.ordinal))


def _blood_pressure(record: Record, organizer: Element, halves: list[Element], place: Place) -> JSON:
    """Systolic and diastolic of one organizer as one Observation; a missing half is absent, not left out."""
    owner: JSON = {"resourceType": "Observation"}
    own = [frame(record, "Observation", half) for half in halves]
    components = [_component(record, half) for half in halves]
    for code in {_SYSTOLIC, _DIASTOLIC} - {peek(find(h, "code"), "code") for h in halves}:
        missing = {"coding": [{"system": LOINC, "code": code}]}
        components.append({"code": missing, "dataAbsentReason": reason_concept(record, None)})
    content = _head(record, halves[0], "vital-signs") | present(
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


def _component(record: Record, half: Element) -> JSON:
    value = find(half, "value")
    found = observed_value(record, value) if value is not None else {}
    return (
        {"code": required_concept(record, find(half, "code"))}
        | (found or {"dataAbsentReason": reason_concept(record, value)})
        | present(
            interpretation=_concepts(record, half, "interpretationCode"),
            referenceRange=reference_ranges(record, half),
        )
    )


def social(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """Social history observations (smoking, pregnancy, any other)."""
    if local(act) != "observation":
        return None
    return _alone(record, act, place, "social-history")
