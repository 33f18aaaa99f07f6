"""Documents that a source drops: kept, applied and settled in one unit of work, then the file may go.

The file itself is durable until then, so nothing has to be kept before it is parsed. The same bytes again are
no effect; what was quarantined is looked at again, because the index may know more by now.
"""

import hashlib
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from adapters.interface import Normaliser, Original, Source
from adapters.times import instant
from gateway.intake.desk import Desk, required
from gateway.intake.interface import Kept, Stored
from gateway.intake.losses import drop_losses
from gateway.intake.prepare import Taken
from gateway.intake.sql import Originals, truncated


class Documents:
    """Originals that are whole records of their own and that nobody asked for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def receive(
        self, original: Original, source: Source, normaliser: Normaliser, at: datetime
    ) -> Stored:
        """Take in one document. Raises `Problem` when the database does not store: nothing happened then."""
        sha256 = hashlib.sha256(original.body).digest()
        known = await self._desk.database.read(lambda c: self._known(c, source, sha256))
        if known is not None and known.state == "stored":
            return _unchanged(known)
        id = known.intake if known is not None else self._desk.new_id()
        own = replace(original, intake=id)
        taken = await self._desk.normalised(own, 0, source, normaliser, at)
        return await self._desk.database.write(lambda c: self._enter(c, own, taken, sha256))

    def _known(self, connection: Connection, source: Source, sha256: bytes) -> Kept | None:
        return self._desk.originals(connection).same_bytes(source.id, sha256, pushed=True)

    def _enter(self, connection: Connection, original: Original, taken: Taken, sha256: bytes) -> Stored:
        room = self._desk.room(connection)
        store = Originals(connection, room.vault)
        known = store.same_bytes(taken.source.id, sha256, pushed=True)
        if known is not None and known.intake != taken.intake:
            return _unchanged(known)  # somebody else was faster
        if known is not None:
            store.reopen(known.intake, instant(taken.at))
            drop_losses(connection, known.intake)
        else:
            store.keep(
                taken.intake,
                original.body,
                sha256=sha256,
                source=taken.source.id,
                custodian=taken.source.custodian,
                media_type=original.media_type,
                pushed=True,
                at=instant(taken.at),
            )
        entered = replace(taken, arrival=required(store.get(taken.intake)).arrival)
        effect = self._desk.apply(connection, room, entered)
        self._desk.settle(connection, room, entered, effect)
        lost = truncated(taken.batch.losses)
        if effect.quarantine:
            return Stored(taken.intake, "quarantined", effect.quarantine, None, lost)
        return Stored(taken.intake, "stored", None, effect.person, lost)


def _unchanged(known: Kept) -> Stored:
    return Stored(known.intake, "unchanged", None, known.person, known.truncated)
