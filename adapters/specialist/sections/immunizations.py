"""Immunisations given or not given (C-CDA on FHIR, CF Immunization). Thin: series and supply stay behind."""

from typing import Any

from adapters.specialist.markup import Element, find, local, peek, templates
from adapters.specialist.quantities import period, quantity, time
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import Place, frame, is_negated, notes, performers_or_author, relations
from adapters.specialist.values import ACT_STATUS, absent, concept, mapped, present, string

JSON = dict[str, Any]
_REFUSAL = "2.16.840.1.113883.10.20.22.4.53"


def immunizations(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """A substance administration of mood EVN; an intended one is no immunisation and is kept."""
    if local(act) != "substanceAdministration" or peek(act, "moodCode") not in ("EVN", ""):
        return None
    owner = frame(record, "Immunization", act)
    product = find(act, "consumable/manufacturedProduct")
    material = find(product, "manufacturedMaterial")
    negated = is_negated(record, act)
    actors = performers_or_author(record, act, owner)
    content = present(
        status="not-done" if negated else _status(record, act),
        statusReason=_refusal(record, act),
        vaccineCode=_vaccine(record, material),
        patient=record.subject,
        recorded=time(record, find(act, "author/time")),
        lotNumber=string(record, find(material, "lotNumberText")),
        manufacturer=present(display=string(record, find(product, "manufacturerOrganization/name"))),
        site=concept(record, find(act, "approachSiteCode")),
        route=concept(record, find(act, "routeCode")),
        doseQuantity=quantity(record, find(act, "doseQuantity")),
        performer=[{"actor": a} for a in actors],
        note=notes(record, act),
    )
    content |= _occurrence(record, act)
    return [record.add(owner | content, record.key(act, place.code, place.ordinal))]


def _status(record: Record, act: Element) -> str:
    target = mapped(record, "cda_immunization_status", ACT_STATUS, find(act, "statusCode"))
    if target is None:
        record.assume(act, "status")
    return target.code if target else "completed"


def _vaccine(record: Record, material: Element | None) -> JSON:
    code = concept(record, find(material, "code"))
    if code:
        return code
    words = string(record, find(material, "name"))
    return {"text": words} if words else absent(record, find(material, "code"))


def _occurrence(record: Record, act: Element) -> JSON:
    effective = find(act, "effectiveTime")
    at = time(record, effective) or (period(record, effective) or {}).get("start")
    return {"occurrenceDateTime": at} if at else {"occurrenceString": "unknown"}


def _refusal(record: Record, act: Element) -> JSON | None:
    for _, inner in relations(act):
        if _REFUSAL in templates(inner):
            return concept(record, find(inner, "code"))
    return None
