"""SIU: each SCH an Appointment of all patients of the message, with the resources that follow it."""

from functools import partial

from adapters.hospital.context import Context
from adapters.hospital.groups import Person
from adapters.hospital.messages.adt import SEGMENTS as PATIENT_SEGMENTS
from adapters.hospital.messages.person import Known
from adapters.hospital.segments.sch import Booking, appointment_from_sch

_RESOURCES = frozenset({"AIS", "AIG", "AIL", "AIP"})
SEGMENTS = PATIENT_SEGMENTS | _RESOURCES | {"SCH", "RGS", "NTE", "TQ1"}
EVENTS = frozenset(f"S{number}" for number in (*range(12, 23), 26))
"""S23 and S24 block and open slots of a calendar: nobody's appointment."""


def map_appointments(context: Context, found: list[tuple[Known, Person]]) -> None:
    """All appointments of the message, each a unit."""
    patients = [known.patient for known, _ in found]
    for booking in _bookings(context, found):
        build = partial(appointment_from_sch, context, booking, patients)
        segments = [booking.sch, *booking.resources, *booking.timings, *booking.notes]
        defects = context.defects
        appointment = context.attempt(segments, build)
        if context.defects > defects:
            patients[0].incomplete.add("section-failed")
        if appointment is not None:
            context.made[booking.sch.index] = appointment
            for encounter in (one for known, _ in found for one in known.encounters):
                encounter.append("appointment", appointment.link())


def _bookings(context: Context, found: list[tuple[Known, Person]]) -> list[Booking]:
    """SCH with what follows it up to the next one."""
    notes = {index: some for _, person in found for index, some in person.notes.items()}
    made: list[Booking] = []
    for segment in context.message.segments:
        if segment.name == "SCH":
            made.append(Booking(segment, notes=list(notes.get(segment.index, ()))))
        elif made and segment.name in _RESOURCES:
            made[-1].resources.append(segment)
            made[-1].notes += notes.get(segment.index, ())
        elif made and segment.name == "TQ1":
            made[-1].timings.append(segment)
    return made
