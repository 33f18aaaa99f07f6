"""OMP, RDE, RDS, RAS, and medicines inside of an ORM: what was ordered, handed out and given."""

from collections.abc import Callable
from functools import partial

from adapters.hospital.context import Context, Draft
from adapters.hospital.groups import Order, Person
from adapters.hospital.identifiers import Named
from adapters.hospital.message import Segment
from adapters.hospital.messages.adt import SEGMENTS as PATIENT_SEGMENTS
from adapters.hospital.messages.adt import map_clinical
from adapters.hospital.messages.order import map_orders, observations_of, remember
from adapters.hospital.messages.person import Known, attempt_in
from adapters.hospital.segments.given import administration_from_rxa, dispense_from_rxd
from adapters.hospital.segments.orc import order_number
from adapters.hospital.segments.rxe import request_from_rx

_Build = Callable[[Context, Segment, Order, Draft, Draft | None, Named | None], Draft]
MEDICINES = frozenset({"RXO", "RXE", "RXR", "RXC", "RXD", "RXA"})
SEGMENTS = PATIENT_SEGMENTS | MEDICINES | {"ORC", "TQ1", "NTE"}


def map_medicines(context: Context, person: Person, known: Known) -> None:
    """All order groups of a patient, each a unit; the rest as in ADT."""
    map_clinical(context, person, known)
    map_orders(context, person, known, map_medicine)


def map_medicine(context: Context, order: Order, known: Known) -> None:
    """One order group: its request if RXO or RXE say one, each RXD, each RXA, its OBX."""
    scratch = context.scratch("MedicationRequest")
    placer = order_number(scratch, order, 2, "PLAC")
    filler = order_number(scratch, order, 3, "FILL")
    request = request_from_rx(context, order, known.patient, known.encounter, placer, filler)
    if request is not None:
        request.tags |= scratch.tags
        remember(context, request, order.orc, order.first("RXO"), order.first("RXE"))
    number = placer or filler
    dispensed = [_unit(context, rxd, dispense_from_rxd, order, known, number) for rxd in order.all("RXD")]
    given = [_unit(context, rxa, administration_from_rxa, order, known, number) for rxa in order.all("RXA")]
    for one in dispensed:
        if one is not None and request is not None:
            one.put("authorizingPrescription", [request.link()])
    for one in given:
        if one is not None and request is not None:
            one.put("request", request.link())
    made = [one for one in (request, *dispensed, *given) if one is not None]
    parent = made[0] if made else known.patient
    sent = observations_of(context, order, known, parent, {})
    if request is not None:
        request.append("supportingInformation", *(one.link() for one in sent))


def _unit(
    context: Context, segment: Segment, build: _Build, order: Order, known: Known, number: Named | None
) -> Draft | None:
    make = partial(build, context, segment, order, known.patient, known.encounter, number)
    return attempt_in(context, known.patient, segment, make)
