"""Kept originals mapped again with today's tables and configuration (normalisation.md 1, rule 10).

1. Each original is opened and normalised, oldest arrival first.
2. What it would say now is compared with what stands of it: the same, apart from the Provenance, changes
   nothing.
3. In one unit of work: what it said is set aside (`records.withdrawal`), it is applied anew at its own place
   among the events, its ledger lines are replaced, and what nobody says any more leaves the records.
Not replayed: what is not applied yet, what was refused, and quarantined answers of a source that is asked:
whom it was asked about is not kept with them, and the next answer of the same bytes is looked at anew.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, select

from adapters import codec
from adapters.hospital import fold
from adapters.hospital.normaliser import MEDIA_TYPE
from adapters.interface import Normaliser, Original, Source
from adapters.registry import normaliser_of
from adapters.times import instant
from gateway.audit import ledger
from gateway.audit.interface import Entry
from gateway.intake.desk import Desk, required
from gateway.intake.handed_on import Document, as_documents, documents_of, enter_documents
from gateway.intake.interface import Kept
from gateway.intake.losses import drop_losses
from gateway.intake.prepare import Taken
from gateway.intake.states import state_of
from gateway.intake.tables import intake
from gateway.records.interface import KeyErased
from gateway.records.room import Room
from gateway.records.withdrawal import keep_versions, said_by, withdraw
from keys.interface import Entropy

_OWN = "Provenance/"
"""States when it was mapped: differs each time and says nothing about the patient."""


@dataclass(frozen=True, slots=True)
class Act:
    """Who replays, why, and the member whose ledger says so."""

    by: str
    reason: str
    me: str


@dataclass(slots=True)
class Replayed:
    """What a replay changed, or would change. `resources`: added, changed, withdrawn, same."""

    originals: Counter[str] = field(default_factory=Counter)
    """changed, same, skipped, quarantined (stood in a record before), stored (was quarantined before)."""
    resources: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Mapping[str, int]]:
        return {"originals": dict(self.originals), "resources": dict(self.resources)}


class Replay:
    """Replays of one source."""

    def __init__(self, desk: Desk, source: Source, normaliser: Normaliser, entropy: Entropy) -> None:
        self._desk = desk
        self._source = source
        self._normaliser = normaliser
        self._entropy = entropy

    async def run(self, act: Act | None, at: datetime, *, since: str = "", id: str | None = None) -> Replayed:
        """`act` None: nothing is changed or logged. `since`: FHIR instant of receipt; `id`: that one alone.

        Raises `LookupError` for an id that is no original of this source.
        """
        chosen = await self._desk.database.read(lambda c: self._chosen(c, since, id))
        if id is not None and not chosen:
            raise LookupError("no such original of this source")
        done = Replayed()
        if act is not None:
            await self._log(act, at, {"begun": True, "since": since, "intake": id or ""})
        for one, pushed in chosen:
            await self._one(one, pushed, done, act is not None, at)
        if act is not None:
            await self._log(act, at, dict(done.to_json()))
        return done

    def _chosen(self, connection: Connection, since: str, id: str | None) -> list[tuple[str, bool]]:
        query = select(intake.c.id, intake.c.pushed).where(
            intake.c.source == self._source.id,
            intake.c.received >= since,
            intake.c.state.in_(("stored", "quarantined")),
        )
        if id is not None:
            query = query.where(intake.c.id == id)
        return [(row.id, bool(row.pushed)) for row in connection.execute(query.order_by(intake.c.arrival))]

    async def _one(self, id: str, pushed: bool, done: Replayed, write: bool, at: datetime) -> None:
        kept, body = await self._desk.database.read(lambda c: self._opened(c, id))
        if kept is None or (kept.state == "quarantined" and not pushed):
            done.originals["skipped"] += 1
            return
        taken = await self._taken(kept, body, pushed, at)
        found = await self._desk.database.read(lambda c: _compared(c, taken))
        if write and found - Counter(same=found["same"]):
            documents = await documents_of(self._desk, taken, at)
            try:
                await self._desk.database.write(lambda c: self._enter(c, taken, documents, instant(at)))
            except KeyErased:  # about somebody who was erased since: nothing is said of her again
                done.originals["skipped"] += 1
                return
        done.resources += found
        done.originals[_word(kept, taken, found)] += 1

    def _opened(self, connection: Connection, id: str) -> tuple[Kept | None, bytes]:
        store = self._desk.originals(connection)
        try:
            return required(store.get(id)), store.body(id)
        except KeyErased:
            return None, b""

    async def _taken(self, kept: Kept, body: bytes, pushed: bool, at: datetime) -> Taken:
        original = Original(body, kept.media_type, intake=kept.intake)
        source, normaliser, person = self._source, self._normaliser, None if pushed else kept.person
        if source.kind == "hospital" and kept.media_type != MEDIA_TYPE:
            source, normaliser, person = as_documents(source), normaliser_of(original), kept.person
        taken = await self._desk.normalised(original, kept.arrival, source, normaliser, at, person)
        return replace(taken, at=datetime.fromisoformat(kept.seen))

    def _enter(self, connection: Connection, taken: Taken, documents: tuple[Document, ...], at: str) -> None:
        room = self._desk.room(connection)
        store = self._desk.originals(connection)
        required(store.get(taken.intake, lock=True))
        refs = {*said_by(connection, taken.intake), *(piece.ref for piece in taken.prepared.pieces)}
        before = {ref: room.records.current(ref) for ref in sorted(refs)}
        silent = withdraw(
            connection, room.vault, taken.intake, at=at, settle=lambda ref: self._settle(room, taken, ref)
        )
        effect = self._desk.apply(connection, room, taken)
        drop_losses(connection, taken.intake)
        self._desk.settle(connection, room, taken, effect)
        said = said_by(connection, taken.intake)
        for ref in silent:
            if ref not in said:
                room.records.leave(ref, ())
        after = {ref: room.records.current(ref) for ref in refs}
        held = {
            ref: was.version
            for ref, was in before.items()
            if was and (now := after[ref]) and was.body == now.body
        }
        keep_versions(connection, held)
        new = [one for one in documents if store.same_bytes(self._source.id, _hash(one), pushed=True) is None]
        if effect.quarantine is None and new:
            enter_documents(self._desk, connection, room, tuple(new))

    def _settle(self, room: Room, taken: Taken, ref: str) -> None:
        """What others still say of a resource of a hospital is folded as if this one had not spoken."""
        if taken.source.kind != "hospital" or ref.partition("/")[0] not in fold.FOLDED:
            return
        state = state_of(room, ref)
        if state is not None:
            facts = self._desk.digest(state.resource, custodian=taken.source.custodian, patients=())
            body = codec.encode(state.resource)
            room.records.amend(ref, body, facts, memory=state.memory(), new_version=False)

    async def _log(self, act: Act, at: datetime, about: Mapping[str, object]) -> None:
        detail = {"view": "replay", "source": self._source.id, "by": act.by, "reason": act.reason, **about}
        entry = Entry("report", int(at.timestamp()), detail=detail)

        def unit(connection: Connection) -> None:
            vault = self._desk.room(connection).vault
            ledger.append(connection, entry, me=act.me, vault=vault, entropy=self._entropy)

        await self._desk.database.write(unit)


def _compared(connection: Connection, taken: Taken) -> Counter[str]:
    """Resources that would be added, changed, withdrawn, or stay the same."""
    now = {p.ref: (p.content, *taken.place(p)) for p in taken.prepared.pieces if not p.ref.startswith(_OWN)}
    if taken.batch.quarantine:
        now = {}
    stands = {
        ref: (row.content, row.event_time, row.sequence, row.rank, row.arrival)
        for ref, row in said_by(connection, taken.intake).items()
        if not ref.startswith(_OWN)
    }
    both = now.keys() & stands.keys()
    same = sum(now[ref] == stands[ref] for ref in both)
    found = {
        "added": len(now.keys() - stands.keys()),
        "changed": len(both) - same,
        "withdrawn": len(stands.keys() - now.keys()),
        "same": same,
    }
    return Counter({name: count for name, count in found.items() if count})


def _word(kept: Kept, taken: Taken, found: Counter[str]) -> str:
    if taken.batch.quarantine:
        return "quarantined" if kept.state == "stored" else "same"
    if kept.state == "quarantined":
        return "stored"
    return "same" if not (found - Counter(same=found["same"])) else "changed"


def _hash(document: Document) -> bytes:
    return sha256(document.original.body).digest()
