"""Medicines: one MedicationRequest for each medication activity (C-CDA on FHIR, CF Medication)."""

from typing import Any

from adapters.specialist.markup import Element, find, local, peek, templates
from adapters.specialist.quantities import integer, quantity
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import (
    SCT,
    Place,
    authorship,
    encounter_of,
    frame,
    is_negated,
    notes,
    reasons,
    related,
    relations,
)
from adapters.specialist.sections.dispenses import dispenses, dispenses_of
from adapters.specialist.sections.doses import dosage, medicine
from adapters.specialist.values import ACT_STATUS, mapped, present
from adapters.terminology.tables import concept_map
from adapters.times import utc_key

JSON = dict[str, Any]
MOOD = "http://terminology.hl7.org/CodeSystem/v3-ActMood"
_SUPPLY = "2.16.840.1.113883.10.20.22.4.17"
_COURSE = "2.16.840.1.113883.10.20.1.47"
_OPEN = frozenset({"active", "completed"})


def medications(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """A substance administration of mood EVN (taken, so a plan) or INT (ordered), or an act around such.

    With each what was handed out of it; a supply alone is a dispense.
    """
    if local(act) == "supply":
        return dispenses(record, act, place)
    doses = [inner for _, inner in relations(act) if _is_dose(inner)] if local(act) == "act" else [act]
    return [one for dose in doses if _is_dose(dose) for one in _medication(record, dose, place)] or None


def _is_dose(act: Element) -> bool:
    return local(act) == "substanceAdministration"


def _medication(record: Record, act: Element, place: Place) -> list[JSON]:
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
        dispenseRequest=_dispense_request(record, act),
    )
    content = owner | medicine(record, find(act, "consumable/manufacturedProduct"), owner) | members
    request = record.add(content, record.key(act, place.code, place.ordinal))
    return [request, *dispenses_of(record, act, place, request)]


def _intent(record: Record, act: Element) -> str:
    target = concept_map("cda_medication_intent").get((MOOD, peek(act, "moodCode")))
    if target is None:
        record.assume(act, "intent")
        return "order"
    record.doc.get(act, "moodCode")
    return target.code


def _status(record: Record, act: Element, taken: JSON) -> str:
    """By table; completed with an end after the document's own time is still active.

    A status observation says more than a completed or active act: documents before C-CDA have it, and an
    act that is always completed. What was called off or entered in error stays so.
    """
    target = mapped(record, "cda_medication_status", ACT_STATUS, find(act, "statusCode"))
    if target is None or target.code in _OPEN:
        course = find(related(act, template=_COURSE, code="33999-4"), "value")
        own = mapped(record, "cda_medication_course", SCT, course, closed=False)
        if own:
            return own.code
    if target is None:
        record.assume(act, "status")
        return "unknown"
    end = taken.get("timing", {}).get("repeat", {}).get("boundsPeriod", {}).get("end")
    if target.code == "completed" and end and utc_key(end) > utc_key(record.document_time) > "":
        record.assume(act, "status")
        return "active"
    return target.code


def _dispense_request(record: Record, act: Element) -> JSON:
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
