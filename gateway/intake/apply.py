"""What one original does to the records, in one unit of work (normalisation.md 1, "the way of a message").

1. Quarantined by its normaliser: nothing of it enters a record.
2. Asked about somebody (a pull): each Patient in it must be that person by the certain rule, else the whole
   original is quarantined `wrong-patient`, before the index has seen it.
   The same record of a source with no name in common and another birth date is another person's, filed under
   the wrong number; so is one that answers a question under another national number than it had, and a visit,
   order or result that is somebody else's on record (S24).
3. Patients are linked, which gives the persons and the keys that records are sealed under.
4. Contributions are stored; the store folds by resource.
5. What a hospital's messages say of one resource is folded: what a later message does not mention stays, and
   silence never lowers a mark. Out of order, the whole history of its key is folded again.
A unit that fails by a defect of ours is undone alone and quarantined; a database error is not caught here.
"""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from adapters import codec
from adapters.hospital import fold
from adapters.interface import Identifier, Source, SourceBatch
from adapters.times import instant
from gateway.intake.interface import Digest
from gateway.intake.prepare import Piece, Prepared
from gateway.logs import log
from gateway.records import match
from gateway.records.interface import JSON, Contribution, KeyErased, Record
from gateway.records.room import Room

_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Taken:
    """An original that is kept, and what its normaliser made of it."""

    intake: str
    arrival: int
    source: Source
    at: datetime
    batch: SourceBatch
    prepared: Prepared
    asked: tuple[Identifier, ...] = ()
    person: str | None = None
    """Whom a pull was about; None: whoever `asked` leads to."""


@dataclass(frozen=True, slots=True)
class Effect:
    """`quarantine` set: nothing entered a record. `persons`: whose records it went into."""

    quarantine: str | None = None
    persons: tuple[str, ...] = ()

    @property
    def person(self) -> str | None:
        return self.persons[0] if len(self.persons) == 1 else None


def apply(connection: Connection, room: Room, taken: Taken, digest: Digest) -> Effect:
    """Bring an original into the records; see the module."""
    if taken.batch.quarantine:
        return Effect(taken.batch.quarantine)
    try:
        with connection.begin_nested():
            return _enter(room, taken, digest)
    except KeyErased:
        room.vault.forget()
        return Effect("erased")
    except (SQLAlchemyError, OSError):
        raise
    except Exception as error:
        room.vault.forget()
        where = traceback.extract_tb(error.__traceback__)[-1]
        log.error(
            "intake_defect",
            source=taken.source.id,
            intake=taken.intake,
            error=type(error).__name__,
            file=where.filename,
            line=where.lineno,
        )
        return Effect("mapping-defect")


def _enter(room: Room, taken: Taken, digest: Digest) -> Effect:
    source = taken.source
    where = {"custodian": source.custodian, "source": source.id}
    expected = taken.person or room.index.resolve(taken.asked).person
    if expected is not None:
        expected = room.index.person_of(expected)
        if any(room.index.preview(one, **where) != expected for one in taken.prepared.patients):
            return Effect("wrong-patient")
    before = {ref: room.records.current(ref) for ref in _folded_refs(taken)}
    mixed_up = any(_is_mixed_up(room, one, where, expected) for one in taken.prepared.patients)
    if mixed_up or _takes_over(room, taken, before, where):
        log.error("wrong_patient", source=source.id, intake=taken.intake)
        return Effect("wrong-patient")
    persons = {
        f"Patient/{one['id']}": room.index.link(one, **where, at=taken.at).person
        for one in taken.prepared.patients
    }
    contributions = [_contribution(room, taken, piece, persons) for piece in taken.prepared.pieces]
    put = room.records.put(contributions, seen=instant(taken.at))
    for piece in taken.prepared.pieces:
        if piece.ref in before and piece.ref not in put.created:
            _fold(room, taken, piece, None if piece.ref in put.older else before[piece.ref], digest)
    return Effect(None, tuple(dict.fromkeys(persons.values())))


def _is_mixed_up(room: Room, patient: JSON, where: Mapping[str, str], asked: str | None) -> bool:
    """Whether this record of the source was about somebody else before."""
    held = room.records.current(f"Patient/{patient['id']}")
    if held is None:
        return False
    before = match.features_from_patient(codec.decode_own(held.body), **where)
    now = match.features_from_patient(patient, **where)
    # A feed may correct a number by its own messages; an answer about one person never renumbers another.
    renumbered = asked is not None and match.has_another_number(before, now)
    return renumbered or match.is_somebody_else(before, now)


def _takes_over(
    room: Room, taken: Taken, before: Mapping[str, Record | None], where: Mapping[str, str]
) -> bool:
    """Whether a visit, order or result that is one person's on record would become another's (S24).

    Neither record is changed: which of the two is right is for a person to say. Moves say so themselves.
    """
    held = {
        ref: record.patient for ref, record in before.items() if record and not ref.startswith("Patient/")
    }
    if not held:
        return False
    own = {room.index.preview(one, **where) for one in taken.prepared.patients}
    return any(room.index.person_of(patient) not in own for patient in held.values())


def _contribution(room: Room, taken: Taken, piece: Piece, persons: dict[str, str]) -> Contribution:
    """Sealed under the person it is about; under a key of its own when it is nobody's or several people's."""
    key = piece.ref
    if not piece.shared and len(piece.patients) == 1:
        patient = piece.patients[0]
        key = persons.get(patient) or room.index.person_of(patient) or piece.ref
    return Contribution(
        ref=piece.ref,
        body=piece.body,
        content=piece.content,
        digest=piece.digest,
        custodian=taken.source.custodian,
        source=taken.source.id,
        intake=taken.intake,
        patients=piece.patients,
        key=key,
        event_time=taken.batch.event_time,
        sequence=max(-_MOST, min(taken.batch.sequence, _MOST)),
        rank=piece.rank,
        arrival=taken.arrival,
    )


def _folded_refs(taken: Taken) -> list[str]:
    """Resources whose state is more than their latest contribution."""
    if taken.source.kind != "hospital":
        return []
    return [p.ref for p in taken.prepared.pieces if p.ref.partition("/")[0] in fold.FOLDED]


def _fold(room: Room, taken: Taken, piece: Piece, before: Record | None, digest: Digest) -> None:
    """Fold what happened now onto the state before; the whole history when it came out of order (None)."""
    latest = codec.decode_own(piece.body)
    if before is not None:
        said = [
            fold.Contribution("", 0, 0, codec.decode_own(before.body)),
            fold.Contribution("~", 0, 0, latest),
        ]
        newest = piece.body
    else:
        history = room.records.history(piece.ref)
        said = [
            fold.Contribution(one.event_time, one.sequence, one.arrival, codec.decode_own(one.body))
            for one in history
        ]
        newest = max(zip(history, said, strict=True), key=lambda pair: fold.order_of(pair[1]))[0].body
    state = fold.fold(said)[piece.ref]
    body = codec.encode(state)
    if body == newest:
        room.records.amend(piece.ref, None)
        return
    facts = digest(state, custodian=taken.source.custodian, patients=())
    room.records.amend(piece.ref, body, facts, new_version=before is None)
