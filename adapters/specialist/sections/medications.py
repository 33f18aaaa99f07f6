"""Medicines: one MedicationRequest for each medication activity (C-CDA on FHIR, CF Medication)."""

from typing import Any

from adapters.specialist.markup import Element, find, local, peek, templates
from adapters.specialist.quantities import integer, quantity
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import (
    Place,
    authorship,
    encounter_of,
    frame,
    is_negated,
    notes,
    reasons,
    relations,
)
from adapters.specialist.sections.doses import dosage, medicine
from adapters.specialist.values import ACT_STATUS, mapped, present
from adapters.terminology.tables import concept_map
from adapters.times import utc_key

JSON = dict[str, Any]
MOOD = "http://terminology.hl7.org/CodeSystem/v3-ActMood"
_SUPPLY = "2.16.840.1.113883.10.20.22.4.17"


def medications(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """A substance administration of mood EVN (taken, so a plan) or INT (ordered), or an act around such."""
    if local(act) == "act":
        return [_medication(record, inner, place) for _, inner in relations(act) if _is_dose(inner)] or None
    return [_medication(record, act, place)] if _is_dose(act) else None


def _is_dose(act: Element) -> bool:
    return local(act) == "substanceAdministration"


def _medication(record: Record, act: Element, place: Place) -> JSON:
    owner = frame(record, "MedicationRequest", act)
    requester, authored = authorship(record, place, owner, act)
    taken = dosage(record, act)
    members = present(
        status=_status(record, act, taken),
        intent=_intent(record, act),
        doNotPerform=True if is_negated(record, act) else None,
        subject=record.subject,
        encounter=encounter_of(record, act),
        authoredOn=authored,
        requester=requester,
        reasonCode=reasons(record, act),
        note=notes(record, act),
        dosageInstruction=[taken] if taken else None,
        dispenseRequest=_dispense(record, act),
    )
    content = owner | medicine(record, act, owner) | members
    return record.add(content, record.key(act, place.code, place.ordinal))


def _intent(record: Record, act: Element) -> str:
    target = concept_map("cda_medication_intent").get((MOOD, peek(act, "moodCode")))
    if target is None:
        record.assume(act, "intent")
        return "order"
    record.doc.get(act, "moodCode")
    return target.code


def _status(record: Record, act: Element, taken: JSON) -> str:
    """By table; completed with an end after the document's own time is still active."""
    target = mapped(record, "cda_medication_status", ACT_STATUS, find(act, "statusCode"))
    if target is None:
        record.assume(act, "status")
        return "unknown"
    end = taken.get("timing", {}).get("repeat", {}).get("boundsPeriod", {}).get("end")
    if target.code == "completed" and end and utc_key(end) > utc_key(record.document_time) > "":
        record.assume(act, "status")
        return "active"
    return target.code


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
