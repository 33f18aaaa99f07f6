"""The last step of every mapping: nothing leaves a normaliser that is not R4 (normalisation.md 1, rule 12).

1 every resource is checked · 2 what is wrong with one is mended, or the resource fails · 3 references to one
that failed become logical · 4 what was lost moves from mapped to lost in the ledger. Who fails as a Patient
takes the whole input with her: nobody could say whose record the rest is.
"""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from adapters.boundary.mend import Line, Mended, Steps, mend
from adapters.boundary.sieve import passes
from adapters.interface import JSON, Normaliser, Original, Source, SourceBatch
from adapters.losses import REASONS, LossEntry, Losses

Lacking = Literal["mapping-defect", "unreadable"]
UNRESOLVED = "urn:carepact:unresolved"


class CheckedNormaliser:
    """A `Normaliser` whose every batch has passed the boundary check.

    `lacking`: whose fault it is if a resource lacks what nothing may stand in for: a mapping's of ours, or,
    where resources leave as they came, the source's (`unreadable`).
    """

    def __init__(self, inner: Normaliser, lacking: Lacking = "mapping-defect") -> None:
        self.inner = inner
        self._lacking: Lacking = lacking

    def normalise(self, original: Original, source: Source, at: datetime) -> SourceBatch:
        """Pure; never raises on data."""
        return checked(self.inner.normalise(original, source, at), self._lacking)


def checked(batch: SourceBatch, lacking: Lacking = "mapping-defect") -> SourceBatch:
    """The batch as it may go on: the very same if every resource is valid R4."""
    held = [*batch.resources, *([batch.provenance] if batch.provenance else [])]
    if all(map(passes, held)):
        return batch
    results = [mend(resource) for resource in held]
    if all(result.resource is resource for resource, result in zip(held, results, strict=True)):
        return batch
    account = _Account(batch.losses, lacking)
    for resource, result in zip(held, results, strict=True):
        account.enter(resource, result)
    failed = {_ref(r) for r, result in zip(held, results, strict=True) if result.resource is None}
    if any(ref.startswith("Patient/") for ref in failed):
        losses = _nothing(batch.losses, lacking)
        return SourceBatch((), None, losses, batch.mapping, quarantine=lacking)
    kept = [_without(result.resource, failed, account) for result in results if result.resource is not None]
    provenance = kept.pop() if batch.provenance and results[-1].resource is not None else None
    resources = tuple(one for one in kept if one is not None)
    return replace(batch, resources=resources, provenance=provenance, losses=account.close())


class _Account:
    """Lines of the check, and how many items they move from mapped to lost."""

    def __init__(self, losses: Losses, lacking: Lacking) -> None:
        self._losses = losses
        self._lacking = lacking
        self._mapped = losses.mapped
        self._entries: list[LossEntry] = []

    def enter(self, resource: JSON, result: Mended) -> None:
        whole = result.resource is None
        for line in result.lines:
            items = 1 if line.assumed else min(line.items, self._mapped)
            self._mapped -= 0 if line.assumed else items
            if whole and line.reason in REASONS["failed"]:
                line = replace(line, reason=self._lacking)
            self._entries.append(_entry(resource, line, items, whole))

    def remark(self, resource: JSON, steps: Steps) -> None:
        """A reference to a resource that failed."""
        path = _path(resource["resourceType"], steps)
        self._entries.append(LossEntry(path, 1, "altered", "dangling-reference", resource=_ref(resource)))

    def close(self) -> Losses:
        return replace(self._losses, mapped=self._mapped, entries=(*self._losses.entries, *self._entries))

    def nothing(self) -> Losses:
        """All of the input failed."""
        return _nothing(self._losses, self._lacking)


class Gate:
    """The same check over resources that come one by one, for an input too large to hold. Steps as above.

    `enter` each, in order; then, if any `failed`, `finish` each that was kept; then `close`. `losses`: sums
    of the input; its lines stay with the caller.
    """

    def __init__(self, losses: Losses, lacking: Lacking = "mapping-defect") -> None:
        self._account = _Account(losses, lacking)
        self.failed: set[str] = set()

    def enter(self, resource: JSON) -> JSON | None:
        """Steps 1 and 2: as it may go on; None where it fails."""
        result = mend(resource)
        if result.resource is not resource:
            self._account.enter(resource, result)
        if result.resource is None:
            self.failed.add(_ref(resource))
        return result.resource

    @property
    def is_shut(self) -> bool:
        """A Patient failed, and with her the whole input."""
        return any(ref.startswith("Patient/") for ref in self.failed)

    def finish(self, resource: JSON) -> JSON | None:
        """Step 3: without references to what failed; None for a Provenance of nothing."""
        return _without(resource, self.failed, self._account)

    def close(self) -> Losses:
        """Step 4."""
        return self._account.nothing() if self.is_shut else self._account.close()


def _entry(resource: JSON, line: Line, items: int, whole: bool) -> LossEntry:
    kind = str(resource["resourceType"])
    position, target = _path(kind, line.steps), _path(kind, [s for s in line.steps if isinstance(s, str)])
    if line.assumed:
        return LossEntry(position, items, "assumed", line.reason, target, _ref(resource))
    if whole and line.reason in REASONS["failed"]:
        return LossEntry(position, items, "failed", line.reason, target)
    return LossEntry(position, items, "rejected", line.reason, target, None if whole else _ref(resource))


def _path(kind: str, steps: Iterable[str | int]) -> str:
    """FHIRPath in the R4 resource: the check cannot see where in the input a value came from.

    A member that R4 does not know may be called anything; it is the input's word and stays out.
    """
    words = (f"[{s}]" if isinstance(s, int) else f".{s if s.isidentifier() else '?'}" for s in steps)
    return kind + "".join(words)


def _ref(resource: JSON) -> str:
    return f"{resource['resourceType']}/{resource.get('id')}"


def _nothing(losses: Losses, reason: Lacking) -> Losses:
    items = max(losses.total, 1)
    return Losses(items, 0, (LossEntry("", items, "failed", reason),))


def _without(resource: JSON, failed: set[str], account: _Account) -> JSON | None:
    """The resource without literal references to what failed; None for a Provenance of nothing."""
    if not failed or not any(one["reference"] in failed for one, _ in _references(resource, ())):
        return resource
    made = deepcopy(resource)
    if made["resourceType"] == "Provenance":
        made["target"] = [one for one in made["target"] if one.get("reference") not in failed]
        if not made["target"]:
            return None
    for one, steps in list(_references(made, ())):
        if one["reference"] in failed:
            one["identifier"] = one.get("identifier") or {"system": UNRESOLVED, "value": one["reference"]}
            del one["reference"]
            account.remark(made, steps)
    return made


def _references(value: Any, steps: Steps) -> Iterator[tuple[dict[str, Any], Steps]]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value, steps
        for name, child in value.items():
            yield from _references(child, (*steps, name))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from _references(child, (*steps, place))
