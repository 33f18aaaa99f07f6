"""Answers of sources that are asked: one snapshot, one unit of work to keep it and one to enter it."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from adapters.interface import Normaliser, Original, Source
from adapters.times import instant
from gateway.intake.desk import Desk, required
from gateway.intake.interface import Kept, Stored
from gateway.intake.losses import drop_losses, has_failed
from gateway.intake.prepare import Taken
from gateway.intake.sql import Originals, truncated
from gateway.records.room import Room


class Pulls:
    """Originals that came as an answer."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def receive(
        self,
        originals: Sequence[Original],
        source: Source,
        normaliser: Normaliser,
        at: datetime,
        *,
        person: str | None = None,
        complete: bool = False,
    ) -> tuple[Stored, ...]:
        """Take in all that a source answered at once; one `Stored` for each original, in their order.

        `complete`: this is all that the source has about `person`, who must then be given: what its earlier
        answers had and this one lacks is retired (kept, no longer returned), unless anything of this answer
        was quarantined or could not be built. Raises `Problem` when the database does not store; what was
        kept is then resumed.
        """
        if not originals and not complete:
            return ()
        ids = [self._desk.new_id() for _ in originals]
        found = await self._desk.database.write(
            lambda c: self._keep_pulls(c, originals, ids, source, at, person)
        )
        taken: list[Taken | Stored] = []
        for original, one in zip(originals, found, strict=True):
            if isinstance(one, Stored):
                taken.append(one)
            else:
                kept = replace(original, intake=one.intake)
                taken.append(await self._desk.normalised(kept, one.arrival, source, normaliser, at, person))
        return await self._desk.database.write(
            lambda c: self._enter_pulls(c, taken, source, at, person, complete)
        )

    def _keep_pulls(
        self,
        connection: Connection,
        originals: Sequence[Original],
        ids: Sequence[str],
        source: Source,
        at: datetime,
        person: str | None,
    ) -> list[Kept | Stored]:
        """Keep each original, unless the newest answer had the very same bytes."""
        room = self._desk.room(connection)
        store = Originals(connection, room.vault)
        hashes = [hashlib.sha256(original.body).digest() for original in originals]
        known = [store.same_bytes(source.id, sha256, pushed=False) for sha256 in hashes]
        newest = {one.person: store.newest_seen(source.id, one.person) for one in known if one}
        # A link may have moved since: the same bytes then belong to somebody else's record.
        moved = {whom for whom in newest if whom and person and room.index.person_of(whom) != person}
        found: list[Kept | Stored] = []
        for original, id, sha256, one in zip(originals, ids, hashes, known, strict=True):
            whom = one.person if one and one.state == "stored" else None
            if one and whom and whom not in moved and one.seen == newest[whom]:
                found.append(Stored(one.intake, "unchanged", None, one.person, one.truncated))
                continue
            if one and one.state != "stored":
                # Quarantined or left over: looked at again, because the index may know more by now.
                store.reopen(one.intake, instant(at))
                drop_losses(connection, one.intake)
                found.append(replace(one, state="received"))
                continue
            store.keep(
                id,
                original.body,
                sha256=sha256,
                source=source.id,
                custodian=source.custodian,
                media_type=original.media_type,
                pushed=False,
                at=instant(at),
            )
            found.append(required(store.get(id)))
        return found

    def _enter_pulls(
        self,
        connection: Connection,
        taken: Sequence[Taken | Stored],
        source: Source,
        at: datetime,
        person: str | None,
        complete: bool,
    ) -> tuple[Stored, ...]:
        room = self._desk.room(connection)
        store = Originals(connection, room.vault)
        done = [one if isinstance(one, Stored) else self._enter_pull(connection, room, one) for one in taken]
        store.saw([one.intake for one in done if one.state == "unchanged"], instant(at))
        if not complete or person is None or any(one.quarantine for one in done):
            return tuple(done)
        if has_failed(connection, [one.intake for one in done]):
            return tuple(done)  # what could not be read may be the very thing that would seem to be gone
        patients = [link.patient for link in room.index.links(person) if link.source == source.id]
        retired = room.records.retire(
            patients, source.id, intakes=[one.intake for one in done], seen=instant(at)
        )
        return tuple(replace(one, retired=retired if n == 0 else 0) for n, one in enumerate(done))

    def _enter_pull(self, connection: Connection, room: Room, taken: Taken) -> Stored:
        row = Originals(connection, room.vault).get(taken.intake, lock=True)
        if row is None or row.state != "received":
            # Another exchange took the same left-over original in meanwhile.
            row = required(row)
            quarantine = row.reason if row.state == "quarantined" else None
            return Stored(row.intake, "quarantined" if quarantine else "unchanged", quarantine, row.person)
        effect = self._desk.apply(connection, room, taken)
        self._desk.settle(connection, room, taken, effect)
        lost = truncated(taken.batch.losses)
        if effect.quarantine:
            return Stored(taken.intake, "quarantined", effect.quarantine, None, lost)
        return Stored(taken.intake, "stored", None, effect.person, lost)
