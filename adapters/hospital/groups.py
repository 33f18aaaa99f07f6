"""Segments of a message into groups by a cursor: what the standard would refuse is taken.

PID opens a patient group; ORC, or an OBR that has no ORC waiting for it, opens an order group; OBX, SPM, NTE
and the rest hang on what precedes them (normalisation.md 3.1, point 7). RXO RXE RXD RXA without an ORC open
an order group too; TXA ends the orders of a document's message.
"""

from dataclasses import dataclass, field

from adapters.hospital.message import Message, Segment

_ATTACHED = frozenset({"PRT", "TQ1", "TQ2", "CTD", "CTI", "ROL"})
_UNANCHORED = _ATTACHED | {"NTE"}
_PEOPLE = frozenset({"PRT", "ROL"})
_OF_ORDER = frozenset({"TQ1", "TQ2", "RXR", "RXC", "RXG", "RXV", "DG1"})
"""What belongs to the order group that is open, if one is."""
_OPENING = frozenset({"RXO", "RXE", "RXD", "RXA"})
_CURSOR = frozenset({"PID", "ORC", "OBR", "OBX", "SPM", "NTE", "TXA"})


@dataclass
class Noted:
    """A segment with the NTE that follow it."""

    segment: Segment
    notes: list[Segment] = field(default_factory=list)


@dataclass
class Order:
    """ORC, OBR and what hangs on them."""

    orc: Segment | None = None
    obr: Noted | None = None
    notes: list[Segment] = field(default_factory=list)
    """NTE between ORC and OBR."""
    results: list[Noted] = field(default_factory=list)
    specimens: list[Segment] = field(default_factory=list)
    specimen_of: dict[int, Segment] = field(default_factory=dict)
    """Index of an OBX to the SPM that precedes it."""
    by_name: dict[str, list[Segment]] = field(default_factory=dict)
    """TQ1 RXO RXE RXR RXC RXD RXA DG1 of the group, in order."""

    @property
    def segments(self) -> list[Segment]:
        """ORC, OBR, what is said of the order and the notes: the unit without its results."""
        found = [self.orc] if self.orc else []
        found += [self.obr.segment, *self.obr.notes] if self.obr else []
        found += [one for name, some in self.by_name.items() if name != "DG1" for one in some]
        return found + self.notes

    def first(self, name: str) -> Segment | None:
        return next(iter(self.by_name.get(name, ())), None)

    def all(self, name: str) -> list[Segment]:
        return self.by_name.get(name, [])


@dataclass
class Person:
    """A patient group: PID and what is said of that patient."""

    pid: Segment | None = None
    by_name: dict[str, list[Segment]] = field(default_factory=dict)
    """PD1 NK1 PV1 PV2 AL1 DG1 ARV and every other segment outside of orders, in order."""
    results: list[Noted] = field(default_factory=list)
    """OBX before any order."""
    orders: list[Order] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    """All of the group, orders and results too."""
    notes: dict[int, list[Segment]] = field(default_factory=dict)
    """Index of a segment outside of orders to the NTE that follow it."""
    participants: dict[int, list[Segment]] = field(default_factory=dict)
    """Index of any segment to the PRT and ROL that follow it."""

    def first(self, name: str) -> Segment | None:
        return next(iter(self.by_name.get(name, ())), None)

    def all(self, name: str) -> list[Segment]:
        return self.by_name.get(name, [])


class _Cursor:
    def __init__(self, *, specimens_first: bool = False) -> None:
        self.specimens_first = specimens_first
        self.waiting: list[Segment] = []
        self.anchor = 0
        self.people = [Person()]
        self.order: Order | None = None
        self.notes: list[Segment] | None = None
        self.specimen: Segment | None = None

    @property
    def person(self) -> Person:
        return self.people[-1]

    def pid(self, segment: Segment) -> None:
        if self.person.pid is not None:
            self.people.append(Person())
        self.person.pid = segment
        self.order, self.notes, self.specimen, self.waiting = None, None, None, []

    def orc(self, segment: Segment) -> None:
        behind = self.order if self.specimens_first else None
        if behind and behind.obr and behind.orc is None and not behind.results:
            behind.orc = segment  # OUL: ORC stands behind its OBR
            return
        self.order = Order(orc=segment)
        self.person.orders.append(self.order)
        self.notes, self.specimen = self.order.notes, None

    def obr(self, segment: Segment) -> None:
        if self.order is None or self.order.obr is not None:
            self.order = Order()
            self.person.orders.append(self.order)
        self.order.obr = Noted(segment)
        self.order.specimens += self.waiting
        self.notes, self.specimen = self.order.obr.notes, None

    def obx(self, segment: Segment) -> None:
        result = Noted(segment)
        (self.order.results if self.order else self.person.results).append(result)
        if self.order and self.specimen:
            self.order.specimen_of[segment.index] = self.specimen
        self.notes = result.notes

    def spm(self, segment: Segment) -> None:
        if self.specimens_first and (self.order is None or self.order.results):
            self.order, self.waiting = None, [segment]
            self.notes = self.person.notes.setdefault(segment.index, [])
            return
        if self.order is None:
            self.other(segment)
            return
        self.order.specimens.append(segment)
        self.specimen, self.notes = segment, self.order.obr.notes if self.order.obr else self.order.notes

    def nte(self, segment: Segment) -> None:
        if self.notes is None:
            self.person.by_name.setdefault("NTE", []).append(segment)
        else:
            self.notes.append(segment)

    def txa(self, segment: Segment) -> None:
        self.order, self.specimen = None, None
        self.other(segment)

    def pharmacy(self, segment: Segment) -> None:
        """RXO RXE RXD RXA: of the order that is open; without ORC a second one is another order."""
        if self.order is None or (self.order.orc is None and segment.name in self.order.by_name):
            self.order = Order()
            self.person.orders.append(self.order)
        self.order.by_name.setdefault(segment.name, []).append(segment)
        self.notes, self.specimen = self.order.notes, None

    def participant(self, segment: Segment) -> None:
        self.person.participants.setdefault(self.anchor, []).append(segment)

    def other(self, segment: Segment) -> None:
        if self.order is not None and segment.name in _OF_ORDER:
            self.order.by_name.setdefault(segment.name, []).append(segment)
            if segment.name != "DG1":
                return
        self.person.by_name.setdefault(segment.name, []).append(segment)
        if segment.name not in _ATTACHED:
            self.notes = self.person.notes.setdefault(segment.index, [])


def people_of(message: Message, *, specimens_first: bool = False) -> list[Person]:
    """Patient groups in order; the first may lack a PID. Every segment but MSH is in exactly one place.

    `specimens_first`: SPM opens what follows it, and ORC may stand behind its OBR (OUL R21 to R23).
    """
    cursor = _Cursor(specimens_first=specimens_first)
    for segment in message.segments[1:]:
        name = segment.name
        if name in _CURSOR:
            getattr(cursor, name.lower())(segment)
        elif name in _PEOPLE:
            cursor.participant(segment)
        elif name in _OPENING:
            cursor.pharmacy(segment)
        else:
            cursor.other(segment)
        if name not in _UNANCHORED:
            cursor.anchor = segment.index
        cursor.person.segments.append(segment)
    return cursor.people
