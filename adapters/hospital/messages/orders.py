"""ORM, OML, OMG: each order group a ServiceRequest with its Specimens and the Observations sent with it.

An order of a medicine (RXO, RXE) is one of pharmacy.py, also inside of an ORM.
"""

from adapters.hospital.context import Context
from adapters.hospital.groups import Order, Person
from adapters.hospital.messages.adt import SEGMENTS as PATIENT_SEGMENTS
from adapters.hospital.messages.adt import map_clinical
from adapters.hospital.messages.order import map_orders, observations_of, remember, specimens_of
from adapters.hospital.messages.person import Known
from adapters.hospital.messages.pharmacy import MEDICINES, map_medicine
from adapters.hospital.segments.dg1 import condition_from_dg1
from adapters.hospital.segments.orc import order_number, request_from_order
from adapters.hospital.segments.request import fill_request

SEGMENTS = PATIENT_SEGMENTS | {"ORC", "OBR", "NTE", "SPM", "TQ1"} | MEDICINES


def map_service_orders(context: Context, person: Person, known: Known) -> None:
    """All order groups of a patient, each a unit; the rest as in ADT."""
    map_clinical(context, person, known)
    map_orders(context, person, known, map_order)


def map_order(context: Context, order: Order, known: Known) -> None:
    """One order group: of a medicine if RXO or RXE say so, else of a service."""
    if order.first("RXO") or order.first("RXE"):
        map_medicine(context, order, known)
        return
    scratch = context.scratch("ServiceRequest")
    placer = order_number(scratch, order, 2, "PLAC")
    filler = order_number(scratch, order, 3, "FILL")
    request = request_from_order(
        context, order, known.patient, known.encounter, placer, filler, required=True
    )
    if request is None:
        return
    request.tags |= scratch.tags
    remember(context, request, order.orc, order.obr.segment if order.obr else None)
    fill_request(request, order)
    specimens = specimens_of(context, order, known.patient, request.id)
    request.put("specimen", [specimen.link() for specimen in specimens.values()])
    for dg1 in order.all("DG1"):
        # The same Condition as map_clinical made of it: its key is of its content.
        condition = condition_from_dg1(context, dg1, known.patient, known.encounter)
        request.append("reasonReference", condition.link() if condition else None)
    sent = observations_of(context, order, known, request, specimens)
    request.append("supportingInfo", *(one.link() for one in sent))
