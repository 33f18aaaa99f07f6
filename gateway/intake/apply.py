"""What one original does to the records, in one unit of work (normalisation.md 1, "the way of a message").

1. Quarantined by its normaliser: nothing of it enters a record.
2. Asked about somebody (a pull): each Patient in it must be that person by the certain rule, else the whole
   original is quarantined `wrong-patient`, before the index has seen it.
   The same record of a source with no name in common and another birth date is another person's, filed under
   the wrong number; so is one that answers a question under another national number than it had.
   What a hospital's message may not do on record is refused (admission.py: S12, S24).
3. What a hospital's messages say of one resource is folded (folding.py): what a later message does not
   mention stays, and silence never lowers a mark. Patients are linked as they stand after that, which gives
   the persons and the keys that records are sealed under.
4. Contributions are stored, then the folded state.
A unit that fails by a defect of ours is undone alone and quarantined; a database error is not caught here.
"""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from adapters import codec
from adapters.hospital.refusal import parked
from adapters.interface import SourceBatch
from adapters.times import instant
from gateway.intake.admission import admitted
from gateway.intake.folding import Folding, held_of
from gateway.intake.interface import Digest
from gateway.intake.prepare import Piece, Taken
from gateway.logs import log
from gateway.records import match
from gateway.records.interface import JSON, Contribution, KeyErased
from gateway.records.room import Room


@dataclass(frozen=True, slots=True)
class Effect:
    """`quarantine` set: nothing entered a record. `persons`: whose records it went into."""

    quarantine: str | None = None
    persons: tuple[str, ...] = ()
    batch: SourceBatch | None = None
    """What was made of it in the end, where that is not what its normaliser said."""

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
    if any(_is_mixed_up(room, one, where, expected) for one in taken.prepared.patients):
        return _refused(taken, "wrong-patient")
    held = held_of(room, taken)
    taken = admitted(room, taken, held, digest)
    if taken.batch.quarantine:
        return _refused(taken, taken.batch.quarantine)
    folded = Folding(room, taken, held, digest)
    persons = {
        ref: room.index.link(folded.patient(one), **where, at=taken.at).person
        for one in taken.prepared.patients
        for ref in (f"Patient/{one['id']}",)
    }
    contributions = [_contribution(room, taken, piece, persons) for piece in taken.prepared.pieces]
    folded.keep(room.records.put(contributions, seen=instant(taken.at)))
    batch = replace(taken.batch, losses=folded.losses())
    return Effect(None, tuple(dict.fromkeys(persons.values())), batch)


def _refused(taken: Taken, reason: str) -> Effect:
    """Nothing of it entered a record, and every value of a hospital's message has its line."""
    if reason == "wrong-patient":
        log.error("wrong_patient", source=taken.source.id, intake=taken.intake)
    batch = taken.batch
    if taken.source.kind == "hospital" and batch.quarantine is None:
        batch = parked(batch, reason)
    return Effect(reason, batch=batch)


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
        sequence=taken.place(piece)[1],
        rank=piece.rank,
        arrival=taken.arrival,
        act=piece.act,
    )
