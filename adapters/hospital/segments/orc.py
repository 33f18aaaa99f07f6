"""ORC and OBR to ServiceRequest."""

from adapters.hospital.codes import concept_from_cwe
from adapters.hospital.context import Context, Draft
from adapters.hospital.groups import Order
from adapters.hospital.identifiers import Named, identifier_from_ei
from adapters.hospital.message import Segment
from adapters.hospital.people import practitioner_from_xcn
from adapters.hospital.segments.tq1 import priority_from
from adapters.terminology.tables import concept_map


def order_number(draft: Draft, order: Order, field: int, kind: str) -> Named | None:
    """Placer (2, `PLAC`) or filler (3, `FILL`) number: OBR's, else ORC's; the equal other one counts too."""
    found: Named | None = None
    for segment in (order.obr.segment if order.obr else None, order.orc):
        if segment is None:
            continue
        if found is not None and segment.raw_field(field) == _raw_of(order, field):
            for key_comp in (1, 2, 3, 4):
                segment.first(field).take(key_comp)
            continue
        if found is None:
            found = identifier_from_ei(draft, segment.first(field), kind)
    return found


def service_of(obr: Segment) -> str:
    """OBR-4 as part of a key: the code, else its words; never the display, which senders correct."""
    return obr.text(4) or obr.first(4).text(2)


def _raw_of(order: Order, field: int) -> str:
    return order.obr.segment.raw_field(field) if order.obr else ""


def request_from_order(
    context: Context,
    order: Order,
    patient: Draft,
    encounter: Draft | None,
    placer: Named | None,
    filler: Named | None,
    *,
    required: bool = False,
) -> Draft | None:
    """ServiceRequest keyed by placer, else filler, and code; None unless ORC or a placer number says one.

    `required`: an order without any number is one too (`no-key`).
    """
    number = placer or filler
    if not required and (number is None or (order.orc is None and placer is None)):
        return None
    obr = order.obr.segment if order.obr else None
    code = concept_from_cwe(context, obr.first(4)) if obr else None
    key = number.key if number else _no_key(context, order.orc or obr or context.message.header)
    draft = context.draft("ServiceRequest", f"{key}\x1f{service_of(obr) if obr else ''}")
    draft.append("identifier", *(named.body for named in (placer, filler) if named))
    _status(draft, order.orc)
    draft.put("intent", "order")
    draft.assume(f"{(order.orc or obr or context.message.header).position}-1", "intent", "order")
    if obr is not None:
        draft.put("priority", priority_from(obr.first(5)))
    draft.put("code", code)
    draft.put("subject", patient.link())
    draft.put("encounter", encounter.link() if encounter else None)
    if order.orc is not None:
        draft.put("authoredOn", draft.time(order.orc.first(9), "authoredOn"))
    _requester(draft, order)
    if obr is not None:
        for element in obr.all(31):
            draft.append("reasonCode", concept_from_cwe(context, element))
        said = obr.first(13).words()
        draft.put("supportingInfo", [{"display": said}] if said else None)
    return context.add(draft)


def _no_key(context: Context, segment: Segment) -> str:
    context.assume(f"{segment.position}-2", "no-key", "", "default")
    return f"no-key\x1f{context.fallback_key}\x1f{segment.position}"


def _status(draft: Draft, orc: Segment | None) -> None:
    """ORC-5, else ORC-1; codes without target leave it (the fold keeps what was known)."""
    status = None
    if orc is not None and orc.text(5):
        status = draft.code(orc.first(5), "v2_order_status", "status")
    if orc is not None and status is None:
        control = concept_map("v2_order_control").get(("", orc.text(1).upper()))
        if control and control.code:
            orc.first(1).take(1)
            status = control.code
    if status is None:
        status = "unknown"
        position = f"{orc.position}-5" if orc is not None else "ORC"
        draft.assume(position, "status", status)
    draft.put("status", status)


def _requester(draft: Draft, order: Order) -> None:
    """ORC-12, else OBR-16; FHIR has room for one."""
    for segment, field in ((order.orc, 12), (order.obr.segment if order.obr else None, 16)):
        for element in segment.all(field) if segment is not None else ():
            who = practitioner_from_xcn(draft, element, "requester")
            if who and "requester" not in draft.body:
                draft.put("requester", who)
