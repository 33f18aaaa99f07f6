"""The patient of a document, and the people related to them."""

import hashlib
from typing import Any

from adapters.identity import is_national, national_number
from adapters.interface import Identifier, Original
from adapters.specialist.marks import patient_labels
from adapters.specialist.markup import Element, Unreadable, find, find_all, parse, peek
from adapters.specialist.names import addresses, human_names, telecoms
from adapters.specialist.people import organization
from adapters.specialist.quantities import period, time
from adapters.specialist.record import Record, sdtc
from adapters.specialist.values import coding, concept, identifiers, mapped, present, system_uri

JSON = dict[str, Any]
GENDER = "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender"
ROLE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
BCP47 = "urn:ietf:bcp:47"
_CORE = "http://hl7.org/fhir/StructureDefinition/patient-"
_US = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_OMB = {
    "race": frozenset("1002-5 2028-9 2054-5 2076-8 2106-3".split()),
    "ethnicity": frozenset("2135-2 2186-5".split()),
}


def patient_from_role(record: Record, role: Element | None, original: Original) -> None:
    """Patient of the recordTarget; without one a stub that says so (tag `assumed`/`patient`)."""
    if role is None:
        record.assume(record.doc.root, "patient")
        key = "stub|" + hashlib.sha256(original.body).hexdigest()
        record.patient = {"resourceType": "Patient"}
        record.subject = record.add(record.patient, key)
        return
    person = find(role, "patient")
    owner: JSON = {"resourceType": "Patient"}
    ids = identifiers(record, find_all(role, "id"))
    gender = _gender(record, find(person, "administrativeGenderCode"))
    birth = find(person, "birthTime")
    born, clock = _birth(record, birth)
    marital = find(person, "maritalStatusCode")
    members = present(
        extension=_extensions(record, person),
        identifier=ids,
        name=human_names(record, find_all(person, "name")),
        telecom=telecoms(record, find_all(role, "telecom")),
        gender=gender,
        birthDate=born,
        _birthDate={"extension": [{"url": _CORE + "birthTime", "valueDateTime": clock}]} if clock else None,
        address=addresses(record, find_all(role, "addr")),
        maritalStatus=concept(record, marital),
        contact=[c for c in (_guardian(record, g) for g in find_all(person, "guardian")) if c],
        communication=_languages(record, person),
        managingOrganization=organization(record, find(role, "providerOrganization"), owner),
    )
    record.patient = owner | members | _deceased(record, person)
    labels = patient_labels(record.doc)
    record.subject = record.add(dict(record.patient), _key(record, ids, original), labels)


def is_about_another(body: bytes, asked: tuple[Identifier, ...]) -> bool:
    """Whether bytes are a document that states its patient, and no number of whom was asked for."""
    try:
        root, _ = parse(body)
    except Unreadable:
        return False
    stated = {peek(i, "extension") for i in find_all(root, "recordTarget/patientRole/id")} - {""}
    return bool(stated) and stated.isdisjoint(a.value for a in asked)


def is_about_several(record: Record) -> bool:
    """Whether the document names people as its patients of whom nothing says that they are one.

    Each recordTarget must share a number with the first, and none may have another of the same national
    system: else nobody can say whose its entries are.
    """
    roles = [find(target, "patientRole") for target in find_all(record.doc.root, "recordTarget")]
    if len(roles) < 2:
        return False
    numbers = [_numbers(record, role) for role in roles]
    if not all(numbers[0] & other for other in numbers[1:]):
        return True
    national = {one for known in numbers for one in known if is_national(one[0])}
    return len({system for system, _ in national}) < len(national)


def _numbers(record: Record, role: Element | None) -> set[tuple[str, str]]:
    """(system, value) of a patient's numbers; spellings of a national one are one."""
    found = set()
    for one in find_all(role, "id"):
        system, value = system_uri(record.owner, peek(one, "root")) or "", peek(one, "extension")
        if value:
            found.add((system, national_number(system, value) or value))
    return found


def _key(record: Record, ids: list[JSON], original: Original) -> str:
    for system in record.source.identifier_order:
        for one in ids:
            if one.get("system") == system:
                return f"{system}|{one['value']}"
    if ids:
        return f"{ids[0].get('system')}|{ids[0]['value']}"
    return "document|" + record.document_key


def _gender(record: Record, element: Element | None) -> str | None:
    if peek(element, "nullFlavor"):
        record.doc.get(element, "nullFlavor")
        return "unknown"
    target = mapped(record, "cda_gender", GENDER, element)
    return target.code if target else None


def _birth(record: Record, element: Element | None) -> tuple[str | None, str | None]:
    """(date, dateTime if the source states a time of day)."""
    whole = time(record, element)
    if whole and "T" in whole:
        return whole[:10], whole
    return whole, None


def _deceased(record: Record, person: Element | None) -> JSON:
    at = time(record, sdtc(person, "deceasedTime"))
    if at:
        return {"deceasedDateTime": at}
    flag = record.doc.get(sdtc(person, "deceasedInd"), "value")
    return {"deceasedBoolean": flag == "true"} if flag in ("true", "false") else {}


def _extensions(record: Record, person: Element | None) -> list[JSON]:
    found = [
        _us_core(record, person, "race", "raceCode"),
        _us_core(record, person, "ethnicity", "ethnicGroupCode"),
    ]
    religion = concept(record, find(person, "religiousAffiliationCode"))
    if religion:
        found.append({"url": _CORE + "religion", "valueCodeableConcept": religion})
    for address in addresses(record, find_all(person, "birthplace/place/addr"))[:1]:
        found.append({"url": _CORE + "birthPlace", "valueAddress": address})
    return [e for e in found if e]


def _us_core(record: Record, person: Element | None, name: str, path: str) -> JSON:
    """Race or ethnicity: the OMB categories, everything finer as detail, and the words."""
    parts: list[JSON] = []
    words: list[str] = []
    for element in [*find_all(person, path), *find_all(person, f"sdtc:{path}")]:
        one = coding(record, element)
        if one is None:
            continue
        kind = "ombCategory" if one["code"] in _OMB[name] else "detailed"
        parts.append({"url": kind, "valueCoding": one})
        words.append(str(one.get("display", one["code"])))
    if not parts:
        return {}
    parts.append({"url": "text", "valueString": ", ".join(dict.fromkeys(words))})
    return {"url": _US + name, "extension": parts}


def _guardian(record: Record, guardian: Element) -> JSON:
    names = human_names(record, find_all(guardian, "guardianPerson/name"))
    places = addresses(record, find_all(guardian, "addr"))
    code = concept(record, find(guardian, "code"))
    members = present(
        name=names[0] if names else None,
        telecom=telecoms(record, find_all(guardian, "telecom")),
        address=places[0] if places else None,
    )
    kind = code or {"coding": [{"system": ROLE, "code": "GUARD"}]}
    return {"relationship": [kind]} | members if members else {}


def _languages(record: Record, person: Element | None) -> list[JSON]:
    found = []
    for element in find_all(person, "languageCommunication"):
        code = record.doc.get(find(element, "languageCode"), "code")
        preferred = record.doc.get(find(element, "preferenceInd"), "value")
        if code:
            flag = {"true": True, "false": False}.get(preferred)
            stated = present(extension=_proficiency(record, element), preferred=flag)
            found.append({"language": {"coding": [{"system": BCP47, "code": code}]}} | stated)
    return found


def _proficiency(record: Record, element: Element) -> list[JSON]:
    """How the language is used (spoken, written) and how well: FHIR's own extension."""
    paths = (("type", "modeCode"), ("level", "proficiencyLevelCode"))
    said = [(url, find(element, path)) for url, path in paths]
    parts = [(url, coding(record, code)) for url, code in said if code is not None]
    inner = [{"url": url, "valueCoding": code} for url, code in parts if code]
    return [{"url": _CORE + "proficiency", "extension": inner}] if inner else []


def related_person(record: Record, participant: Element) -> None:
    """A participant who is somebody to the patient (next of kin, emergency contact) to RelatedPerson."""
    entity = find(participant, "associatedEntity")
    person = find(entity, "associatedPerson")
    if entity is None or person is None or peek(participant, "typeCode") != "IND":
        return
    ids = identifiers(record, find_all(entity, "id"))
    names = human_names(record, find_all(person, "name"))
    relationship = concept(record, find(entity, "code"))
    if not (names or ids):
        return
    members = present(
        identifier=ids,
        patient=record.subject,
        relationship=[relationship] if relationship else None,
        name=names,
        telecom=telecoms(record, find_all(entity, "telecom")),
        address=addresses(record, find_all(entity, "addr")),
        period=period(record, find(participant, "time")),
    )
    # Who is related to this patient is keyed within the patient: never a person found by name alone.
    words = names[0] if names else ids[0]
    key = (
        f"{ids[0]['system']}|{ids[0]['value']}"
        if ids
        else f"{record.subject['reference']}|{sorted(words.items())}"
    )
    record.add({"resourceType": "RelatedPerson"} | members, key, person=True)
