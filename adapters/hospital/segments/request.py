"""What ORC, OBR and TQ1 say of a ServiceRequest beyond its key, status and service."""

from adapters.hospital.codes import concept_from_cwe, table
from adapters.hospital.context import Draft
from adapters.hospital.groups import Order
from adapters.hospital.identifiers import identifier_from_cx, identifier_from_ei
from adapters.hospital.message import Segment
from adapters.hospital.people import telecom_from_xtn
from adapters.hospital.segments.nte import annotation_from_ntes
from adapters.hospital.segments.tq1 import timed_from_order

_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"


def fill_request(draft: Draft, order: Order) -> None:
    """Groups, times, notes, details, reasons (v2-to-FHIR ORC, OBR, TQ1, NTE [ServiceRequest])."""
    if order.orc is not None:
        _from_orc(draft, order.orc)
    if order.obr is not None:
        _from_obr(draft, order.obr.segment)
    _times(draft, order)
    notes = order.notes + (order.obr.notes if order.obr else [])
    draft.append("note", annotation_from_ntes(draft, notes))


def _from_orc(draft: Draft, orc: Segment) -> None:
    context = draft.context
    group = identifier_from_ei(draft, orc.first(4), "PGN")
    draft.put("requisition", group.body if group else None)
    for element in orc.all(33):
        other = identifier_from_cx(draft, element)
        draft.append("identifier", other.body if other else None)
    filler_group = identifier_from_ei(draft, orc.first(38), "FGN")
    draft.append("identifier", filler_group.body if filler_group else None)
    draft.append("locationCode", concept_from_cwe(context, orc.first(29), table("0482")))
    reason = concept_from_cwe(context, orc.first(16))
    if reason:
        url = f"{_EXTENSION}request-statusReason"
        draft.append("extension", {"url": url, "valueCodeableConcept": reason})
    parent = identifier_from_ei(draft, orc.first(8))
    if parent:
        name = "replaces" if orc.text(1).upper() in ("RU", "RO") else "basedOn"
        draft.append(name, {"type": "ServiceRequest", "identifier": parent.body})
    for element in orc.all(14):
        call = telecom_from_xtn(draft, element, "requester", "work")
        url = f"{_EXTENSION}servicerequest-order-callback-phone-number"
        draft.append("extension", {"url": url, "valueContactPoint": call} if call else None)


def _from_obr(draft: Draft, obr: Segment) -> None:
    context = draft.context
    if obr.text(11).upper() == "G":
        obr.first(11).take(1)
        draft.put("intent", "reflex-order")
    for field in (46, 47):
        for element in obr.all(field):
            draft.append("orderDetail", concept_from_cwe(context, element))
    for element in obr.all(53):
        other = identifier_from_cx(draft, element)
        draft.append("identifier", other.body if other else None)


def _times(draft: Draft, order: Order) -> None:
    """TQ1 or TQ as `occurrenceTiming`, else OBR-6 as `occurrenceDateTime`; FHIR has room for one."""
    found = timed_from_order(draft, order)
    for one in found:
        if one.priority and "priority" not in draft.body:
            draft.put("priority", one.priority)
        if one.timing and "occurrenceTiming" not in draft.body:
            draft.put("occurrenceTiming", one.timing)
        if one.quantity and "quantityQuantity" not in draft.body:
            draft.put("quantityQuantity", one.quantity)
        for words in (one.condition, one.words):
            draft.append("note", {"text": words} if words else None)
    if order.obr is not None and "occurrenceTiming" not in draft.body:
        draft.put("occurrenceDateTime", draft.time(order.obr.segment.first(6), "occurrenceDateTime"))
