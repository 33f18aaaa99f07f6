"""HL7 v2 messages that a feed pushes (normalisation.md 3.4 S01, S02, 3.5): durable, applied, acknowledged.

0. Training and debugging messages of a feed that refuses them are told so (AR 202) and not kept.
1. The same bytes again: the stored acknowledgement again, no effect (S01). Kept, but not yet applied: go on.
2. The raw bytes are kept, durably, before anything parses them.
3. The message is normalised.
4. In one unit of work: the same control id with other bytes is refused `AR` 205 and changes nothing (S02);
   else it is applied, or quarantined with `AE`, and its acknowledgement is stored with it.
5. If the database does not store: `AE` 207 (`AR` for a feed that resends on AR only), the only one that asks
   for a resend; what was kept is dropped.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from adapters.hospital.ack import USUAL, Manner, Verdict, answer, joined, processing_of, verdict_of
from adapters.hospital.batch import split_messages
from adapters.hospital.normaliser import MEDIA_TYPE
from adapters.interface import Normaliser, Original, Source
from adapters.times import instant
from gateway.errors import Problem
from gateway.intake.apply import Effect
from gateway.intake.desk import Desk, required
from gateway.intake.handed_on import Document, documents_of, enter_documents
from gateway.intake.prepare import Taken
from gateway.intake.sql import Originals
from gateway.logs import log
from gateway.records.interface import KeyErased, SealBroken

NO_TEST_MESSAGES = Verdict("AR", "202", "MSH[1]-11")
REUSED_CONTROL = Verdict("AR", "205", "MSH[1]-10")
WRONG_PATIENT = Verdict("AE", "204", "PID[1]-3")
MERGE_CYCLE = Verdict("AE", "204", "MRG[1]-1")
NOT_APPLIED = Verdict("AE", "100", "MSH[1]")
ERASED = Verdict("AE", "204", "PID[1]-3")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a message is kept; `ack` is set if it was answered before."""

    intake: str
    arrival: int
    ack: bytes | None = None


class Messages:
    """Originals that a feed pushes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def receive(
        self, body: bytes, source: Source, normaliser: Normaliser, at: datetime, manner: Manner
    ) -> bytes:
        """Acknowledgements of the messages in `body`, in order. Never raises for data or disk."""
        parts = split_messages(body)
        if len(parts) < 2:
            parts = [body]
        return joined([await self._receive_one(part, source, normaliser, at, manner) for part in parts])

    async def resume(
        self,
        sources: Mapping[str, tuple[Source, Normaliser]],
        at: datetime,
        manners: Mapping[str, Manner],
    ) -> int:
        """After a crash: apply messages that were kept and not applied, and drop left-over pulls.

        Nobody was told anything about either: a message will be sent again, a source asked again. Returns how
        many messages were applied.
        """
        left = await self._desk.database.read(lambda c: self._desk.originals(c).unfinished())
        count = 0
        for kept, pushed in left:
            place = _Place(kept.intake, kept.arrival)
            if not pushed:
                await self._drop(place)
            elif kept.source in sources:
                body = await self._body(place)
                manner = manners.get(kept.source, USUAL)
                await self._go_on(body, place, *sources[kept.source], at, manner)
                count += 1
        return count

    async def _receive_one(
        self, body: bytes, source: Source, normaliser: Normaliser, at: datetime, manner: Manner
    ) -> bytes:
        if source.test_messages == "refuse" and processing_of(body) not in ("", "P"):
            return answer(body, NO_TEST_MESSAGES, at, self._control(), manner)
        place: _Place | None = None
        try:
            id = self._desk.new_id()
            place = await self._desk.database.write(lambda c: self._keep(c, id, body, source, at))
            if place.ack is not None:
                return place.ack
            return await self._go_on(body, place, source, normaliser, at, manner)
        except KeyErased:
            # Known, and erased since: a resend would change nothing, so it is not asked for.
            return answer(body, ERASED, at, self._control(), manner)
        except (Problem, SealBroken) as error:
            code = getattr(error, "code", type(error).__name__)
            log.error("message_not_stored", source=source.id, error=code)
            if place is not None:
                with suppress(Problem):
                    await self._drop(place)
            return answer(body, manner.not_stored, at, self._control(), manner)

    async def _go_on(
        self,
        body: bytes,
        place: _Place,
        source: Source,
        normaliser: Normaliser,
        at: datetime,
        manner: Manner,
    ) -> bytes:
        original = Original(body, MEDIA_TYPE, intake=place.intake)
        taken = await self._desk.normalised(original, place.arrival, source, normaliser, at)
        documents = await documents_of(self._desk, taken, at)
        control = self._control()

        def told(verdict: Verdict) -> bytes:
            return answer(body, verdict, at, control, manner)

        return await self._desk.database.write(lambda c: self._enter(c, taken, documents, told))

    def _keep(self, connection: Connection, id: str, body: bytes, source: Source, at: datetime) -> _Place:
        store = self._desk.originals(connection)
        parts = split_messages(body)
        sha256 = hashlib.sha256(parts[0] if len(parts) == 1 else body).digest()
        known = store.same_bytes(source.id, sha256, pushed=True)
        if known is not None:
            return _Place(known.intake, known.arrival, store.ack(known.intake))
        store.keep(
            id,
            body,
            sha256=sha256,
            source=source.id,
            custodian=source.custodian,
            media_type=MEDIA_TYPE,
            pushed=True,
            at=instant(at),
        )
        return _Place(id, required(store.get(id)).arrival)

    def _enter(
        self,
        connection: Connection,
        taken: Taken,
        documents: tuple[Document, ...],
        told: Callable[[Verdict], bytes],
    ) -> bytes:
        room = self._desk.room(connection)
        store = Originals(connection, room.vault)
        source = taken.source.id
        row = store.get(taken.intake, lock=True)
        answered = store.ack(taken.intake) if row is not None and row.state != "received" else None
        if answered is not None:
            return answered
        row = required(row)
        first = store.claimed(source, taken.batch.control) if taken.batch.control else None
        if first is not None and first.sha256 == row.sha256:
            # The same message came twice at once; the other one was faster.
            store.discard(taken.intake)
            answered = store.ack(first.intake)
            return told(verdict_of(taken.batch)) if answered is None else answered
        if first is not None:
            log.error("control_id_reused", source=source, intake=taken.intake)
            ack = told(REUSED_CONTROL)
            store.settle(taken.intake, "refused", reason="control-reused", ack=ack)
            return ack
        claim = (source, taken.batch.control) if taken.batch.control else None
        effect = self._desk.apply(connection, room, taken)
        ack = told(_verdict(taken, effect))
        self._desk.settle(connection, room, taken, effect, control=claim, ack=ack)
        if effect.quarantine is None:
            enter_documents(self._desk, connection, room, documents)
        return ack

    async def _drop(self, place: _Place) -> None:
        await self._desk.database.write(lambda c: self._desk.originals(c).discard(place.intake))

    async def _body(self, place: _Place) -> bytes:
        return await self._desk.database.read(lambda c: self._desk.originals(c).body(place.intake))

    def _control(self) -> str:
        return self._desk.new_id()[:20].upper()


def _verdict(taken: Taken, effect: Effect) -> Verdict:
    if effect.quarantine == "wrong-patient":
        return WRONG_PATIENT
    if effect.quarantine == "erased":
        return ERASED
    if effect.quarantine == "mapping-defect":
        return NOT_APPLIED
    if effect.quarantine == "merge-cycle":
        return MERGE_CYCLE
    return verdict_of(replace(effect.batch or taken.batch, quarantine=effect.quarantine))
