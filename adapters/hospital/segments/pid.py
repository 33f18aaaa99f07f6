"""PID and PD1 to Patient. PID-10 and PID-22 wait for a regional table: there is no element for them in R4."""

from adapters.errors import MappingGap
from adapters.hospital.codes import concept_from_cwe, concept_from_table, table
from adapters.hospital.context import Context, Draft
from adapters.hospital.identifiers import Named, first_key, identifier_from_cx, ssn_from
from adapters.hospital.message import Element, Segment
from adapters.hospital.people import (
    address_from_xad,
    name_from_xpn,
    organization_from_xon,
    practitioner_from_xcn,
    telecom_from_xtn,
)
from adapters.hospital.segments.belonging import (
    living_will_from_pd1,
    put_belonging,
    put_county,
    put_habits,
)
from adapters.interface import JSON

_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"


def patient_from_pid(context: Context, pid: Segment, pd1: Segment | None) -> Draft:
    """Patient, keyed by the identifier that the feed prefers. The caller made sure that there is one."""
    scratch = context.scratch("Patient")
    numbered = [
        named
        for field in (3, 2, 4)
        for element in pid.all(field)
        if (named := identifier_from_cx(scratch, element))
    ]
    key = first_key(numbered, context.source.identifier_order)
    if key is None:
        raise MappingGap("a patient without identifier reached the mapping")
    draft = context.draft("Patient", key.key)
    draft.tags = scratch.tags
    _identifiers(draft, pid, numbered)
    if context.event == "A29":
        draft.put("active", False)
    _names(draft, pid)
    _demographics(draft, pid)
    _contact(draft, pid)
    _deceased(draft, pid)
    put_county(draft, pid)
    put_belonging(draft, pid)
    if pd1 is not None:
        _primary_care(draft, pd1)
        put_habits(draft, pd1)
        living_will_from_pd1(context, pd1, draft)
    return context.add(draft)


def has_identifier(pid: Segment) -> bool:
    """Whether the segment identifies anybody at all."""
    return any(element.text(1) for field in (3, 2, 4) for element in pid.all(field))


def _identifiers(draft: Draft, pid: Segment, numbered: list[Named]) -> None:
    draft.append("identifier", *(named.body for named in numbered))
    draft.append("identifier", ssn_from(draft, pid.first(19)))
    licence = identifier_from_dln(draft, pid.first(20))
    draft.append("identifier", licence)


def identifier_from_dln(draft: Draft, element: Element) -> JSON | None:
    """PID-20, a driver's licence: number and the state that issued it."""
    value = element.take(1)
    if not value:
        return None
    made: JSON = {
        "type": {"coding": [{"system": table("0203"), "code": "DL"}]},
        "value": value,
    }
    state = element.take(2)
    return made | ({"assigner": {"display": state}} if state else {})


def _names(draft: Draft, pid: Segment) -> None:
    for element in pid.all(5):
        draft.append("name", name_from_xpn(draft, element, "name"))
    for element in pid.all(9):
        alias = name_from_xpn(draft, element, "name")
        if alias:
            alias.setdefault("use", "nickname")
        draft.append("name", alias)
    mother = name_from_xpn(draft, pid.first(6), "extension")
    if mother and mother.get("family"):
        words = " ".join([*mother.get("given", ()), mother["family"]])
        draft.append("extension", {"url": f"{_EXTENSION}patient-mothersMaidenName", "valueString": words})


def _demographics(draft: Draft, pid: Segment) -> None:
    context = draft.context
    draft.put("gender", draft.code(pid.first(8), "v2_administrative_sex", "gender"))
    born = draft.time(pid.first(7), "birthDate")
    if born:
        draft.put("birthDate", born[:10])
        if "T" in born:
            extension = {"url": f"{_EXTENSION}patient-birthTime", "valueDateTime": born}
            draft.put("_birthDate", {"extension": [extension]})
    draft.put("maritalStatus", concept_from_table(context, pid.first(16), "v2_marital_status", table("0002")))
    religion = concept_from_cwe(context, pid.first(17), table("0006"))
    if religion:
        url = f"{_EXTENSION}patient-religion"
        draft.append("extension", {"url": url, "valueCodeableConcept": religion})
    birthplace = pid.first(23).take(1)
    if birthplace:
        place = {"url": f"{_EXTENSION}patient-birthPlace", "valueAddress": {"text": birthplace}}
        draft.append("extension", place)
    _multiple_birth(draft, pid)


def _multiple_birth(draft: Draft, pid: Segment) -> None:
    order = pid.first(25).text(1)
    if order.isascii() and order.isdigit() and 0 < int(order[:9]) < 100:
        pid.first(25).take(1)
        draft.put("multipleBirthInteger", int(order))
    elif pid.text(24).upper() in ("Y", "N"):
        draft.put("multipleBirthBoolean", pid.first(24).take(1).upper() == "Y")
    if order and "multipleBirthInteger" not in draft.body:
        draft.context.reject(pid.first(25), "bad-number", "Patient.multipleBirthInteger")


def _contact(draft: Draft, pid: Segment) -> None:
    for element in pid.all(11):
        draft.append("address", address_from_xad(draft, element, "address"))
    for field, use in ((13, "home"), (14, "work"), (40, "")):
        for element in pid.all(field):
            draft.append("telecom", telecom_from_xtn(draft, element, "telecom", use))
    language = concept_from_cwe(draft.context, pid.first(15), None)
    draft.append("communication", {"language": language, "preferred": True} if language else None)


def _deceased(draft: Draft, pid: Segment) -> None:
    """PID-30 counts only without PID-29."""
    died = draft.time(pid.first(29), "deceasedDateTime")
    flag = pid.first(30)
    said = {"YES": "Y", "TRUE": "Y", "NO": "N", "FALSE": "N"}.get(flag.text(1).upper(), flag.text(1).upper())
    if died:
        draft.put("deceasedDateTime", died)
        if said:
            flag.lose("not-mapped", "superseded", "Patient.deceasedBoolean", [(1, 1)])
    elif said in ("Y", "N"):
        flag.take(1)
        draft.put("deceasedBoolean", said == "Y")
    elif said:
        draft.context.reject(flag, "bad-code", "Patient.deceasedBoolean")


def _primary_care(draft: Draft, pd1: Segment) -> None:
    for element in pd1.all(3):
        draft.append("generalPractitioner", organization_from_xon(draft, element))
    for element in pd1.all(4):
        draft.append("generalPractitioner", practitioner_from_xcn(draft, element, "generalPractitioner"))
