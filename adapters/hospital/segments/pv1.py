"""PV1 and PV2 to Encounter with its Locations and Practitioners."""

from adapters.hospital.codes import concept_from_cwe, table
from adapters.hospital.context import ABSENT, Context, Draft
from adapters.hospital.identifiers import Named, identifier_from_cx
from adapters.hospital.message import Segment
from adapters.hospital.people import location_from_pl, practitioner_from_xcn
from adapters.hospital.periods import period_between
from adapters.hospital.segments.pv2 import fill_from_pv2
from adapters.interface import JSON
from adapters.terminology.tables import concept_map

_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_DOCTORS = (
    (7, "ATND", "attender"),
    (8, "REF", "referrer"),
    (9, "CON", "consultant"),
    (17, "ADM", "admitter"),
    (52, "PART", "Participation"),
)
_CANCELS = frozenset("A11 A13 A23 A27 A38 A52 A53".split())
_SILENT = frozenset("A08 A12 A25 A26 A31 A32 A33 A54 A55 A60".split())
"""Events that say nothing about the status: the fold keeps what was known, and `unknown` if nothing was."""
_LOCATIONS = ((3, ""), (6, "completed"), (11, "active"), (42, "reserved"), (43, "completed"))


def encounter_from_pv1(context: Context, pv1: Segment, pv2: Segment | None, patient: Draft) -> Draft:
    """Encounter by PV1-19, else patient and PV1-44, else the message (`no-key`)."""
    scratch = context.scratch("Encounter")
    visits = [made for element in pv1.all(19) if (made := identifier_from_cx(scratch, element))]
    draft = context.draft("Encounter", _key(context, pv1, patient, visits))
    draft.tags = scratch.tags
    for visit in visits:
        visit.body.setdefault("type", {"coding": [{"system": table("0203"), "code": "VN"}]})
    draft.append("identifier", *(visit.body for visit in visits))
    for element in pv1.all(50):
        other = identifier_from_cx(draft, element)
        draft.append("identifier", other.body if other else None)
    # of two that are reversed the discharge is the newer statement
    period = period_between(draft, (pv1.first(44), 1), (pv1.first(45), 1), "period", doubted="start")
    _status(draft, pv1, ended="end" in period)
    _class(draft, pv1)
    for element in pv1.all(4):
        draft.append("type", concept_from_cwe(context, element, table("0007")))
    draft.put("serviceType", concept_from_cwe(context, pv1.first(10), table("0069")))
    draft.put("subject", patient.link())
    _participants(draft, pv1)
    draft.put("period", period)
    _hospitalization(draft, pv1)
    _locations(draft, pv1)
    if pv2 is not None:
        fill_from_pv2(draft, pv2)
    return context.add(draft)


def _key(context: Context, pv1: Segment, patient: Draft, visits: list[Named]) -> str:
    if visits:
        return visits[0].key
    admitted = pv1.text(44)
    if admitted:
        return f"{patient.id}\x1f{admitted}"
    context.assume(f"{pv1.position}-19", "no-key", "", "default")
    return f"no-key\x1f{context.fallback_key}\x1f{pv1.ordinal}"


def _status(draft: Draft, pv1: Segment, *, ended: bool) -> None:
    """A cancelling event, then PV1-45, then the event, then the class (normalisation.md 3.3)."""
    context = draft.context
    by_event = concept_map("v2_encounter_event").get(("", context.event)) if context.family == "ADT" else None
    event_says = by_event.code if by_event else ""
    by_class = concept_map("v2_encounter_status").get(("", pv1.text(2).upper()))
    status = ""
    if context.event in _CANCELS:
        status = event_says
    elif ended:
        status = "finished"
    elif event_says:
        status = event_says
    elif context.family == "SIU" and not pv1.text(44):
        status = "planned"  # the visit that an appointment is made for: nobody is there yet
    elif by_class and not (context.family == "ADT" and context.event in _SILENT):
        status = by_class.code
    if not status or (status == "unknown" and not event_says):
        status = "unknown"
        draft.assume(f"{pv1.position}-2", "status", status)
    draft.put("status", status)


def _class(draft: Draft, pv1: Segment) -> None:
    """Required in R4: a data-absent-reason when the source did not say it, or said it in its own code."""
    element = pv1.first(2)
    code = element.take(1)
    known = concept_map("v2_encounter_class").get(("", code.upper())) if code else None
    if known and known.code:
        draft.put("class", {"system": known.system, "code": known.code})
    elif code and " " not in code:
        draft.put("class", {"code": code})
    elif code:
        draft.put("class", {"display": code})
    else:
        draft.put("class", {"extension": [{"url": ABSENT, "valueCode": "unknown"}]})
        draft.assume(f"{pv1.position}-2", "class", "unknown")


def _participants(draft: Draft, pv1: Segment) -> None:
    for field, code, display in _DOCTORS:
        for element in pv1.all(field):
            who = practitioner_from_xcn(draft, element, "participant")
            if who:
                coding = {"system": _PARTICIPATION, "code": code, "display": display}
                draft.append("participant", {"type": [{"coding": [coding]}], "individual": who})


def _hospitalization(draft: Draft, pv1: Segment) -> None:
    context = draft.context
    made: JSON = {}
    before = identifier_from_cx(draft, pv1.first(5))
    if before:
        made["preAdmissionIdentifier"] = before.body
    for field, name, number in (
        (14, "admitSource", "0023"),
        (13, "reAdmission", "0092"),
        (36, "dischargeDisposition", "0112"),
    ):
        concept = concept_from_cwe(context, pv1.first(field), table(number))
        if concept:
            made[name] = concept
    for field, name, number in ((38, "dietPreference", "0114"), (15, "specialArrangement", "0009")):
        found = [concept_from_cwe(context, element, table(number)) for element in pv1.all(field)]
        if any(found):
            made[name] = [concept for concept in found if concept]
    destination = pv1.first(37).take(1)
    if destination:
        made["destination"] = {"display": destination}
    draft.put("hospitalization", made)


def _locations(draft: Draft, pv1: Segment) -> None:
    planned = pv1.text(2).upper() == "P"
    for field, status in _LOCATIONS:
        for element in pv1.all(field):
            where = location_from_pl(draft, element)
            if where:
                draft.append("location", {"location": where, "status": status or _here(draft, planned)})


def _here(draft: Draft, planned: bool) -> str:
    if draft.body["status"] == "finished":
        return "completed"
    return "planned" if planned else "active"
