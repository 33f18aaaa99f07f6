"""PPR: each PRB a Condition of the problem list; goals, pathways and variances are kept."""

from functools import partial

from adapters.hospital.context import Context
from adapters.hospital.groups import Person
from adapters.hospital.messages.adt import map_clinical
from adapters.hospital.messages.order import map_orders
from adapters.hospital.messages.orders import SEGMENTS as ORDER_SEGMENTS
from adapters.hospital.messages.orders import map_order
from adapters.hospital.messages.person import Known, attempt_in
from adapters.hospital.segments.prb import condition_from_prb

EVENTS = frozenset({"PC1", "PC2", "PC3"})
SEGMENTS = ORDER_SEGMENTS | {"PRB"}


def map_problems(context: Context, person: Person, known: Known) -> None:
    """All problems of a patient, each a unit, and the orders sent with them."""
    map_clinical(context, person, known)
    for prb in person.all("PRB"):
        notes = person.notes.get(prb.index, [])
        build = partial(condition_from_prb, context, prb, notes, known.patient, known.encounter)
        attempt_in(context, known.patient, prb, build)
    map_orders(context, person, known, map_order)
