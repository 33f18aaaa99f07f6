"""Parting two records of a source that a merge joined, by a person's decision (normalisation.md 3.4, S14).

It is one more contribution to each, as an A37 of the source would be: later than all that is known of them,
so that no message that comes late joins them again. Consents that were recorded while the two were one stay
with the person they were recorded for: who parts them is told to look at them.
"""

from dataclasses import dataclass
from datetime import datetime

from adapters import codec
from adapters.hospital import fold
from adapters.hospital.acts import REPLACED_BY, REPLACES, Act, act_to_bytes
from adapters.times import instant, utc_key
from gateway.errors import Problem
from gateway.intake.interface import Digest
from gateway.intake.prepare import content_of
from gateway.records.interface import JSON, Contribution, Record
from gateway.records.room import Room


@dataclass(frozen=True, slots=True)
class Parted:
    """`before`: the person that both were; `after`: the persons that they are now, in the order asked."""

    before: str
    after: tuple[str, str]


def unmerge(room: Room, one: str, other: str, *, intake: str, at: datetime, digest: Digest) -> Parted:
    """Take every link between two Patients of one source away. `intake`: id under which this is on record.

    Raises `Problem`: `not_found` for a record that is not here, `conflict` for two that nothing links.
    """
    room.records.hold((one, other))
    held = [_held(room, ref) for ref in (one, other)]
    if not (_is_linked(held[0], other) and _is_linked(held[1], one)):
        raise Problem("conflict", hint="no merge links these two: carepact patient links")
    before = room.index.person_of(one) or one
    for record, gone in zip(held, (other, one), strict=True):
        _say(room, record, gone, intake, at, digest)
    for record in held:
        shown = codec.decode_own(_held(room, record.ref).body)
        room.index.link(shown, custodian=record.custodian, source=record.source, at=at)
    after = [room.index.person_of(ref) or ref for ref in (one, other)]
    return Parted(before, (after[0], after[1]))


def merged_links(patient: JSON) -> dict[str, str]:
    """Other records of the source to the type of the link, as a Patient shows them."""
    return {one["other"]["reference"]: one["type"] for one in patient.get("link", ())}


def _held(room: Room, ref: str) -> Record:
    record = room.records.current(ref)
    if record is None or record.type != "Patient":
        raise Problem("not_found", hint="carepact patient links --patient … shows the records")
    return record


def _is_linked(record: Record, other: str) -> bool:
    return merged_links(codec.decode_own(record.body)).get(other) in (REPLACES, REPLACED_BY)


def _say(room: Room, record: Record, gone: str, intake: str, at: datetime, digest: Digest) -> None:
    """One contribution that says nothing but that the link is gone, and the state after it."""
    act = Act(unlinks=(gone,))
    kind, _, id = record.ref.partition("/")
    said: JSON = {"resourceType": kind, "id": id}
    time, sequence, _, arrival = record.order
    one = fold.Contribution(max(time, utc_key(instant(at))), sequence, arrival + 1, said, act)
    state = fold.advance(fold.state_from_memory(codec.decode_own(record.body), record.memory), one)
    body, acted = codec.encode(said), act_to_bytes(act)
    contribution = Contribution(
        ref=record.ref,
        body=body,
        content=content_of(body, intake, acted),
        digest=digest(state.resource, custodian=record.custodian, patients=()),
        custodian=record.custodian,
        source=record.source,
        intake=intake,
        patients=(record.ref,),
        key=room.index.person_of(record.ref) or record.ref,
        event_time=one.event_time,
        sequence=one.sequence,
        rank=fold.rank_of(said, act),
        arrival=one.arrival,
        act=acted,
    )
    room.records.put([contribution], seen=max(record.seen, instant(at)))
    shown = state.resource
    facts = digest(shown, custodian=record.custodian, patients=())
    room.records.amend(record.ref, codec.encode(shown), facts, memory=state.memory(), new_version=False)
