"""What the Encounter of a header and those of a section share: class, status by time, place, discharge."""

from collections.abc import Sequence
from typing import Any

from adapters.specialist.markup import Element, find, find_all, peek
from adapters.specialist.names import addresses, telecoms
from adapters.specialist.people import actor, grow, organization, settle
from adapters.specialist.quantities import period, time
from adapters.specialist.record import Record, own_key, sdtc
from adapters.specialist.values import (
    ACT_STATUS,
    HL7,
    absent,
    concept,
    identifiers,
    mapped,
    present,
    string,
)

JSON = dict[str, Any]
_CLASS = HL7 + "v3-ActCode"
_PARTICIPATION = HL7 + "v3-ParticipationType"
_SETTLED = frozenset({"nullified", "cancelled"})


def class_and_type(record: Record, code: Element | None) -> JSON:
    """`class` is what v3-ActCode says (the code or a translation of it), `type` everything else."""
    kind = concept(record, code) or {}
    codings = kind.get("coding", [])
    classes = [c for c in codings if c.get("system") == _CLASS]
    others = [c for c in codings if c not in classes]
    words = kind.get("text") if others or not classes else None
    kinds = [k for k in (present(coding=others, text=words),) if k]
    return {"class": classes[0] if classes else absent(record, None)} | present(type=kinds)


def visit_time(record: Record, effective: Element | None) -> JSON:
    """Period of a visit; a single time is its start."""
    return period(record, effective) or present(start=time(record, effective))


def visit_status(record: Record, element: Element, span: JSON, *, point: bool) -> str:
    """By its times, then by its statusCode: a visit of mood EVN that states an end has taken place."""
    stated = find(element, "statusCode")
    target = mapped(record, "cda_encounter_status", ACT_STATUS, stated)
    if target and peek(stated, "code") in _SETTLED:
        return target.code
    if span.get("end") or (point and span):
        return "finished"
    if target is None:
        record.assume(element, "status")
    return target.code if target else "unknown"


def location(record: Record, role: Element | None, owner: JSON) -> JSON | None:
    """Reference to the place that a facility or service delivery location means."""
    if role is None:
        return None
    place = find(role, "location")
    place = place if place is not None else find(role, "playingEntity")
    homes = [*find_all(role, "addr"), *find_all(place, "addr")]
    found = addresses(record, homes)
    kind = concept(record, find(role, "code"))
    resource = {"resourceType": "Location"} | present(
        identifier=identifiers(record, find_all(role, "id")),
        name=string(record, find(place, "name")),
        type=[kind] if kind else None,
        telecom=telecoms(record, find_all(role, "telecom")),
        address=found[0] if found else None,
        managingOrganization=organization(record, find(role, "serviceProviderOrganization"), owner),
    )
    return settle(record, resource, owner)


def places(record: Record, act: Element, owner: JSON) -> list[JSON]:
    """Where an act was done: its participants LOC."""
    roles = [find(p, "participantRole") for p in find_all(act, "participant") if peek(p, "typeCode") == "LOC"]
    found = [location(record, role, owner) for role in roles]
    return [p for n, p in enumerate(found) if p and p not in found[:n]]


def hospitalization(record: Record, element: Element) -> JSON:
    """Where the patient went at discharge."""
    for stated in (sdtc(element, "dischargeDispositionCode"), find(element, "dischargeDispositionCode")):
        disposition = concept(record, stated)
        if disposition:
            return {"dischargeDisposition": disposition}
    return {}


def participants(record: Record, elements: Sequence[Element], owner: JSON) -> list[JSON]:
    """People who took part (performer, encounterParticipant, responsibleParty), with their role if coded."""
    found = []
    for element in elements:
        who = actor(record, find(element, "assignedEntity"), owner)
        if who is None or not who["reference"].startswith(("Practitioner/", "#practitioner")):
            continue
        code = find(element, "functionCode")
        role = concept(record, code) if code is not None else _participation(record, element)
        one = present(type=[role] if role else None, individual=who)
        found += [one] if one not in found else []
    return found


def _participation(record: Record, element: Element) -> JSON | None:
    """v3 participation type: PPRF of a performer, ATND, ADM, DIS, CON or REF of a participant."""
    code = peek(element, "typeCode")
    if code not in ("PPRF", "SPRF", "ATND", "ADM", "DIS", "CON", "REF"):
        return None
    record.doc.get(element, "typeCode")
    return {"coding": [{"system": _PARTICIPATION, "code": code}]}


def header_encounter(record: Record) -> JSON | None:
    """encompassingEncounter; status by its times, since it states none."""
    element = find(record.doc.root, "componentOf/encompassingEncounter")
    if element is None:
        return None
    effective = find(element, "effectiveTime")
    span = visit_time(record, effective)
    owner: JSON = {"resourceType": "Encounter"}
    people = [*find_all(element, "responsibleParty"), *find_all(element, "encounterParticipant")]
    place = location(record, find(element, "location/healthCareFacility"), owner)
    ids = identifiers(record, find_all(element, "id"))
    members = present(
        identifier=ids,
        status=visit_status(record, element, span, point=bool(peek(effective, "value"))),
        subject=record.subject,
        participant=participants(record, people, owner),
        period=span,
        hospitalization=hospitalization(record, element),
        location=[{"location": place}] if place else None,
    )
    content = owner | members | class_and_type(record, find(element, "code"))
    key = own_key(element) or record.document_key + "|encounter"
    known = record.reference("Encounter", key)
    if record.known(known) and "contained" not in content:
        grow(record.known(known) or {}, {k: v for k, v in content.items() if k != "resourceType"})
        return {"reference": known}
    return record.add(content, key)
