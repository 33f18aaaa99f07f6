"""SCH with its AIS AIG AIL AIP to Appointment (v2-to-FHIR SCH, AIS, AIG, AIL, AIP [Appointment])."""

from dataclasses import dataclass, field

from adapters.hospital.codes import concept_from_cwe, table
from adapters.hospital.context import ABSENT, Context, Draft
from adapters.hospital.identifiers import identifier_from_ei
from adapters.hospital.message import Segment
from adapters.hospital.people import practitioner_from_xcn
from adapters.hospital.segments.resources import (
    Slot,
    participant_from_resource,
    slot_from_resource,
    status_of_participant,
)
from adapters.hospital.segments.tq1 import minutes_from
from adapters.interface import JSON
from adapters.times import later_by_minutes, utc_key

_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_BY_EVENT = {"S15": "cancelled", "S16": "cancelled", "S17": "entered-in-error", "S26": "noshow"}
_GIVEN_UP = frozenset({"cancelled", "noshow"})
"""Statuses that may have a reason (app-4)."""
_WITHOUT_TIME = frozenset({"proposed", "cancelled", "waitlist"})
"""Statuses that R4 lets have no start and end (app-3)."""
_CONTACTS = ((12, "REF"), (16, "CALLBCK"), (20, "ENT"))


@dataclass
class Booking:
    """SCH and what is said of it in the message."""

    sch: Segment
    resources: list[Segment] = field(default_factory=list)
    """AIS AIG AIL AIP, in order."""
    timings: list[Segment] = field(default_factory=list)
    notes: list[Segment] = field(default_factory=list)


def appointment_from_sch(context: Context, booking: Booking, patients: list[Draft]) -> Draft:
    """Appointment by SCH-2, else SCH-1, and SCH-3; `no-key` if nobody numbered it."""
    sch = booking.sch
    scratch = context.scratch("Appointment")
    placer, filler = (identifier_from_ei(scratch, sch.first(f), k) for f, k in ((1, "PLAC"), (2, "FILL")))
    number = filler or placer
    if number is None:
        context.assume(f"{sch.position}-2", "no-key", "", "default")
    key = number.key if number else f"no-key\x1f{context.fallback_key}\x1f{sch.ordinal}"
    draft = context.draft("Appointment", f"{key}\x1f{sch.first(3).take(1)}")
    draft.tags = scratch.tags
    draft.append("identifier", *(one.body for one in (placer, filler) if one))
    _status(draft, sch)
    for segment in booking.resources:
        if segment.name == "AIS":
            draft.append("serviceType", concept_from_cwe(context, segment.first(3)))
    _reasons(draft, sch)
    taken = {one.index: slot_from_resource(draft, one) for one in booking.resources}
    _times(draft, booking, list(taken.values()))
    lines = [element.take(1) for note in booking.notes for element in note.all(3)]
    draft.put("comment", "\n".join(line for line in lines if line))
    for field_number in (26, 27):
        for element in sch.all(field_number):
            order = identifier_from_ei(draft, element)
            target = {"type": "ServiceRequest", "identifier": order.body} if order else None
            draft.append("basedOn", target)
    _participants(draft, booking, taken, patients)
    return context.add(draft)


def _status(draft: Draft, sch: Segment) -> None:
    """A cancelling event, then SCH-25, else `booked`, assumed."""
    status = draft.code(sch.first(25), "v2_appointment_status", "status")
    status = _BY_EVENT.get(draft.context.event) or status
    if status is None:
        status = "booked"
        draft.assume(f"{sch.position}-25", "status", status)
    draft.put("status", status)


def _reasons(draft: Draft, sch: Segment) -> None:
    context = draft.context
    if draft.body["status"] in _GIVEN_UP:
        draft.put("cancelationReason", concept_from_cwe(context, sch.first(6)))
    draft.put("appointmentType", concept_from_cwe(context, sch.first(8), table("0277")))
    draft.append("reasonCode", concept_from_cwe(context, sch.first(7), table("0276")))


def _times(draft: Draft, booking: Booking, taken: list[Slot]) -> None:
    """SCH-11 or TQ1, else the earliest resource; the end from the duration if nobody states it."""
    stated = [_slot_of_tq(draft, booking.sch), *(_slot_of_tq1(draft, one) for one in booking.timings)]
    minutes = minutes_from(booking.sch.first(9), booking.sch.first(10))
    minutes = minutes or next((slot.minutes for slot in taken if slot.minutes), None)
    start = next((slot.start for slot in stated if slot.start), "")
    start = start or min((slot.start for slot in taken if slot.start), default="")
    end = next((slot.end for slot in (*stated, *taken) if slot.start == start and slot.end), "")
    if "T" in end and utc_key(end) < utc_key(start):
        end = ""
    if "T" in start and not end and minutes:
        end = later_by_minutes(start, minutes) or ""
    if "T" in start:
        draft.put("start", start)
        draft.put("end", end if "T" in end else None)
    elif start:
        draft.put("requestedPeriod", [{"start": start} | ({"end": end} if end else {})])
    draft.put("minutesDuration", minutes)
    _absent(draft)


def _absent(draft: Draft) -> None:
    """R4 wants both start and end (app-2, app-3): what the source did not say is said to be absent."""
    needed = draft.body["status"] not in _WITHOUT_TIME or "start" in draft.body
    for name in ("start", "end"):
        if needed and name not in draft.body:
            draft.put(f"_{name}", {"extension": [{"url": ABSENT, "valueCode": "unknown"}]})


def _slot_of_tq(draft: Draft, sch: Segment) -> Slot:
    element = sch.first(11)
    return Slot(draft.time(element, "start", 4) or "", draft.time(element, "end", 5) or "")


def _slot_of_tq1(draft: Draft, tq1: Segment) -> Slot:
    return Slot(draft.time(tq1.first(7), "start") or "", draft.time(tq1.first(8), "end") or "")


def _participants(draft: Draft, booking: Booking, taken: dict[int, Slot], patients: list[Draft]) -> None:
    status = status_of_participant(draft.body["status"])
    for patient in patients:
        draft.append("participant", {"actor": patient.link(), "required": "required", "status": status})
    for segment in booking.resources:
        if segment.name != "AIS":
            draft.append(
                "participant", participant_from_resource(draft, segment, taken[segment.index], status)
            )
    for number, code in _CONTACTS:
        for element in booking.sch.all(number):
            who = practitioner_from_xcn(draft, element, "participant")
            kind: JSON = {"coding": [{"system": _PARTICIPATION, "code": code}]}
            made = {"type": [kind], "actor": who, "status": status}
            draft.append("participant", made if who else None)
