"""What pulls and pushed messages have in common: the pure part in a thread, and the entry into records."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from adapters.interface import Normaliser, Original, Source, SourceBatch
from adapters.losses import unreadable
from gateway.intake.apply import Effect, apply
from gateway.intake.interface import Digest, Kept
from gateway.intake.losses import add_losses
from gateway.intake.prepare import Prepared, Taken, prepare
from gateway.intake.shape import ShapeSampling
from gateway.intake.sql import Originals
from gateway.logs import log
from gateway.records.interface import Database
from gateway.records.room import Room
from keys.interface import Entropy


class Desk:
    """The node's means of taking things in."""

    def __init__(
        self, database: Database, room: Callable[[Connection], Room], digest: Digest, entropy: Entropy
    ) -> None:
        self.database = database
        self.room = room
        self.digest = digest
        self._entropy = entropy
        self._shapes = ShapeSampling()

    async def normalised(
        self,
        original: Original,
        arrival: int,
        source: Source,
        normaliser: Normaliser,
        at: datetime,
        person: str | None = None,
    ) -> Taken:
        """Run the pure part in a thread. A normaliser that raises is our defect: all of it is quarantined."""
        batch, prepared = await asyncio.to_thread(self._normalise, original, source, normaliser, at)
        return Taken(original.intake, arrival, source, at, batch, prepared, original.asked, person)

    def new_id(self) -> str:
        """Id of an original: 26 random characters."""
        return base64.b32encode(self._entropy(17)).decode("ascii").lower()[:26]

    def originals(self, connection: Connection) -> Originals:
        """The originals of a unit of work."""
        return Originals(connection, self.room(connection).vault)

    def apply(self, connection: Connection, room: Room, taken: Taken) -> Effect:
        """Inside a unit of work: what an original does to the records."""
        return apply(connection, room, taken, self.digest)

    def settle(
        self,
        connection: Connection,
        room: Room,
        taken: Taken,
        effect: Effect,
        *,
        control: tuple[str, str] | None = None,
        ack: bytes | None = None,
    ) -> None:
        """Inside the same unit of work: ledger lines, state and acknowledgement."""
        made = (effect.batch or taken.batch).losses
        losses = replace(made, entries=made.entries + taken.prepared.remarks)
        add_losses(connection, taken.intake, losses.entries)
        Originals(connection, room.vault).settle(
            taken.intake,
            "quarantined" if effect.quarantine else "stored",
            reason=effect.quarantine,
            person=effect.person,
            control=control,
            mapping=taken.batch.mapping,
            losses=losses,
            ack=ack,
        )

    def _normalise(
        self, original: Original, source: Source, normaliser: Normaliser, at: datetime
    ) -> tuple[SourceBatch, Prepared]:
        try:
            batch = normaliser.normalise(original, source, at)
            made = [*batch.resources, *([batch.provenance] if batch.provenance else [])]
            misshapen = self._shapes.misshapen(source.id, batch.mapping, made)
            if misshapen is not None:
                log.error("shape_defect", source=source.id, intake=original.intake, error=misshapen)
                return _defect()
            prepared = prepare(batch, intake=original.intake, custodian=source.custodian, digest=self.digest)
        except Exception as error:  # a defect of ours must cost this original alone, and be visible
            log.error(
                "normaliser_defect", source=source.id, intake=original.intake, error=type(error).__name__
            )
            return _defect()
        return batch, prepared


def _defect() -> tuple[SourceBatch, Prepared]:
    """Nothing of it enters a record; the original is kept for the day when we have mended ourselves."""
    batch = SourceBatch((), None, unreadable(1, "mapping-defect"), "", quarantine="mapping-defect")
    return batch, Prepared((), (), ())


def required(kept: Kept | None) -> Kept:
    """Raises `LookupError` for None."""
    if kept is None:
        raise LookupError("an original of this unit of work is gone")
    return kept
