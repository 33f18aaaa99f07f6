"""State by key: a pure fold over all contributions (normalisation.md 3.4).

Contributions are sorted by event, so out of order equals in order and a replay changes nothing. Patient,
Encounter, Appointment and ServiceRequest fold by element (elements.py). All others fold by resource: the
latest event wins. Marks in `meta.security` are never lowered by a message that says nothing about them.

1. Sort by event time, MSH-13, rank, arrival.
2. A cancel takes the latest event that it names out of the history; what it repeats of that says nothing.
3. A visit under a new number starts from the history of its former number.
4. Fold what is left; links lie over it (overlay.py) and are folded apart, so that an unlink is exact.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.codec import decode_own, encode
from adapters.hospital.acts import CANCELS, UNDOING, Act
from adapters.hospital.elements import fold_elements
from adapters.hospital.labels import folded
from adapters.hospital.overlay import bare, shown
from adapters.interface import JSON

BY_ELEMENT = frozenset({"Patient", "Encounter", "Appointment", "ServiceRequest"})
FOLDED = BY_ELEMENT | frozenset(
    """DiagnosticReport Observation Specimen AllergyIntolerance Condition DocumentReference Immunization
    Procedure MedicationRequest MedicationAdministration MedicationDispense""".split()
)
"""Types whose state is more than their latest contribution."""
_LISTS = {"DiagnosticReport": ("result", "specimen")}
"""Lists to which a later message adds: results that it does not repeat stay (S25)."""
_RANK = {
    status: rank
    for rank, status in enumerate(
        "registered preliminary partial final amended corrected cancelled entered-in-error".split(), 1
    )
}
_KEPT_BY_CANCEL = frozenset({"resourceType", "id", "meta", "status", "subject", "identifier", "contained"})


@dataclass(frozen=True, slots=True)
class Contribution:
    """One resource as one message said it. `arrival` is the order of intake, unique in the source."""

    event_time: str
    sequence: int
    arrival: int
    resource: JSON
    act: Act = field(default_factory=Act)

    @property
    def reference(self) -> str:
        return f"{self.resource['resourceType']}/{self.resource['id']}"


@dataclass(frozen=True, slots=True)
class State:
    """What is known under one key: what was said of it, and its links."""

    said: JSON
    links: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def resource(self) -> JSON:
        """As it shows."""
        return shown(self.said, self.links)

    def memory(self) -> bytes:
        """What does not show and is needed to go on from here; empty if all of it shows."""
        return encode({"said": self.said, "links": dict(self.links)}) if self.links else b""


def state_from_memory(resource: JSON, memory: bytes) -> State:
    """The inverse: a resource as it shows, and its `memory`."""
    if not memory:
        return State(resource)
    kept: dict[str, Any] = decode_own(memory)
    return State(kept["said"], kept["links"])


def rank_of(resource: Mapping[str, Any], act: Act) -> int:
    """Of two statements at the same time and sequence the higher rank counts later (S21)."""
    status = resource.get("status")
    rank = _RANK.get(status, 0) if isinstance(status, str) else 0
    return max(rank, 1 if act.is_cancel or act.unlinks else 0)


def order_of(one: Contribution) -> tuple[str, int, int, int]:
    """Sort key."""
    return one.event_time, one.sequence, rank_of(one.resource, one.act), one.arrival


def fold(contributions: Iterable[Contribution]) -> dict[str, JSON]:
    """`Type/id` to its current resource; the order in which contributions come does not matter."""
    return {reference: state.resource for reference, state in fold_states(contributions).items()}


def fold_states(contributions: Iterable[Contribution]) -> dict[str, State]:
    """The same with what does not show. References stand in the order of their first event."""
    by_reference: dict[str, list[Contribution]] = {}
    for one in sorted(contributions, key=order_of):
        by_reference.setdefault(one.reference, []).append(one)
    return {
        reference: fold_one(own, [by_reference.get(former, []) for former in taken_by(own)])
        for reference, own in by_reference.items()
    }


def taken_by(history: Iterable[Contribution]) -> list[str]:
    """Former numbers whose history this one's begins with."""
    return list(dict.fromkeys(one.act.takes for one in history if one.act.takes))


def fold_one(history: Sequence[Contribution], former: Iterable[Sequence[Contribution]] = ()) -> State:
    """State under one key. `former`: histories of its former numbers. Raises `ValueError` without any."""
    reference = history[0].reference
    id = reference.partition("/")[2]
    earlier = [
        replace(one, resource=one.resource | {"id": id}, act=replace(one.act, links={}, unlinks=()))
        for part in former
        for one in part
        if not one.act.stub
    ]
    state: State | None = None
    for one in _counting(sorted([*history, *earlier], key=order_of)):
        state = advance(state, one)
    if state is None:
        raise ValueError("a state needs a contribution")
    return state


def advance(state: State | None, one: Contribution) -> State:
    """The state after one more event, where that is later than all others and takes none of them back."""
    said = bare(one.resource, one.act)
    links = dict(state.links) if state else {}
    for other in one.act.unlinks:
        links.pop(other, None)
    links |= one.act.links
    if state is not None:
        said = _marked(state.said, _joined(state.said, said, one.act))
    if one.act.event == "A13":
        said = _without_end(said)
    return State(said, links)


def _counting(history: list[Contribution]) -> list[Contribution]:
    """What still counts: without the events that were cancelled and what a cancel repeats of them."""
    kept: list[Contribution] = []
    for one in history:
        if one.act.event in UNDOING:
            gone = next((n for n in reversed(range(len(kept))) if _cancels(one, kept[n])), None)
            if gone is not None:
                cancelled = kept.pop(gone)
                one = _beside(one, cancelled) if kept else one
        kept.append(one)
    return kept


def _cancels(cancel: Contribution, one: Contribution) -> bool:
    return one.act.event in CANCELS[cancel.act.event]


def _beside(cancel: Contribution, cancelled: Contribution) -> Contribution:
    repeated = {
        name
        for name, value in cancel.resource.items()
        if name not in _KEPT_BY_CANCEL and cancelled.resource.get(name) == value
    }
    rest = {name: value for name, value in cancel.resource.items() if name not in repeated}
    return replace(cancel, resource=rest)


def _joined(known: JSON, later: JSON, act: Act) -> JSON:
    if later["resourceType"] in BY_ELEMENT:
        return fold_elements(known, later, act)
    if act.stub:
        return known
    made = dict(later)
    for name in _LISTS.get(later["resourceType"], ()):
        if name in known:
            now = later.get(name, [])
            made[name] = [*known[name], *(one for one in now if one not in known[name])]
    if later["resourceType"] == "DocumentReference" and not _has_content(later) and "content" in known:
        made["content"] = known["content"]
    return made


def _has_content(document: JSON) -> bool:
    """Whether any attachment holds or points at something (S28)."""
    attachments = [one.get("attachment", {}) for one in document.get("content", ())]
    return any("data" in one or "url" in one for one in attachments)


def _without_end(visit: JSON) -> JSON:
    """A cancelled discharge ends nothing (S06)."""
    if "end" not in visit.get("period", {}):
        return visit
    period = {name: moment for name, moment in visit["period"].items() if name != "end"}
    rest = {name: value for name, value in visit.items() if name != "period"}
    return rest | ({"period": period} if period else {})


def _marked(known: JSON, made: JSON) -> JSON:
    before = known.get("meta", {}).get("security", [])
    now = made.get("meta", {}).get("security", [])
    both = folded([*now, *before])
    return made if not before or both == now else made | {"meta": made.get("meta", {}) | {"security": both}}
