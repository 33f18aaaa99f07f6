"""Many messages of one input to one state, with little of them in memory at a time. Pure but for its spool.

1. Each message is laid down as it was mapped; its event time, MSH-13 and place stay.
2. In the order of the events each is settled (scenario.py); what it says is laid down by key.
3. On demand each key is folded from its own history, and given out before the next one is looked at.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from adapters.codec import decoder_of, encode
from adapters.hospital.acts import act_from_bytes
from adapters.hospital.fold import Contribution, fold_one, rank_of, taken_by
from adapters.hospital.scenario import Ward
from adapters.hospital.spool import Spool
from adapters.interface import JSON, Original, SourceBatch
from adapters.losses import LossEntry

_batch = decoder_of(SourceBatch)
_contribution = decoder_of(Contribution)
_lines = decoder_of(tuple[LossEntry, ...])
_resource = decoder_of(JSON)
_original = decoder_of(Original)
_NOWHERE = -1


@dataclass(slots=True)
class Message:
    """What stays in memory of one message. `place`: of the whole, until it is settled; then of its lines."""

    event_time: str
    sequence: int
    control: str
    quarantine: str | None
    place: int
    provenance: int = _NOWHERE
    handed_on: tuple[int, ...] = ()


class Folding:
    """The messages of one input. `total`, `mapped`: sums of their ledgers."""

    def __init__(self, batches: Iterable[SourceBatch], spool: Spool) -> None:
        """Reads and settles them all; `batches` in the order of the input, at least one."""
        self._spool = spool
        self._history = _History(spool)
        self.total = self.mapped = 0
        self.messages = [self._laid_down(one) for one in batches]
        ward = Ward()
        when = [(one.event_time, one.sequence, n) for n, one in enumerate(self.messages)]
        for _, _, n in sorted(when):
            self._settle(n, ward.take(_batch(spool.get(self.messages[n].place))))
        self._history.close()
        good = [one for one in self.messages if one.quarantine is None]
        self.last = (good or self.messages)[-1]
        """The last message that counts, whose Provenance stands in its own place."""

    def _laid_down(self, one: SourceBatch) -> Message:
        place = self._spool.put(encode(one))
        return Message(one.event_time, one.sequence, one.control, one.quarantine, place)

    def _settle(self, n: int, batch: SourceBatch) -> None:
        put, message = self._spool.put, self.messages[n]
        self.total += batch.losses.total
        self.mapped += batch.losses.mapped
        message.quarantine = batch.quarantine
        lines = [one if one.unit == n + 1 else one._replace(unit=n + 1) for one in batch.losses.entries]
        message.place = put(encode(lines))
        if batch.quarantine is None:
            message.handed_on = tuple(put(encode(one)) for one in batch.handed_on)
            if batch.provenance is not None:
                message.provenance = put(encode(batch.provenance))
            self._history.enter(n, batch)

    def lines(self, n: int) -> tuple[LossEntry, ...]:
        """Of message n, from 0, as its mapping wrote them."""
        return _lines(self._spool.get(self.messages[n].place))

    def resources(self) -> Iterator[JSON]:
        """Patients first, else in the order of their first event; then all Provenances but the last."""
        yield from self._history.states()
        for one in self.messages:
            if one is not self.last and one.provenance != _NOWHERE:
                yield _resource(self._spool.get(one.provenance))

    def provenance(self) -> JSON | None:
        """Of the last message."""
        place = self.last.provenance
        return None if place == _NOWHERE else _resource(self._spool.get(place))

    def handed_on(self) -> Iterator[Original]:
        """Documents inside of the messages."""
        for one in self.messages:
            yield from (_original(self._spool.get(place)) for place in one.handed_on)


class _History:
    """Places of the contributions under each key, in the order of `fold.order_of`.

    Each knows the one before it: of most keys there is one contribution, and there may be millions of keys.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._latest: dict[str, int] = {}
        self._rows = array("Q"), array("q")
        """Of each contribution its place, and the row of the one before it under its key."""
        self._when = ("", 0)
        self._at_once: list[tuple[int, int, str, int]] = []
        """Rank, arrival, key and place of what was said at the time of the latest message."""

    def enter(self, arrival: int, batch: SourceBatch) -> None:
        """One message that counts; none that comes later happened before."""
        if self._when != (batch.event_time, batch.sequence):
            self.close()
            self._when = batch.event_time, batch.sequence
        for resource in batch.resources:
            ref = f"{resource['resourceType']}/{resource['id']}"
            act = act_from_bytes(batch.acts.get(ref, b""))
            one = Contribution(batch.event_time, batch.sequence, arrival, resource, act)
            self._at_once.append((rank_of(resource, act), arrival, ref, self._spool.put(encode(one))))

    def close(self) -> None:
        """Nothing more happened at that time."""
        for _, _, ref, place in sorted(self._at_once, key=lambda row: row[:2]):
            places, before = self._rows
            before.append(self._latest.get(ref, _NOWHERE))
            self._latest[ref] = len(places)
            places.append(place)
        self._at_once.clear()

    def states(self) -> Iterator[JSON]:
        """As they show."""
        for is_patient in (True, False):
            for ref in self._latest:
                if ref.startswith("Patient/") == is_patient:
                    yield self._state(ref)

    def _state(self, ref: str) -> JSON:
        own = self._contributions(ref)
        former = [self._contributions(other) for other in taken_by(own)]
        return fold_one(own, former).resource

    def _contributions(self, ref: str) -> list[Contribution]:
        places, before = self._rows
        row, found = self._latest.get(ref, _NOWHERE), []
        while row != _NOWHERE:
            found.append(_contribution(self._spool.get(places[row])))
            row = before[row]
        return found[::-1]
