"""PRT and ROL: who takes part in what the segment before them says. What finds no place is kept raw.

v2-to-FHIR PRT and ROL [PractitionerRole, CareTeam, GeneralPractitioner, Observation-Location, Device].
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from adapters.hospital.codes import concept_from_cwe, table
from adapters.hospital.context import Context, Draft
from adapters.hospital.groups import Person
from adapters.hospital.identifiers import identifier_from_ei
from adapters.hospital.kept import keep_segment
from adapters.hospital.message import Segment
from adapters.hospital.messages.person import Known
from adapters.hospital.people import location_from_pl, organization_from_xon, practitioner_from_xcn
from adapters.hospital.periods import period_between
from adapters.interface import JSON

_EVENT_LOCATION = "http://hl7.org/fhir/StructureDefinition/event-location"
_PRIMARY_CARE = frozenset({"PP", "FHCP", "PCP", "GP"})
_ORDERING = "OP"
_DELETED = frozenset({"D", "DE"})
_FIELDS = {"PRT": (4, 5, 8, 9, 11, 12, "0912"), "ROL": (3, 4, 14, 13, 5, 6, "0443")}
"""Role, person, organisation, location, begin, end, table of the role."""
_WITH_FUNCTION = frozenset("Immunization Procedure MedicationAdministration MedicationDispense".split())
_PLAIN = {"Observation": "performer", "DiagnosticReport": "performer", "DocumentReference": "author"}


@dataclass(frozen=True, slots=True)
class _Part:
    """One PRT or ROL read for its resource."""

    code: str
    role: JSON | None
    who: list[JSON]
    where: JSON | None
    period: JSON


def map_participants(context: Context, person: Person, known: Known, reason: str) -> None:
    """Every PRT and ROL of a patient group, each a unit; `reason`: why one without a place is kept."""
    for anchor, segments in person.participants.items():
        draft = context.made.get(anchor)
        for segment in segments:
            placed = draft is not None and context.attempt([segment], partial(_placed, draft, segment))
            if placed is False:
                keep_segment(context, segment, reason, known.patient)


def _placed(draft: Draft, segment: Segment) -> bool:
    if segment.first(2).text(1).upper() in _DELETED or draft.type not in _PLACES:
        return False
    part = _read(draft, segment)
    if not part.who and part.where is None:
        return draft.type == "Observation" and _device(draft, segment)
    if part.where is not None and draft.type in ("Observation", "DiagnosticReport"):
        draft.append("extension", {"url": _EVENT_LOCATION, "valueReference": part.where})
    for who in part.who:
        _PLACES[draft.type](draft, part, who)
    if draft.type == "Observation":
        _device(draft, segment)
    return True


def _read(draft: Draft, segment: Segment) -> _Part:
    role, person, organisation, location, begin, end, names = _FIELDS[segment.name]
    concept = concept_from_cwe(draft.context, segment.first(role), table(names))
    who = [made for one in segment.all(person) if (made := practitioner_from_xcn(draft, one, "participant"))]
    group = [made for one in segment.all(organisation) if (made := organization_from_xon(draft, one))]
    period = period_between(draft, (segment.first(begin), 1), (segment.first(end), 1), "participant.period")
    segment.first(2).take(1)
    where = location_from_pl(draft, segment.first(location))
    return _Part(segment.text(role).upper(), concept, who or group, where, period)


def _device(draft: Draft, segment: Segment) -> bool:
    """PRT-10: the device that observed."""
    number = identifier_from_ei(draft, segment.first(10)) if segment.name == "PRT" else None
    if number is None or "device" in draft.body:
        return False
    draft.put("device", draft.contain({"resourceType": "Device", "identifier": [number.body]}))
    return True


def _of_patient(draft: Draft, part: _Part, who: JSON) -> None:
    """Primary care as `generalPractitioner`, everybody else in the patient's CareTeam."""
    if part.code in _PRIMARY_CARE:
        draft.append("generalPractitioner", who)
        return
    team = draft.context.draft("CareTeam", draft.id)
    team = draft.context.known(team.reference) or team
    team.put("subject", draft.link())
    if who["reference"].startswith("#"):
        inside = next(one for one in draft.body["contained"] if f"#{one['id']}" == who["reference"])
        team.append("contained", inside)
        draft.body["contained"] = [one for one in draft.body["contained"] if one is not inside]
        if not draft.body["contained"]:
            del draft.body["contained"]
    said: JSON = {"role": [part.role]} if part.role else {}
    team.append("participant", said | {"member": who} | ({"period": part.period} if part.period else {}))
    draft.context.add(team)


def _of_visit(draft: Draft, part: _Part, who: JSON) -> None:
    if not _is_person(draft, who):
        return
    said: JSON = {"type": [part.role]} if part.role else {}
    said |= {"period": part.period} if part.period else {}
    draft.append("participant", said | {"individual": who})


def _of_request(draft: Draft, part: _Part, who: JSON) -> None:
    if part.code == _ORDERING and "requester" not in draft.body:
        draft.put("requester", who)
    elif draft.type == "ServiceRequest":
        draft.append("performer", who)
    elif "performer" not in draft.body:
        draft.put("performer", who)


def _of_act(draft: Draft, part: _Part, who: JSON) -> None:
    draft.append("performer", ({"function": part.role} if part.role else {}) | {"actor": who})


def _of_result(draft: Draft, part: _Part, who: JSON) -> None:
    draft.append(_PLAIN[draft.type], who)


def _of_appointment(draft: Draft, part: _Part, who: JSON) -> None:
    if _is_person(draft, who):
        said: JSON = {"type": [part.role]} if part.role else {}
        draft.append("participant", said | {"actor": who, "status": "tentative"})


def _is_person(draft: Draft, who: JSON) -> bool:
    """A Practitioner, also a contained one: R4 has no organisation there."""
    kinds = {f"#{one['id']}": one["resourceType"] for one in draft.body.get("contained", ())}
    kind: str = kinds.get(who["reference"]) or who["reference"].partition("/")[0]
    return kind == "Practitioner"


_PLACES: dict[str, Callable[[Draft, _Part, JSON], None]] = {
    "Patient": _of_patient,
    "Encounter": _of_visit,
    "ServiceRequest": _of_request,
    "MedicationRequest": _of_request,
    "Appointment": _of_appointment,
    **dict.fromkeys(_WITH_FUNCTION, _of_act),
    **dict.fromkeys(_PLAIN, _of_result),
}
