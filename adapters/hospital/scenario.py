"""Several messages of one file, as the node would take them one after the other in the order of their events.

1. A message that was there already has no effect (S01); its control id with other bytes is refused (S02).
2. A merge that would close a circle is refused (S12).
3. A visit, order or result that is one person's stays hers: the message is parked (S24), unless all of it was
   said to be an error; then the other person gets a resource of his own (S23).
4. What names a merged record is remarked (S15).
5. A merge by a number that keys no record means the one record that bears it (priors.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from adapters.hospital.acts import act_from_bytes
from adapters.hospital.priors import with_known_priors
from adapters.hospital.refusal import (
    all_taken_back,
    closes_circle,
    is_error,
    own_id,
    parked,
    renamed,
    without,
)
from adapters.interface import JSON, Merge, SourceBatch
from adapters.losses import LossEntry, Losses

_ABOUT = ("subject", "patient")


def about(resource: JSON) -> str | None:
    """`Patient/id` of whom a resource is about; None for one that is nobody's."""
    for name in _ABOUT:
        element = resource.get(name)
        reference = element.get("reference") if isinstance(element, dict) else None
        if isinstance(reference, str) and reference.startswith("Patient/"):
            return reference
    return None


class Held(NamedTuple):
    """What has to be known of a resource that is there: no more, for there may be many."""

    about: str | None
    is_result: bool
    is_error: bool


@dataclass
class Ward:
    """What the messages so far have said; they come in the order of their events."""

    controls: dict[str, str] = field(default_factory=dict)
    """Control ids and the digest of the message that had each first."""
    held: dict[str, Held] = field(default_factory=dict)
    replaced_by: dict[str, set[str]] = field(default_factory=dict)
    kin: dict[str, set[str]] = field(default_factory=dict)
    """Identifier or Patient to all that are the same person by it."""
    bearers: dict[str, set[str]] = field(default_factory=dict)
    """Identifier to the Patients that were said to have it."""

    def take(self, batch: SourceBatch) -> SourceBatch:
        """One message. Returns it as far as it counts."""
        if batch.quarantine is not None:
            return batch
        if batch.control and batch.control in self.controls:
            return _repeated(batch, same=self.controls[batch.control] == batch.digest)
        self.controls[batch.control] = batch.digest
        batch, _ = with_known_priors(batch, self.held.__contains__, self._bearers)
        elsewhere = [one for one in batch.merges if self.replaced_by.get(one.old, set()) - {one.new}]
        batch = with_conflicts(batch, elsewhere)
        made = without(batch, list(self._circles(batch.merges)))
        for one in made.resources if made.quarantine is None else ():
            self._know(one)
        made = self._owned(made)
        if made.quarantine is None:
            self._enter(made)
            made = self._remarked(made)
        return made

    def _circles(self, merges: Sequence[Merge]) -> Iterator[Merge]:
        for one in merges:
            if closes_circle(one, lambda ref: self.replaced_by.get(ref, ())):
                yield one
            else:
                self.replaced_by.setdefault(one.old, set()).add(one.new)
                self._join(one.old, one.new)

    def _owned(self, batch: SourceBatch) -> SourceBatch:
        strange: dict[str, str] = {}
        for one in batch.resources:
            ref, whose = f"{one['resourceType']}/{one['id']}", about(one)
            held = self.held[ref].about if ref in self.held else None
            if whose and held and not self._are_one(whose, held) and not _moves(batch, ref):
                strange[ref] = whose
        if strange and not all_taken_back(self.held[ref][1:] for ref in strange):
            return parked(batch, "wrong-patient")
        return renamed(batch, {ref: own_id(ref, whose) for ref, whose in strange.items()})

    def _enter(self, batch: SourceBatch) -> None:
        for one in batch.resources:
            kind = one["resourceType"]
            self.held[f"{kind}/{one['id']}"] = Held(about(one), kind == "Observation", is_error(one))
        for ref, data in batch.acts.items():
            for other in act_from_bytes(data).unlinks:
                self.replaced_by.get(ref, set()).discard(other)
                self.replaced_by.get(other, set()).discard(ref)

    def _remarked(self, batch: SourceBatch) -> SourceBatch:
        linked = {ref for one in batch.merges for ref in (one.old, one.new)}
        named = [f"Patient/{one['id']}" for one in batch.resources if one["resourceType"] == "Patient"]
        merged = [ref for ref in named if self.replaced_by.get(ref) and ref not in linked]
        if not merged:
            return batch
        unit = max((entry.unit for entry in batch.losses.entries), default=1)
        lines = tuple(merged_away(ref, unit) for ref in merged)
        losses = replace(batch.losses, entries=(*batch.losses.entries, *lines))
        return replace(batch, losses=losses)

    def _know(self, resource: JSON) -> None:
        if resource["resourceType"] == "Patient":
            ref = f"Patient/{resource['id']}"
            for name in _names(resource):
                self._join(ref, name)
                self.bearers.setdefault(name, set()).add(ref)

    def _bearers(self, patient: JSON) -> set[str]:
        return set[str]().union(*(self.bearers.get(name, ()) for name in _names(patient)))

    def _join(self, one: str, other: str) -> None:
        both = self.kin.get(one, {one}) | self.kin.get(other, {other})
        self.kin |= dict.fromkeys(both, both)

    def _are_one(self, one: str, other: str) -> bool:
        return one == other or other in self.kin.get(one, ())


def _names(patient: JSON) -> list[str]:
    return [f"{one.get('system', '')}\x1f{one.get('value', '')}" for one in patient.get("identifier", ())]


def merged_away(reference: str, unit: int = 1) -> LossEntry:
    """The remark that a message named a record that another one replaces (S15)."""
    return LossEntry("PID[1]-3", 1, "assumed", "patient", resource=reference, unit=unit)


def _moves(batch: SourceBatch, ref: str) -> bool:
    return act_from_bytes(batch.acts.get(ref, b"")).moved


def with_conflicts(batch: SourceBatch, merges: Sequence[Merge]) -> SourceBatch:
    """A record that was merged into another one already is merged into this one too: both links stand."""
    if not merges:
        return batch
    unit = max((entry.unit for entry in batch.losses.entries), default=1)
    lines = tuple(LossEntry(one.position, 1, "altered", "conflict", unit=unit) for one in merges)
    if not lines:
        return batch
    return replace(batch, losses=replace(batch.losses, entries=(*batch.losses.entries, *lines)))


def _repeated(batch: SourceBatch, *, same: bool) -> SourceBatch:
    total = batch.losses.total
    unit = max((entry.unit for entry in batch.losses.entries), default=1)
    line = LossEntry("MSH[1]", total, "failed", "control-reused", unit=unit)
    if same:
        line = LossEntry("MSH[1]", total, "not-mapped", "duplicate", unit=unit)
    losses = Losses(total, 0, (line,))
    return replace(batch, resources=(), provenance=None, losses=losses, acts={}, merges=(), handed_on=())
