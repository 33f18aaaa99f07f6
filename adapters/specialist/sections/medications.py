"""Medicines: one MedicationRequest for each medication activity (C-CDA on FHIR, CF Medication)."""

from typing import Any

from adapters.specialist.markup import Element, find, local, peek, templates
from adapters.specialist.quantities import integer, quantity, ranged
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import (
    Place,
    authorship,
    frame,
    is_negated,
    notes,
    relations,
)
from adapters.specialist.sections.timing import timing
from adapters.specialist.values import ACT_STATUS, absent, concept, mapped, present, string
from adapters.terminology.tables import concept_map
from adapters.times import utc_key

JSON = dict[str, Any]
MOOD = "http://terminology.hl7.org/CodeSystem/v3-ActMood"
_INDICATION = "2.16.840.1.113883.10.20.22.4.19"
_SIG = "2.16.840.1.113883.10.20.22.4.147"
_INSTRUCTION = "2.16.840.1.113883.10.20.22.4.20"
_SUPPLY = "2.16.840.1.113883.10.20.22.4.17"


def medications(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """A substance administration of mood EVN (taken, so a plan) or INT (ordered)."""
    if local(act) != "substanceAdministration":
        return None
    owner = frame(record, "MedicationRequest", act)
    requester, authored = authorship(record, place, owner, act)
    dosage = _dosage(record, act)
    members = present(
        status=_status(record, act, dosage),
        intent=_intent(record, act),
        doNotPerform=True if is_negated(record, act) else None,
        subject=record.subject,
        authoredOn=authored,
        requester=requester,
        reasonCode=_reasons(record, act),
        note=notes(record, act),
        dosageInstruction=[dosage] if dosage else None,
        dispenseRequest=_dispense(record, act),
    )
    content = owner | _medicine(record, act, owner) | members
    return [record.add(content, record.key(act, place.code, place.ordinal))]


def _intent(record: Record, act: Element) -> str:
    target = concept_map("cda_medication_intent").get((MOOD, peek(act, "moodCode")))
    if target is None:
        record.assume(act, "intent")
        return "order"
    record.doc.get(act, "moodCode")
    return target.code


def _status(record: Record, act: Element, dosage: JSON) -> str:
    """By table; completed with an end after the document's own time is still active."""
    target = mapped(record, "cda_medication_status", ACT_STATUS, find(act, "statusCode"))
    if target is None:
        record.assume(act, "status")
        return "unknown"
    end = dosage.get("timing", {}).get("repeat", {}).get("boundsPeriod", {}).get("end")
    if target.code == "completed" and end and utc_key(end) > utc_key(record.document_time) > "":
        record.assume(act, "status")
        return "active"
    return target.code


def _medicine(record: Record, act: Element, owner: JSON) -> JSON:
    """The product; with a batch or a maker it is a contained Medication."""
    product = find(act, "consumable/manufacturedProduct")
    material = find(product, "manufacturedMaterial")
    code = concept(record, find(material, "code"))
    if code is None:
        words = string(record, find(material, "name"))
        code = {"text": words} if words else absent(record, find(material, "code"))
    maker = string(record, find(product, "manufacturerOrganization/name"))
    batch = string(record, find(material, "lotNumberText"))
    if not (maker or batch):
        return {"medicationCodeableConcept": code}
    medication = {"resourceType": "Medication", "id": "medication"} | present(
        code=code,
        manufacturer=present(display=maker),
        batch=present(lotNumber=batch),
    )
    owner.setdefault("contained", []).append(medication)
    display = code.get("text") or next((c.get("display") for c in code.get("coding", [])), None)
    return {"medicationReference": {"reference": "#medication"} | present(display=display)}


def _dosage(record: Record, act: Element) -> JSON:
    rate = present(
        doseQuantity=quantity(record, find(act, "doseQuantity")),
        rateQuantity=quantity(record, find(act, "rateQuantity")),
    )
    if "doseQuantity" not in rate:
        rate |= present(doseRange=ranged(record, find(act, "doseQuantity")))
    if "rateQuantity" not in rate:
        rate |= present(rateRange=ranged(record, find(act, "rateQuantity")))
    limit = find(act, "maxDoseQuantity")
    most = present(
        numerator=quantity(record, find(limit, "numerator")),
        denominator=quantity(record, find(limit, "denominator")),
    )
    return present(
        text=_sig(record, act),
        patientInstruction=_words(record, act, _INSTRUCTION),
        timing=timing(record, act),
        site=concept(record, find(act, "approachSiteCode")),
        route=concept(record, find(act, "routeCode")),
        doseAndRate=[rate] if rate else None,
        maxDosePerPeriod=most if len(most) == 2 else None,
    ) | _as_needed(record, act)


def _sig(record: Record, act: Element) -> str | None:
    """The free-text instruction: its own template, else the narrative that the act's text names."""
    found = _words(record, act, _SIG)
    if found:
        return found
    text = find(act, "text")
    reference = peek(find(text, "reference"), "value")
    return (record.referred(reference) if reference else None) or string(record, text)


def _words(record: Record, act: Element, template: str) -> str | None:
    for _, inner in relations(act):
        if template in templates(inner):
            return string(record, find(inner, "text"))
    return None


def _as_needed(record: Record, act: Element) -> JSON:
    """A precondition: taken if needed, for what if it says so."""
    condition = find(act, "precondition")
    if condition is None:
        return {}
    reason = concept(record, find(condition, "criterion/value")) or concept(
        record, find(condition, "criterion/code")
    )
    return {"asNeededCodeableConcept": reason} if reason else {"asNeededBoolean": True}


def _reasons(record: Record, act: Element) -> list[JSON]:
    found = [
        concept(record, find(inner, "value"))
        for kind, inner in relations(act)
        if _INDICATION in templates(inner) or kind == "RSON"
    ]
    return [c for c in found if c]


def _dispense(record: Record, act: Element) -> JSON:
    """The supply order: repeats (CDA counts the first fill, FHIR does not) and quantity."""
    for _, inner in relations(act):
        if local(inner) != "supply" or (_SUPPLY not in templates(inner) and peek(inner, "moodCode") != "INT"):
            continue
        fills = integer(record, find(inner, "repeatNumber"))
        return present(
            numberOfRepeatsAllowed=fills - 1 if fills and fills > 0 else None,
            quantity=quantity(record, find(inner, "quantity")),
        )
    if find(act, "repeatNumber") is not None and peek(act, "moodCode") == "INT":
        fills = integer(record, find(act, "repeatNumber"))
        return {"numberOfRepeatsAllowed": fills - 1} if fills and fills > 0 else {}
    return {}
