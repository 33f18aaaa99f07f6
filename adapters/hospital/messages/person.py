"""What every message says of its patients: Patient and Encounter, with their marks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from adapters.hospital.acts import Act, act_of_event
from adapters.hospital.context import Context, Draft
from adapters.hospital.deletes import deletes_of
from adapters.hospital.groups import Person
from adapters.hospital.labels import mark_person
from adapters.hospital.message import Segment
from adapters.hospital.segments.nk1 import related_person_from_nk1
from adapters.hospital.segments.pid import has_identifier, patient_from_pid
from adapters.hospital.segments.pv1 import encounter_from_pv1
from adapters.hospital.segments.pv2 import place_movement

BASE = frozenset({"PID", "PD1", "PV1", "PV2", "ARV", "PRT", "ROL"})


@dataclass
class Known:
    """A patient group as far as it is mapped."""

    patient: Draft
    encounters: list[Draft] = field(default_factory=list)

    @property
    def encounter(self) -> Draft | None:
        return self.encounters[0] if self.encounters else None


def person_from_group(context: Context, person: Person) -> Known | None:
    """Patient and Encounters of one group; None, all of it `failed/no-patient`, if nobody is identified."""
    pid = person.pid
    if pid is None or not has_identifier(pid):
        for segment in person.segments:
            segment.lose("failed", "no-patient")
        return None
    pd1 = person.first("PD1")
    patient = context.attempt(_present(pid, pd1), partial(patient_from_pid, context, pid, pd1))
    if patient is None:
        for segment in person.segments:
            segment.lose("failed", "mapping-defect")
        return None
    known = Known(patient)
    for segment in _present(pid, pd1):
        context.made[segment.index] = patient
    visits = person.all("PV1")
    for number, pv1 in enumerate(visits):
        pv2 = person.first("PV2") if number == 0 else None
        build = partial(encounter_from_pv1, context, pv1, pv2, patient)
        made = context.attempt(_present(pv1, pv2), build)
        if made is None:
            patient.incomplete.add("section-failed")
        else:
            known.encounters.append(made)
            for segment in _present(pv1, pv2):
                context.made[segment.index] = made
            _movements(context, person, made)
    mark_person(person, patient, known.encounters)
    _note_acts(context, person, known)
    return known


def _note_acts(context: Context, person: Person, known: Known) -> None:
    """What the group deletes, and the event of its visits as far as it can matter later."""
    gone = deletes_of(person.pid, person.first("PD1"))
    if context.family == "ADT" and context.event == "A28":
        gone = (*gone, "active")  # a person who is added again is not the deleted one (S19)
    _note(context, known.patient, Act(deletes=gone))
    event = context.event if context.family == "ADT" else ""
    visits = person.all("PV1")
    for number, visit in enumerate(known.encounters):
        segments = (visits[number], person.first("PV2") if number == 0 else None)
        gone = deletes_of(*segments) if len(visits) == len(known.encounters) else ()
        _note(context, visit, replace(act_of_event(event), deletes=gone))


def _note(context: Context, draft: Draft, act: Act) -> None:
    if act:
        context.acts[draft.reference] = act


def _movements(context: Context, person: Person, encounter: Draft) -> None:
    for zbe in person.all("ZBE"):
        context.attempt([zbe], partial(place_movement, encounter, zbe))


def map_relatives(context: Context, person: Person, known: Known) -> None:
    for nk1 in person.all("NK1"):
        build = partial(related_person_from_nk1, context, nk1, known.patient)
        attempt_in(context, known.patient, nk1, build)


def attempt_in(
    context: Context, parent: Draft, segment: Segment, build: Callable[[], Draft | None]
) -> Draft | None:
    """One small unit; a defect in it tags its parent `section-failed`."""
    before = context.defects
    made = context.attempt([segment], build)
    if context.defects > before:
        parent.incomplete.add("section-failed")
    if made is not None:
        context.made[segment.index] = made
    return made


def _present(*segments: Segment | None) -> list[Segment]:
    return [segment for segment in segments if segment is not None]
