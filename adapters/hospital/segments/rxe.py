"""RXO and RXE with ORC, TQ1, RXR, RXC to MedicationRequest (v2-to-FHIR RXO, RXR, TQ1 [MedicationRequest])."""

from adapters.hospital.codes import concept_from_cwe, table
from adapters.hospital.context import Context, Draft
from adapters.hospital.groups import Order
from adapters.hospital.identifiers import Named, identifier_from_ei
from adapters.hospital.message import Segment
from adapters.hospital.people import practitioner_from_xcn
from adapters.hospital.segments.medicine import (
    RXE,
    RXO,
    components_in_words,
    daily_maximum,
    dosages_from,
    put_facts,
    put_medicine,
    quantity_from,
)
from adapters.hospital.segments.nte import annotation_from_ntes
from adapters.hospital.segments.tq1 import timed_from_order
from adapters.hospital.values import number_from
from adapters.interface import JSON
from adapters.terminology.tables import concept_map

_STOPPED = frozenset({"DC", "DR", "OD", "RP", "RU"})
"""ORC-5 and ORC-1 codes of an order that was in force: R4 tells stopped from cancelled."""


def request_from_rx(
    context: Context,
    order: Order,
    patient: Draft,
    encounter: Draft | None,
    placer: Named | None,
    filler: Named | None,
) -> Draft | None:
    """MedicationRequest by placer, else filler number; RXE is what is in force, RXO what was asked for."""
    rxe, rxo = order.first("RXE"), order.first("RXO")
    segment = rxe or rxo
    if segment is None:
        return None
    places = RXE if rxe is not None else RXO
    number = placer or filler
    if number is None:
        context.assume(f"{segment.position}-1", "no-key", "", "default")
    key = number.key if number else f"no-key\x1f{context.fallback_key}\x1f{segment.position}"
    draft = context.draft("MedicationRequest", key)
    draft.append("identifier", *(one.body for one in (placer, filler) if one))
    _from_orc(draft, order.orc)
    draft.put("intent", "order")
    draft.assume(f"{segment.position}-1", "intent", "order")
    put_medicine(draft, segment, places)
    draft.put("subject", patient.link())
    draft.put("encounter", encounter.link() if encounter else None)
    timed = timed_from_order(draft, order)
    draft.put("priority", next((one.priority for one in timed if one.priority), None))
    put_facts(draft, segment, places)
    components_in_words(draft, order)
    draft.append("note", annotation_from_ntes(draft, order.notes))
    dosages = dosages_from(draft, segment, places, order, timed)
    daily = daily_maximum(draft, rxe, 19) if rxe is not None else None
    if daily:
        dosages = [one | {"maxDosePerPeriod": daily} for one in dosages or [{}]]
    draft.put("dosageInstruction", dosages)
    _dispense(draft, segment, rxe is not None)
    return context.add(draft)


def _from_orc(draft: Draft, orc: Segment | None) -> None:
    status = None
    if orc is not None:
        status = _status(draft, orc)
        draft.put("authoredOn", draft.time(orc.first(9), "authoredOn"))
        for element in orc.all(12)[:1]:
            draft.put("requester", practitioner_from_xcn(draft, element, "requester"))
        group = identifier_from_ei(draft, orc.first(4), "PGN")
        draft.put("groupIdentifier", group.body if group else None)
        draft.put("statusReason", concept_from_cwe(draft.context, orc.first(16)))
    if status is None:
        status = "unknown"
        draft.assume(f"{orc.position}-5" if orc is not None else "ORC", "status", status)
    draft.put("status", status)


def _status(draft: Draft, orc: Segment) -> str | None:
    """ORC-5, else ORC-1, of requests; `revoked` is stopped or cancelled in R4."""
    said = orc.first(5) if orc.text(5) else orc.first(1)
    code = said.text(1).upper()
    if orc.text(5):
        found = draft.code(said, "v2_order_status", "status")
    else:
        row = concept_map("v2_order_control").get(("", code))
        found = row.code if row and row.code else None
        if found:
            said.take(1)
    if found == "revoked":
        return "stopped" if code in _STOPPED else "cancelled"
    return found


def _dispense(draft: Draft, segment: Segment, encoded: bool) -> None:
    """RXO-9 11 12 13 14, RXE-9 10 11 12 13 15: what may be dispensed, how often, instead of what."""
    amount, units, refills, prescriber = (10, 11, 12, 13) if encoded else (11, 12, 13, 14)
    made: JSON = {}
    quantity = quantity_from(draft, segment, amount, units, "dispenseRequest.quantity")
    if quantity:
        made["quantity"] = quantity
    times = number_from(segment.text(refills))
    if times is not None and times == int(times) and 0 <= times < 1000:
        segment.first(refills).take(1)
        made["numberOfRepeatsAllowed"] = int(times)
    draft.put("dispenseRequest", made)
    substitute = concept_from_cwe(draft.context, segment.first(9), table("0167" if encoded else "0161"))
    draft.put("substitution", {"allowedCodeableConcept": substitute} if substitute else None)
    if "requester" not in draft.body:
        draft.put("requester", practitioner_from_xcn(draft, segment.first(prescriber), "requester"))
    number = segment.first(15).take(1) if encoded else ""
    draft.append("identifier", {"value": number} if number else None)
