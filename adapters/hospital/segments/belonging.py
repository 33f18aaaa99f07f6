"""What PID and PD1 say of a person beyond who she is: citizenship, species, worship, a living will."""

from adapters.hospital.codes import concept_from_cwe, table
from adapters.hospital.context import Context, Draft
from adapters.hospital.message import Segment
from adapters.interface import JSON

_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
_CODED = (
    (26, "patient-citizenship", "code", "0171"),
    (28, "patient-nationality", "code", "0212"),
    (39, "patient-citizenship", "code", "0171"),
)
_LIVING_WILL: JSON = {
    "coding": [
        {"system": "http://loinc.org", "code": "75320-2", "display": "Advance directive"},
    ]
}


def put_belonging(draft: Draft, pid: Segment) -> None:
    """PID-26, 28, 39 and 35, 36 as the extensions of the guide."""
    for number, name, part, codes in _CODED:
        for element in pid.all(number):
            concept = concept_from_cwe(draft.context, element, table(codes))
            inner = [{"url": part, "valueCodeableConcept": concept}]
            extension = {"url": f"{_EXTENSION}{name}", "extension": inner}
            draft.append("extension", extension if concept else None)
    species = concept_from_cwe(draft.context, pid.first(35), table("0446"))
    breed = concept_from_cwe(draft.context, pid.first(36), table("0447"))
    if species:
        inner = [{"url": "species", "valueCodeableConcept": species}]
        inner += [{"url": "breed", "valueCodeableConcept": breed}] if breed else []
        draft.append("extension", {"url": f"{_EXTENSION}patient-animal", "extension": inner})


def put_county(draft: Draft, pid: Segment) -> None:
    """PID-12, a county that no address names yet."""
    county = pid.first(12).take(1)
    listed = draft.body.get("address", [])
    if county and len(listed) == 1 and "district" not in listed[0]:
        listed[0]["district"] = county
    elif county and all(one.get("district") != county for one in listed):
        draft.append("address", {"district": county})


def put_habits(draft: Draft, pd1: Segment) -> None:
    """PD1-6 and PD1-14."""
    for element in pd1.all(6):
        handicap = concept_from_cwe(draft.context, element, table("0295"))
        extension = {"url": f"{_EXTENSION}patient-disability", "valueCodeableConcept": handicap}
        draft.append("extension", extension if handicap else None)
    for element in pd1.all(14):
        name = element.take(1)
        extension = {"url": f"{_EXTENSION}patient-congregation", "valueString": name}
        draft.append("extension", extension if name else None)


def living_will_from_pd1(context: Context, pd1: Segment, patient: Draft) -> Draft | None:
    """PD1-7 as an Observation, keyed by the patient: one statement at a time."""
    said = concept_from_cwe(context, pd1.first(7), table("0315"))
    if said is None:
        return None
    draft = context.draft("Observation", f"{patient.id}\x1fliving-will")
    draft.put("status", "final")
    draft.put("code", _LIVING_WILL)
    draft.put("subject", patient.link())
    draft.put("valueCodeableConcept", said)
    return context.add(draft)
