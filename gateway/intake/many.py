"""A file of many HL7 v2 messages, without more than a few of them in memory (normalisation.md 10, 11).

1. Messages are mapped and settled one by one (`Folding`) · 2. each key is folded, checked and laid down ·
3. if a resource failed, what refers to it is revised · 4. the ledger follows, message by message.
What comes out is what the normaliser makes of the whole at once.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from adapters.boundary import Gate
from adapters.hospital.batch import Batch
from adapters.hospital.folding import Folding
from adapters.hospital.normaliser import HospitalNormaliser, items_outside, lines_outside
from adapters.hospital.places import in_order_of_message
from adapters.hospital.spool import Spool
from adapters.interface import JSON, Original, Source
from adapters.losses import LossEntry, Losses
from gateway.intake.making import Making

MAPPING = HospitalNormaliser().mapping


class Many:
    """The messages of one file, and what they become. No overlay of codes: this command has none."""

    def __init__(self, batch: Batch, source: Source, at: datetime, intakes: Sequence[str], spool: Spool):
        """Maps and settles all messages. `intakes`: the id of each, which its resources name."""
        normaliser = HospitalNormaliser()
        self._batch = batch
        self._outside = lines_outside(batch)
        made = (normaliser.message(batch, n, source, intake, at) for n, intake in enumerate(intakes))
        self._folding = Folding(made, spool)
        total = self._folding.total + items_outside(self._outside)
        self._gate = Gate(Losses(total, self._folding.mapped))

    def lay_down(self, making: Making) -> tuple[Losses, JSON | None]:
        """All but the last Provenance, which is returned, with the sums; documents inside go before it."""
        gate = self._gate
        for resource in self._folding.resources():
            kept = gate.enter(resource)
            if kept is not None:
                making.enter(kept)
        last = self._folding.provenance()
        last = gate.enter(last) if last is not None else None
        if gate.failed and not gate.is_shut:
            making.revise(gate.finish)
            last = gate.finish(last) if last is not None else None
        losses = gate.close()
        if gate.is_shut:
            making.clear()
            making.tell(losses.entries)
            return losses, None
        for lines in self._lines(losses.entries):
            making.tell(lines)
        return losses, last

    def handed_on(self) -> Iterator[Original]:
        """Documents inside of messages; none if nothing of the input may leave."""
        return iter(()) if self._gate.is_shut else self._folding.handed_on()

    def _lines(self, checked: tuple[LossEntry, ...]) -> Iterator[list[LossEntry]]:
        """By message; what is outside of any, and what the check found, is told with the first."""
        for n, message in enumerate(self._batch.messages):
            lines = self._folding.lines(n)
            yield in_order_of_message(lines if n else (*self._outside, *lines, *checked), message)
