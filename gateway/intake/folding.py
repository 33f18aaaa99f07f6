"""The state that a hospital's message brings about: computed before patients are linked, kept afterwards."""

from collections.abc import Mapping

from adapters import codec
from adapters.hospital import fold
from adapters.hospital.acts import REPLACED_BY, act_from_bytes
from adapters.hospital.scenario import about, merged_away
from adapters.losses import Losses
from gateway.intake.interface import Digest
from gateway.intake.prepare import Piece, Taken
from gateway.intake.states import heirs, state_after, state_of
from gateway.records.interface import JSON, Put, Record
from gateway.records.room import Room


def folded_refs(taken: Taken) -> list[str]:
    """Resources whose state is more than their latest contribution."""
    if taken.source.kind != "hospital":
        return []
    return [p.ref for p in taken.prepared.pieces if p.ref.partition("/")[0] in fold.FOLDED]


def held_of(room: Room, taken: Taken) -> dict[str, Record | None]:
    """What is on record of everything that the message says and that folds; nobody else changes it now."""
    refs = folded_refs(taken)
    if refs:
        room.records.hold(refs)
    return {ref: room.records.current(ref) for ref in refs}


class Folding:
    """The fold of one message. Other kinds of source fold nothing."""

    def __init__(self, room: Room, taken: Taken, held: Mapping[str, Record | None], digest: Digest) -> None:
        """`held`: by `held_of`."""
        self._room, self._taken, self._digest = room, taken, digest
        refs = set(folded_refs(taken))
        self._pieces = [piece for piece in taken.prepared.pieces if piece.ref in refs]
        self._before = {ref: held[ref] if ref in held else room.records.current(ref) for ref in sorted(refs)}
        self._states = {
            piece.ref: state_after(room, piece, self._before[piece.ref], taken.place(piece))
            for piece in self._pieces
        }

    def patient(self, said: JSON) -> JSON:
        """The Patient as she stands after the message, by whom she is linked."""
        state = self._states.get(f"Patient/{said['id']}")
        return said if state is None else state.resource

    def losses(self) -> Losses:
        """The ledger, with a remark for each Patient that is named although another replaces it (S15)."""
        losses = self._taken.batch.losses
        lines = [merged_away(piece.ref) for piece in self._pieces if self._names_merged(piece)]
        if not lines:
            return losses
        return Losses(losses.total, losses.mapped, (*losses.entries, *lines), losses.unreadable)

    def _names_merged(self, piece: Piece) -> bool:
        act = act_from_bytes(piece.act)
        types = {link["type"] for link in self._states[piece.ref].links.values()}
        return piece.ref.startswith("Patient/") and REPLACED_BY in types and not (act.links or act.unlinks)

    def keep(self, put: Put) -> None:
        """After the contributions are stored: the states, as far as they show anything else."""
        for piece in self._pieces:
            state = self._states[piece.ref]
            in_order = piece.ref not in put.older
            if piece.ref in put.unchanged and self._is_as_before(piece.ref, state):
                continue
            self._amend(piece.ref, state, new_version=not in_order)
            if not piece.ref.startswith("Patient/"):
                self._settle_members(piece, state)
            for heir in heirs(piece.ref, state):
                if heir not in self._states:
                    self._follow(heir)

    def _is_as_before(self, ref: str, state: fold.State) -> bool:
        before = self._before[ref]
        return before is not None and _unsigned(codec.decode_own(before.body)) == _unsigned(state.resource)

    def _amend(self, ref: str, state: fold.State, *, new_version: bool) -> None:
        resource = state.resource
        body = codec.encode(resource)
        facts = self._digest(resource, custodian=self._taken.source.custodian, patients=())
        self._room.records.amend(ref, body, facts, memory=state.memory(), new_version=new_version)

    def _settle_members(self, piece: Piece, state: fold.State) -> None:
        """A visit that was moved is of one record alone."""
        whose = about(state.resource)
        before = self._before[piece.ref]
        if whose and (whose not in piece.patients or (before and before.patient != whose)):
            self._room.records.leave(piece.ref, (whose,))

    def _follow(self, ref: str) -> None:
        state = state_of(self._room, ref)
        if state is not None:
            self._amend(ref, state, new_version=True)


def _unsigned(resource: JSON) -> JSON:
    """Without the intake that it came by."""
    return resource | {"meta": {**resource.get("meta", {}), "source": ""}}
