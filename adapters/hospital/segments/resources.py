"""AIS AIG AIL AIP: what and who an appointment takes, and for how long."""

from dataclasses import dataclass

from adapters.hospital.codes import concept_from_cwe, system_from_coding_name, table
from adapters.hospital.context import Draft
from adapters.hospital.message import Element, Segment
from adapters.hospital.people import location_from_pl, practitioner_from_xcn
from adapters.hospital.segments.tq1 import minutes_from
from adapters.identity import local_system
from adapters.interface import JSON
from adapters.times import later_by_minutes

_START = {"AIS": 4, "AIG": 8, "AIL": 6, "AIP": 6}
"""Field of the start; offset and its units follow, then duration and its units."""
_STATE = {"AIS": 10, "AIG": 14, "AIL": 12, "AIP": 12}
_ACCEPTANCE = {
    "booked": "accepted",
    "checked-in": "accepted",
    "fulfilled": "accepted",
    "noshow": "accepted",
    "cancelled": "declined",
    "entered-in-error": "declined",
}


@dataclass(frozen=True, slots=True)
class Slot:
    """FHIR dateTime texts, empty if not said."""

    start: str = ""
    end: str = ""
    minutes: int | None = None


def slot_from_resource(draft: Draft, segment: Segment) -> Slot:
    """Start and duration of one resource; an offset without start is not computed."""
    first = _START[segment.name]
    start = draft.time(segment.first(first), "participant.period.start") or ""
    minutes = minutes_from(segment.first(first + 3), segment.first(first + 4))
    end = later_by_minutes(start, minutes) if minutes and "T" in start else None
    return Slot(start, end or "", minutes)


def status_of_participant(appointment: str) -> str:
    """Participation that goes with the status of an appointment: `tentative` while it is not settled."""
    return _ACCEPTANCE.get(appointment, "tentative")


def participant_from_resource(draft: Draft, segment: Segment, slot: Slot, status: str) -> JSON | None:
    """Appointment.participant of AIG, AIL or AIP; its own state if it has one."""
    actor = _actor(draft, segment)
    if actor is None:
        return None
    made: JSON = {"actor": actor, "status": status}
    kind = concept_from_cwe(draft.context, segment.first(4), table("0182"))
    if kind:
        made["type"] = [kind]
    own = draft.code(segment.first(_STATE[segment.name]), "v2_appointment_status", "participant.status")
    if own:
        made["status"] = status_of_participant(own)
    period = {name: moment for name, moment in (("start", slot.start), ("end", slot.end)) if moment}
    return made | ({"period": period} if period else {})


def _actor(draft: Draft, segment: Segment) -> JSON | None:
    if segment.name == "AIP":
        return practitioner_from_xcn(draft, segment.first(3), "participant")
    if segment.name == "AIL":
        return location_from_pl(draft, segment.first(3))
    return _equipment(draft, segment.first(3))


def _equipment(draft: Draft, element: Element) -> JSON | None:
    """AIG-3: a resource of any kind by its number, which only the source can resolve."""
    code, words = element.take(1), element.take(2) or element.take(9)
    if not code:
        return {"display": words} if words else None
    source = draft.context.source
    system = system_from_coding_name(draft.context, element.text(3))
    if system:
        element.take(3)
    system = system or local_system(source.custodian, source.id, "resource")
    return {"identifier": {"system": system, "value": code}, "display": words or code}
