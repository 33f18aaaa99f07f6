"""RXA, RXR and ORC to Immunization (v2-to-FHIR RXA, RXR, ORC[Immunization])."""

from dataclasses import dataclass

from adapters.hospital.codes import concept_from_cwe, system_from_coding_name, table
from adapters.hospital.context import Context, Draft
from adapters.hospital.groups import Order
from adapters.hospital.identifiers import Named, identifier_from_ei, named
from adapters.hospital.message import Element, Segment
from adapters.hospital.people import location_from_la2, location_from_pl, practitioner_from_xcn
from adapters.hospital.segments.completion import completion_from_rxa
from adapters.hospital.segments.nte import annotation_from_ntes
from adapters.hospital.segments.orc import order_number
from adapters.hospital.units import unit_from_cwe
from adapters.hospital.values import number_at
from adapters.interface import JSON

_FUNCTION = table("0443")
_CVX = "http://hl7.org/fhir/sid/cvx"
_UNKNOWN_ORDER = "9999"
"""ORC-3 of a shot whose order nobody knows, by the CDC's guide for registries: it identifies nothing."""
_UNKNOWN_AMOUNT = "999"
_NEW_RECORD = "00"
"""RXA-9, table NIP001: the provider gave it; every other code is a report of somebody else's."""


@dataclass(frozen=True, slots=True)
class Shot:
    """Who got it, and in which order group it stands."""

    patient: Draft
    encounter: Draft | None
    order: Order
    number_repeats: bool
    """The filler number stands in several orders of the message: it identifies none of them."""


def immunization_from_rxa(context: Context, rxa: Segment, shot: Shot) -> Draft | None:
    """Immunization by ORC-3, else patient, RXA-5, 3 and 15; None for 998, no RXA-5, an unknown RXA-20."""
    code = concept_from_cwe(context, rxa.first(5))
    if code is None:
        rxa.lose("rejected", "bad-code", "Immunization.vaccineCode")
        return None
    if _is_none(code):
        return None
    scratch = context.scratch("Immunization")
    placer = order_number(scratch, shot.order, 2, "PLAC")
    filler = order_number(scratch, shot.order, 3, "FILL")
    draft = context.draft("Immunization", _key(rxa, shot, filler))
    draft.tags = scratch.tags
    draft.append("identifier", *(one.body for one in (placer, filler) if one))
    status = completion_from_rxa(draft, rxa)
    if status is None:
        # R4 knows given, not given and error here: to guess either is worse than a line that says so.
        rxa.lose("rejected", "bad-code", "Immunization.status")
        return None
    draft.put("status", status)
    draft.put("isSubpotent", (rxa.text(20).upper() == "PA" and status == "completed") or None)
    draft.put("statusReason", _reason(draft, rxa))
    draft.put("vaccineCode", code)
    draft.put("patient", shot.patient.link())
    draft.put("encounter", shot.encounter.link() if shot.encounter else None)
    _moments(draft, rxa, shot.order.orc)
    _report(draft, rxa)
    _product(draft, rxa)
    _performers(draft, rxa, shot.order.orc)
    for element in rxa.all(19):
        draft.append("reasonCode", concept_from_cwe(context, element))
    draft.append("note", annotation_from_ntes(draft, shot.order.notes))
    return context.add(draft)


def route_from_rxr(draft: Draft, rxr: Segment) -> None:
    """RXR-1 and RXR-2."""
    draft.put("route", concept_from_cwe(draft.context, rxr.first(1), table("0162")))
    draft.put("site", concept_from_cwe(draft.context, rxr.first(2), table("0163")))


def _is_none(code: JSON) -> bool:
    return any(c["code"] == "998" and c.get("system", _CVX) == _CVX for c in code.get("coding", ()))


def _key(rxa: Segment, shot: Shot, filler: Named | None) -> str:
    if filler is not None and not shot.number_repeats and filler.body["value"] != _UNKNOWN_ORDER:
        return filler.key
    code = rxa.text(5) or rxa.first(5).text(2).casefold()
    return "\x1f".join((shot.patient.id, code, rxa.text(3), rxa.text(15)))


def _reason(draft: Draft, rxa: Segment) -> JSON | None:
    """RXA-18; FHIR has room for one."""
    return next((made for e in rxa.all(18) if (made := concept_from_cwe(draft.context, e))), None)


def _moments(draft: Draft, rxa: Segment, orc: Segment | None) -> None:
    given = draft.time(rxa.first(3), "occurrenceDateTime")
    if given:
        draft.put("occurrenceDateTime", given)
    else:
        draft.put("occurrenceString", "unknown")
    recorded = draft.time(rxa.first(22), "recorded")
    if recorded is None and orc is not None:
        recorded = draft.time(orc.first(9), "recorded")
    draft.put("recorded", recorded)


def _report(draft: Draft, rxa: Segment) -> None:
    """RXA-9: who reports it (table NIP001), else a note."""
    for element in rxa.all(9):
        code, name = element.text(1), element.text(3).upper()
        if name != "NIP001" or not code or "primarySource" in draft.body:
            words = element.take(2) or element.take(1)
            draft.append("note", {"text": words} if words else None)
        elif code == _NEW_RECORD:
            draft.put("primarySource", bool(element.take(1) and element.take(3)))
        else:
            draft.put("primarySource", False)
            draft.put("reportOrigin", concept_from_cwe(draft.context, element))


def _product(draft: Draft, rxa: Segment) -> None:
    context = draft.context
    amount = number_at(rxa.first(6))
    unit = unit_from_cwe(context, rxa.first(7))
    if amount is not None and rxa.text(6) != _UNKNOWN_AMOUNT:
        rxa.first(6).take(1)
        draft.put("doseQuantity", {"value": amount} | unit)
    elif amount is None and rxa.text(6):
        context.reject(rxa.first(6), "bad-number", "Immunization.doseQuantity")
    draft.put("lotNumber", ", ".join(text for element in rxa.all(15) if (text := element.take(1))))
    expires = draft.time(rxa.first(16), "expirationDate")
    draft.put("expirationDate", expires[:10] if expires else None)
    draft.put("manufacturer", organization_from_cwe(draft, rxa.first(17)))


def organization_from_cwe(draft: Draft, element: Element) -> JSON | None:
    """CWE[Organization]: a resource if code and code system identify one, else contained."""
    context = draft.context
    system = system_from_coding_name(context, element.text(3))
    name = element.take(2) or element.take(9)
    if system and element.text(1):
        found = named(draft, element, system, "", 1)
        if found is not None:
            element.take(3)
            made = context.draft("Organization", found.key)
            made.put("identifier", [found.body])
            made.put("name", name)
            return context.add(made).link(name)
    name = name or element.take(1)
    return draft.contain({"resourceType": "Organization", "name": name}, name) if name else None


def _performers(draft: Draft, rxa: Segment, orc: Segment | None) -> None:
    for segment, field, code, display in (
        (rxa, 10, "AP", "Administering Provider"),
        (orc, 12, "OP", "Ordering Provider"),
    ):
        for element in segment.all(field) if segment is not None else ():
            who = practitioner_from_xcn(draft, element, "performer")
            coding = {"system": _FUNCTION, "code": code, "display": display}
            draft.append("performer", {"function": {"coding": [coding]}, "actor": who} if who else None)
    where = location_from_pl(draft, rxa.first(27)) or location_from_la2(draft, rxa.first(11))
    draft.put("location", where)
    if orc is not None:
        group = identifier_from_ei(draft, orc.first(4), "PGN")
        draft.append("identifier", group.body if group else None)
