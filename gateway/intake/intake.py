"""The way in of everything that a source sends: kept as it came, normalised, stored, in that order.

Raw bytes are durable before anything parses them. Normalising and digests run outside of the writer thread;
then one unit of work writes contributions, links, digests, ledger lines, Provenance and the state.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import Connection

from adapters.hospital.ack import USUAL, Manner
from adapters.interface import Normaliser, Original, Source
from gateway.intake.desk import Desk
from gateway.intake.documents import Documents
from gateway.intake.interface import Digest, Kept, Stored
from gateway.intake.messages import Messages
from gateway.intake.pulls import Pulls
from gateway.intake.replay import Replay
from gateway.records.interface import Database
from gateway.records.room import Room
from keys.interface import Entropy


class Intake:
    """Intake of one node; safe for many callers at once."""

    def __init__(
        self, database: Database, room: Callable[[Connection], Room], digest: Digest, entropy: Entropy
    ) -> None:
        """`room`: the records room of a unit of work (`records.sql.sql_room` with its secrets)."""
        self.digest = digest
        self._entropy = entropy
        self._desk = Desk(database, room, digest, entropy)
        self._pulls = Pulls(self._desk)
        self._messages = Messages(self._desk)
        self._documents = Documents(self._desk)

    async def receive_pull(
        self,
        original: Original,
        source: Source,
        normaliser: Normaliser,
        at: datetime,
        *,
        person: str | None = None,
    ) -> Stored:
        """Take in one answer. `person`: whom the source was asked about, else `original.asked` says it."""
        return (await self._pulls.receive((original,), source, normaliser, at, person=person))[0]

    async def receive_snapshot(
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
        was quarantined. Raises `Problem` when the database does not store: then nothing of it is in a record.
        """
        return await self._pulls.receive(originals, source, normaliser, at, person=person, complete=complete)

    async def receive_document(
        self, original: Original, source: Source, normaliser: Normaliser, at: datetime
    ) -> Stored:
        """Take in one document that was dropped; `unchanged` if its bytes are known.

        Raises `Problem` when the database does not store: then nothing happened.
        """
        return await self._documents.receive(original, source, normaliser, at)

    async def receive_message(
        self,
        body: bytes,
        source: Source,
        normaliser: Normaliser,
        at: datetime,
        manner: Manner = USUAL,
    ) -> bytes:
        """Take in what a feed pushed; the acknowledgement(s) without frames, to be sent now, not earlier.

        Where they travel in frames of their own `NEXT_FRAME` is between them (hospital/ack.py); empty: the
        sender wants none. Never raises for data or for the database: that is an `AE`.
        """
        return await self._messages.receive(body, source, normaliser, at, manner)

    async def resume(
        self,
        sources: Mapping[str, tuple[Source, Normaliser]],
        at: datetime,
        manners: Mapping[str, Manner] = MappingProxyType({}),
    ) -> int:
        """At start: finish what a crash left. `sources`: source id to what takes it in. How many messages.

        `manners`: how a feed is answered, by source id, as far as not in the usual manner.
        """
        return await self._messages.resume(sources, at, manners)

    def replay(self, source: Source, normaliser: Normaliser) -> Replay:
        """Kept originals of one source, to be mapped again with these."""
        return Replay(self._desk, source, normaliser, self._entropy)

    async def show(self, id: str) -> tuple[Kept, bytes]:
        """An original with its very bytes; to be audited. Raises `LookupError`, `SealBroken`."""

        def look(connection: Connection) -> tuple[Kept, bytes]:
            store = self._desk.originals(connection)
            kept = store.get(id)
            if kept is None:
                raise LookupError("no such original")
            return kept, store.body(id)

        return await self._desk.database.read(look)

    async def newest(self, source: str, *, since: str = "", limit: int = 1000) -> tuple[Kept, ...]:
        """Originals of a source, newest first. `since`: FHIR instant of receipt."""
        return await self._desk.database.read(
            lambda c: self._desk.originals(c).of_source(source, since=since, limit=limit)
        )
