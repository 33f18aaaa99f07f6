"""What a hospital's resources are after one more message (normalisation.md 3.4): the fold over the store.

In order, the new statement goes onto the state before. Out of order, or when it takes something back, the
whole history of its key is folded again; a visit under a new number begins with that of its former number.
"""

from collections.abc import Iterable

from adapters import codec
from adapters.hospital import fold
from adapters.hospital.acts import REPLACED_BY, REPLACES, act_from_bytes
from gateway.intake.prepare import Piece
from gateway.records.interface import JSON, Record
from gateway.records.room import Room


def state_after(
    room: Room, piece: Piece, held: Record | None, order: tuple[str, int, int, int]
) -> fold.State:
    """The state of one resource once `piece` counts. `held`: the record before; `order`: of the piece."""
    time, sequence, _, arrival = order
    one = fold.Contribution(time, sequence, arrival, codec.decode_own(piece.body), act_from_bytes(piece.act))
    before = fold.state_from_memory(codec.decode_own(held.body), held.memory) if held else None
    if held is not None and order > held.order and not (one.act.needs_history or _has_former(before)):
        return fold.advance(before, one)
    history = [*history_of(room, piece.ref), one] if held is not None else [one]
    return fold.fold_one(history, _former(room, history))


def state_of(room: Room, ref: str) -> fold.State | None:
    """The state of a resource by all that is stored of it; None if nothing is."""
    history = history_of(room, ref)
    return fold.fold_one(history, _former(room, history)) if history else None


def history_of(room: Room, ref: str) -> list[fold.Contribution]:
    """All contributions, oldest event first."""
    return [
        fold.Contribution(
            one.event_time, one.sequence, one.arrival, codec.decode_own(one.body), act_from_bytes(one.act)
        )
        for one in room.records.history(ref)
    ]


def heirs(ref: str, state: fold.State) -> list[str]:
    """Visits that go on under another number: what is said of this one is theirs too."""
    if not ref.startswith("Encounter/"):
        return []
    return [other for other, link in state.links.items() if link["type"] == REPLACED_BY]


def was_moved(room: Room, ref: str) -> bool:
    """Whether a message on record said that this is another patient's from then on."""
    return any(one.act.moved for one in history_of(room, ref))


def replaced_by(room: Room, patient: str) -> list[str]:
    """Records that replace this one, as it stands."""
    held = room.records.current(patient)
    return [] if held is None else _replacing(codec.decode_own(held.body))


def _has_former(state: fold.State | None) -> bool:
    """A visit that goes on under this number: what is known of it may be later than what it says itself."""
    links = state.links.values() if state and state.said["resourceType"] == "Encounter" else ()
    return any(link["type"] == REPLACES for link in links)


def _replacing(patient: JSON) -> list[str]:
    return [one["other"]["reference"] for one in patient.get("link", ()) if one["type"] == REPLACED_BY]


def _former(room: Room, history: Iterable[fold.Contribution]) -> list[list[fold.Contribution]]:
    return [history_of(room, former) for former in fold.taken_by(history)]
