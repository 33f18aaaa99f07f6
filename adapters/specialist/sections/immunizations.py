"""Immunisations given or not given (C-CDA on FHIR, CF Immunization). Supplies stay behind."""

from typing import Any

from adapters.specialist.markup import Element, find, local, peek, templates
from adapters.specialist.quantities import integer, period, quantity, time
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import (
    Place,
    encounter_of,
    frame,
    is_negated,
    notes,
    performers,
    performers_or_author,
    reasons,
    relations,
)
from adapters.specialist.values import ACT_STATUS, absent, concept, mapped, material_concept, present, string

JSON = dict[str, Any]
_ADMINISTERING = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0443", "code": "AP"}],
}
_REFUSAL = "2.16.840.1.113883.10.20.22.4.53"


def immunizations(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """A substance administration of mood EVN; an intended one is no immunisation and is kept."""
    if local(act) != "substanceAdministration" or peek(act, "moodCode") not in ("EVN", ""):
        return None
    owner = frame(record, "Immunization", act)
    product = find(act, "consumable/manufacturedProduct")
    material = find(product, "manufacturedMaterial")
    negated = is_negated(record, act)
    performed = performers(record, act, owner)
    content = present(
        status="not-done" if negated else _status(record, act),
        statusReason=_refusal(record, act),
        vaccineCode=_vaccine(record, material),
        patient=record.subject,
        encounter=encounter_of(record, act),
        recorded=time(record, find(act, "author/time")),
        lotNumber=string(record, find(material, "lotNumberText")),
        manufacturer=present(display=string(record, find(product, "manufacturerOrganization/name"))),
        site=concept(record, find(act, "approachSiteCode")),
        route=concept(record, find(act, "routeCode")),
        doseQuantity=quantity(record, find(act, "doseQuantity")),
        performer=[{"function": _ADMINISTERING, "actor": a} for a in performed]
        or [{"actor": a} for a in performers_or_author(record, act, owner)],
        reasonCode=reasons(record, act),
        note=notes(record, act),
        protocolApplied=_dose_number(record, act),
    )
    content |= _occurrence(record, act)
    return [record.add(owner | content, record.key(act, place.code, place.ordinal))]


def _status(record: Record, act: Element) -> str:
    target = mapped(record, "cda_immunization_status", ACT_STATUS, find(act, "statusCode"))
    if target is None:
        record.assume(act, "status")
    return target.code if target else "completed"


def _vaccine(record: Record, material: Element | None) -> JSON:
    return material_concept(record, material) or absent(record, find(material, "code"))


def _occurrence(record: Record, act: Element) -> JSON:
    effective = find(act, "effectiveTime")
    at = time(record, effective) or (period(record, effective) or {}).get("start")
    return {"occurrenceDateTime": at} if at else {"occurrenceString": "unknown"}


def _dose_number(record: Record, act: Element) -> list[JSON]:
    """`repeatNumber` of a dose that was given: which of its series it was."""
    number = integer(record, find(act, "repeatNumber"))
    return [{"doseNumberPositiveInt": number}] if number and number > 0 else []


def _refusal(record: Record, act: Element) -> JSON | None:
    for _, inner in relations(act):
        if _REFUSAL in templates(inner):
            return concept(record, find(inner, "code"))
    return None
