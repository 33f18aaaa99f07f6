"""What one input becomes, laid down piece by piece: entries of its bundle and lines of its ledger.

In memory stay places and sums; the bytes lie in a spool, which may be on disk.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from adapters.hospital.spool import Spool
from adapters.interface import JSON
from adapters.loss_report import Tally, row_from_entry
from adapters.losses import LossEntry
from gateway.fhir.collection import TURNS, entry_of
from gateway.fhir.json import decode_own, encode


class Making:
    """`base`: of `fullUrl`. Entries come out Patients first and Provenance last, else as they went in."""

    def __init__(self, spool: Spool, base: str) -> None:
        self.spool = spool
        self._base = base
        self._turns = (array("Q"), array("Q"), array("Q"))
        self._rows = array("Q")
        self.kinds: Counter[str] = Counter()
        self.tally = Tally()
        self.last_unit = 0
        """The highest unit that any line so far is of."""

    def enter(self, resource: JSON) -> None:
        """One more resource."""
        kind = resource["resourceType"]
        self.kinds[kind] += 1
        self._turns[TURNS.get(kind, 1)].append(self.spool.put(entry_of(resource, self._base)))

    def tell(self, lines: Iterable[LossEntry]) -> None:
        """More lines of the ledger, in order."""
        rows = []
        for line in lines:
            self.tally.add(line)
            self.last_unit = max(self.last_unit, line.unit)
            rows.append(encode(row_from_entry(line)))
        if rows:
            self._rows.append(self.spool.put(b",".join(rows)))

    def clear(self) -> None:
        """No resource may leave."""
        self.kinds.clear()
        for turn in self._turns:
            del turn[:]

    def revise(self, change: Callable[[JSON], JSON | None]) -> None:
        """Each resource as `change` has it; those that it has not are gone."""
        for turn in self._turns:
            for place in _drained(turn):
                resource = self._resource(place)
                made = change(resource)
                if made is resource:
                    turn.append(place)
                else:
                    self.kinds[resource["resourceType"]] -= 1
                    if made is not None:
                        self.enter(made)

    def unify(self) -> set[str]:
        """Of two resources with one id the later stays, in the place of the first; `Type/id` of all."""
        found: set[str] = set()
        for turn in self._turns:
            latest: dict[str, int] = {}
            for place in _drained(turn):
                resource = self._resource(place)
                ref = reference_of(resource)
                self.kinds[resource["resourceType"]] -= ref in latest
                latest[ref] = place
            turn.extend(latest.values())
            found |= latest.keys()
        return found

    def provenances(self) -> Iterator[JSON]:
        """In the order of the bundle."""
        return (self._resource(place) for place in self._turns[TURNS["Provenance"]])

    def entries(self) -> Iterator[bytes]:
        """Of the bundle, encoded."""
        return (self.spool.get(place) for turn in self._turns for place in turn)

    def rows(self) -> Iterator[bytes]:
        """Of the ledger: encoded lines, of which a comma joins several."""
        return (self.spool.get(place) for place in self._rows)

    def _resource(self, place: int) -> JSON:
        resource: JSON = decode_own(self.spool.get(place))["resource"]
        return resource


def reference_of(resource: JSON) -> str:
    """`Type/id`."""
    return f"{resource['resourceType']}/{resource['id']}"


def _drained(places: "array[int]") -> list[int]:
    held = list(places)
    del places[:]
    return held
