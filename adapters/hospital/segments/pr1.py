"""PR1 to Procedure (v2-to-FHIR PR1[Procedure])."""

from adapters.hospital.codes import concept_from_cwe, table
from adapters.hospital.context import Context, Draft
from adapters.hospital.identifiers import identifier_from_ei
from adapters.hospital.message import Segment
from adapters.hospital.people import location_from_pl, practitioner_from_xcn
from adapters.hospital.segments.tq1 import minutes_from
from adapters.interface import JSON
from adapters.times import later_by_minutes

_SNOMED = "http://snomed.info/sct"
_PERFORMERS = ((8, "88189002", "Anesthesiologist"), (11, "304292004", "Surgeon"), (12, "", ""))


def procedure_from_pr1(
    context: Context, pr1: Segment, patient: Draft, encounter: Draft | None
) -> Draft | None:
    """Procedure by PR1-19, else patient, encounter, code and time; None if it names no procedure."""
    scratch = context.scratch("Procedure")
    number = identifier_from_ei(scratch, pr1.first(19))
    code = concept_from_cwe(context, pr1.first(3))
    words = pr1.first(4).take(1)
    if code is None and not words:
        return None
    code = (code or {}) | ({"text": words} if words and not pr1.text(3, 9) else {})
    draft = context.draft("Procedure", number.key if number else _key(pr1, patient, encounter, words))
    draft.tags = scratch.tags
    draft.put("identifier", [number.body] if number else None)
    _status(draft, pr1)
    draft.put("category", concept_from_cwe(context, pr1.first(6), table("0230")))
    draft.put("code", code)
    draft.put("subject", patient.link())
    draft.put("encounter", encounter.link() if encounter else None)
    _performed(draft, pr1)
    for field, function, display in _PERFORMERS:
        for element in pr1.all(field):
            draft.append(
                "performer",
                _performer(draft, practitioner_from_xcn(draft, element, "performer"), function, display),
            )
    draft.put("location", location_from_pl(draft, pr1.first(23)))
    for element in pr1.all(15):
        draft.append("reasonCode", concept_from_cwe(context, element))
    parent = identifier_from_ei(draft, pr1.first(25))
    draft.append("partOf", {"type": "Procedure", "identifier": parent.body} if parent else None)
    return context.add(draft)


def _key(pr1: Segment, patient: Draft, encounter: Draft | None, words: str) -> str:
    code = pr1.text(3) or words.casefold()
    return "\x1f".join((patient.id, encounter.id if encounter else "", code, pr1.text(5)))


def _status(draft: Draft, pr1: Segment) -> None:
    """PR1-20 D withdraws it; no field says whether it was done, so it is `unknown`."""
    action = pr1.first(20).take(1).upper()
    if action == "D":
        draft.put("status", "entered-in-error")
        return
    draft.put("status", "unknown")
    draft.assume(f"{pr1.position}-20", "status", "unknown")


def _performed(draft: Draft, pr1: Segment) -> None:
    """PR1-5, and with PR1-7 (minutes) a period."""
    start = draft.time(pr1.first(5), "performed")
    minutes = minutes_from(pr1.first(7))
    end = later_by_minutes(start, minutes) if start and "T" in start and minutes else None
    if start and end:
        draft.put("performedPeriod", {"start": start, "end": end})
    else:
        draft.put("performedDateTime", start)


def _performer(draft: Draft, who: JSON | None, function: str, display: str) -> JSON | None:
    if who is None or not function:
        return {"actor": who} if who else None
    coding = {"system": _SNOMED, "code": function, "display": display}
    return {"function": {"coding": [coding]}, "actor": who}
