"""Which message maps what: family and event to the mapping and the segments that it reads.

A message that is not here gives Patient and Encounter; the rest of it is kept, `message-not-mapped`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from adapters.hospital.context import Context
from adapters.hospital.groups import Person
from adapters.hospital.messages import adt, links, mdm, orders, oru, pharmacy, ppr, siu, vxu
from adapters.hospital.messages.person import BASE, Known

Found = list[tuple[Known, Person]]


@dataclass(frozen=True, slots=True)
class Route:
    """`each` maps one patient group, `whole` the message once all of its patients are known."""

    segments: frozenset[str] = BASE
    reason: str = "message-not-mapped"
    """Why segments that this message does not map are kept."""
    events: frozenset[str] | None = None
    """None: every event of the family."""
    each: Callable[[Context, Person, Known], None] | None = None
    whole: Callable[[Context, Found], None] | None = None
    specimens_first: bool = False
    """SPM opens what follows it (OUL R21 to R23)."""


_OTHER = Route()
_SPECIMENS_FIRST = frozenset({"R21", "R22", "R23"})
_KEPT = "type-not-carried"
ROUTES: dict[str, Route] = {
    "ADT": Route(adt.SEGMENTS, _KEPT, adt.EVENTS, adt.map_clinical),
    "MDM": Route(mdm.SEGMENTS, _KEPT, None, mdm.map_documents),
    "OMG": Route(orders.SEGMENTS, _KEPT, None, orders.map_service_orders),
    "OML": Route(orders.SEGMENTS, _KEPT, None, orders.map_service_orders),
    "OMP": Route(pharmacy.SEGMENTS, _KEPT, None, pharmacy.map_medicines),
    "ORM": Route(orders.SEGMENTS, _KEPT, None, orders.map_service_orders),
    "ORU": Route(oru.SEGMENTS, _KEPT, oru.EVENTS, oru.map_results),
    "OUL": Route(oru.SEGMENTS, _KEPT, frozenset({"R21", "R22", "R23", "R24"}), oru.map_results),
    "PPR": Route(ppr.SEGMENTS, _KEPT, ppr.EVENTS, ppr.map_problems),
    "RAS": Route(pharmacy.SEGMENTS, _KEPT, None, pharmacy.map_medicines),
    "RDE": Route(pharmacy.SEGMENTS, _KEPT, None, pharmacy.map_medicines),
    "RDS": Route(pharmacy.SEGMENTS, _KEPT, None, pharmacy.map_medicines),
    "SIU": Route(siu.SEGMENTS, _KEPT, siu.EVENTS, adt.map_clinical, siu.map_appointments),
    "VXU": Route(vxu.SEGMENTS, _KEPT, None, vxu.map_immunizations),
}
"""By message code (MSH-9.1)."""


_LINKS = Route(links.SEGMENTS, _KEPT, links.EVENTS, links.map_group, links.map_pairs)


def route_of(context: Context) -> Route:
    """The route of a message by MSH-9."""
    found = ROUTES.get(context.family, _OTHER)
    if context.family == "ADT" and context.event in links.EVENTS:
        return _LINKS
    if context.family == "OUL" and context.event in _SPECIMENS_FIRST:
        found = replace(found, specimens_first=True)
    return found if found.events is None or context.event in found.events else _OTHER


def is_about_patients(context: Context) -> bool:
    """Messages of these families are parked when they identify nobody; A20 is about a bed."""
    return context.family in ROUTES and (context.family, context.event) != ("ADT", "A20")
