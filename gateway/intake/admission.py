"""What a hospital's message may not do to what is on record (normalisation.md 3.4).

0. A merge by a number that keys no record means the one record of the source that bears it; one of a record
   that another replaces already is remarked: both links stand.
1. A merge that would close a circle is refused with its patient group (S12, S13).
2. A visit, order or result that is one person's does not become another's: the message is quarantined
   `wrong-patient`, and neither record is changed (S24): which is right is for a person to say. Moves say so
   themselves. What was all said to be an error gives the other person a resource of its own (S23).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from adapters import codec
from adapters.hospital.acts import act_from_bytes
from adapters.hospital.priors import with_known_priors
from adapters.hospital.refusal import closes_circle, is_taken_back, own_id, parked, renamed, without
from adapters.hospital.scenario import about, with_conflicts
from adapters.interface import JSON, Identifier, Merge, Source, SourceBatch
from gateway.intake.folding import folded_refs
from gateway.intake.interface import Digest
from gateway.intake.prepare import Piece, Taken, prepare
from gateway.intake.states import replaced_by, was_moved
from gateway.records.interface import Record
from gateway.records.room import Room


def admitted(room: Room, taken: Taken, held: Mapping[str, Record | None], digest: Digest) -> Taken:
    """The message as far as it may enter; its batch is quarantined if nothing may.

    `held`: what is on record of all that it says and that folds.
    """
    if taken.source.kind != "hospital":
        return taken
    if taken.batch.merges:
        taken = _with(taken, _meant(room, taken), digest)
        taken = _with(taken, without(taken.batch, list(_circles(room, taken.batch))), digest)
    strange = {} if taken.batch.quarantine else _strange(room, taken, held)
    if not strange:
        return taken
    if not is_taken_back(codec.decode_own(one.body) for one in strange.values()):
        return replace(taken, batch=parked(taken.batch, "wrong-patient"))
    names = {
        f"{one['resourceType']}/{one['id']}": own_id(f"{one['resourceType']}/{one['id']}", whose)
        for one in taken.batch.resources
        if f"{one['resourceType']}/{one['id']}" in strange and (whose := about(one))
    }
    return _with(taken, renamed(taken.batch, names), digest)


def _with(taken: Taken, batch: SourceBatch, digest: Digest) -> Taken:
    if batch is taken.batch:
        return taken
    prepared = prepare(batch, intake=taken.intake, custodian=taken.source.custodian, digest=digest)
    return replace(taken, batch=batch, prepared=prepared)


def _meant(room: Room, taken: Taken) -> SourceBatch:
    def is_known(ref: str) -> bool:
        return room.records.current(ref) is not None

    batch, found = with_known_priors(taken.batch, is_known, lambda one: _bearers(room, taken.source, one))
    if found:
        room.records.hold(found)  # it changes, and nobody else changes it meanwhile
    elsewhere = [one for one in batch.merges if set(replaced_by(room, one.old)) - {one.new}]
    return with_conflicts(batch, elsewhere)


def _bearers(room: Room, source: Source, patient: JSON) -> set[str] | None:
    """Records of the source that have one of these identifiers; None if they are several people's."""
    wanted = {(one.get("system", ""), one["value"]) for one in patient.get("identifier", ())}
    resolved = room.index.resolve([Identifier(*one) for one in sorted(wanted)])
    if resolved.state == "ambiguous":
        return None
    links = room.index.links(resolved.person) if resolved.person else ()
    own = (one.patient for one in links if (one.custodian, one.source) == (source.custodian, source.id))
    return {ref for ref in own if wanted & _identifiers(room, ref)}


def _identifiers(room: Room, patient: str) -> set[tuple[str, str]]:
    held = room.records.current(patient)
    said = codec.decode_own(held.body).get("identifier", ()) if held is not None else ()
    return {(one.get("system", ""), one.get("value", "")) for one in said}


def _circles(room: Room, batch: SourceBatch) -> Iterator[Merge]:
    said: dict[str, list[str]] = {}
    for one in batch.merges:
        if closes_circle(one, lambda ref: [*replaced_by(room, ref), *said.get(ref, ())]):
            yield one
        else:
            said.setdefault(one.old, []).append(one.new)


def _strange(room: Room, taken: Taken, held: Mapping[str, Record | None]) -> Mapping[str, Record]:
    """What is somebody else's on record than of whom the message speaks."""
    where = {"custodian": taken.source.custodian, "source": taken.source.id}
    own: set[str | None] | None = None
    found: dict[str, Record] = {}
    pieces = {piece.ref: piece for piece in taken.prepared.pieces}
    for ref in folded_refs(taken):
        record = None if ref.startswith("Patient/") else held[ref]
        if record is None:
            continue
        if own is None:
            own = {room.index.preview(one, **where) for one in taken.prepared.patients}
        if room.index.person_of(record.patient) in own or _may_move(room, taken, pieces[ref], record):
            continue
        found[ref] = record
    return found


def _may_move(room: Room, taken: Taken, piece: Piece, held: Record) -> bool:
    """It says so itself, or it is older than a move that is on record."""
    if act_from_bytes(piece.act).moved:
        return True
    return taken.place(piece) < held.order and was_moved(room, piece.ref)
