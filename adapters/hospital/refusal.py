"""Taking back what a message says, in whole or in part, with its lines in the ledger. Pure.

A merge that would close a circle is refused with all that its patient group brought (S12, S13); a message
that speaks of one patient's result as another's is parked (S24), unless the first was told that it was never
hers: then the other gets a resource with an id of its own (S23).
"""

import base64
import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from adapters.hospital.acts import act_from_bytes, act_to_bytes
from adapters.hospital.overlay import bare, shown
from adapters.interface import JSON, Merge, SourceBatch
from adapters.losses import LossEntry, Losses

_NOBODYS = frozenset({"Practitioner", "Organization", "Location", "Provenance", "Basic"})


def parked(batch: SourceBatch, reason: str) -> SourceBatch:
    """Nothing of the message enters a record: all of it is `failed`. `reason`: also the quarantine."""
    total = batch.losses.total
    unit = max((entry.unit for entry in batch.losses.entries), default=1)
    line = LossEntry("MSH[1]", total, "failed", reason, unit=unit)
    return replace(
        batch, resources=(), provenance=None, losses=Losses(total, 0, (line,)), quarantine=reason, acts={},
        merges=(), handed_on=(),
    )  # fmt: skip


def without(batch: SourceBatch, refused: Collection[Merge]) -> SourceBatch:
    """The message without these merges; parked if they were all that it said of anybody."""
    if not refused:
        return batch
    gone = {ref for one in refused for ref in one.refs}
    kept = tuple(one for one in batch.resources if _ref(one) not in gone)
    if not any(one["resourceType"] not in _NOBODYS for one in kept):
        return parked(batch, "merge-cycle")
    acts = {ref: act for ref, act in batch.acts.items() if ref not in gone}
    standing = [{one.old, one.new} for one in batch.merges if one not in refused]
    for merge in refused:
        for ref, other in ((merge.old, merge.new), (merge.new, merge.old)):
            if ref in acts and {ref, other} not in standing:
                act = acts[ref]
                kept = tuple(_unlinked(one, act, other) if _ref(one) == ref else one for one in kept)
                acts[ref] = _without_link(acts[ref], other)
    unit = max((entry.unit for entry in batch.losses.entries), default=1)
    lines = [LossEntry(one.position, one.items, "failed", "merge-cycle", unit=unit) for one in refused]
    entries = (*batch.losses.entries, *(line for line in lines if line.items))
    mapped = batch.losses.mapped - sum(one.items for one in refused)
    return replace(
        batch,
        resources=kept,
        provenance=_narrowed(batch.provenance, gone),
        losses=replace(batch.losses, mapped=mapped, entries=entries),
        acts={ref: act for ref, act in acts.items() if act},
        merges=tuple(one for one in batch.merges if one not in refused),
    )


def closes_circle(merge: Merge, replaced_by: Callable[[str], Iterable[str]]) -> bool:
    """Whether the record that is to stand is itself, however far, replaced by the one that is to go."""
    seen: set[str] = set()
    open_ = [merge.new]
    while open_:
        ref = open_.pop()
        if ref == merge.old:
            return True
        if ref not in seen:
            seen.add(ref)
            open_ += replaced_by(ref)
    return False


def is_taken_back(held: Iterable[JSON]) -> bool:
    """Whether all on record was said to be an error: its results, if there are any, else everything."""
    return all_taken_back((one["resourceType"] == "Observation", is_error(one)) for one in held)


def all_taken_back(marks: Iterable[tuple[bool, bool]]) -> bool:
    """The same of what was noted of each: whether it is a result, and whether it was said to be an error."""
    marks = list(marks)
    results = [wrong for is_result, wrong in marks if is_result]
    return all(results or [wrong for _, wrong in marks])


def is_error(resource: JSON) -> bool:
    """Whether it is said to be `entered-in-error`."""
    codings = resource.get("verificationStatus", {}).get("coding", ())
    return resource.get("status") == "entered-in-error" or any(
        one.get("code") == "entered-in-error" for one in codings
    )


def own_id(reference: str, patient: str) -> str:
    """Reference of what was once filed under somebody else, as this patient's own (S23).

    Both are keyed hashes already, so a plain hash of them says nothing.
    """
    kind, _, id = reference.partition("/")
    digest = hashlib.sha256(f"{id}\x1f{patient}".encode()).digest()
    return f"{kind}/{base64.b32encode(digest).decode('ascii').lower()[:26]}"


def renamed(batch: SourceBatch, names: Mapping[str, str]) -> SourceBatch:
    """The message with resources under other ids, references included. `names`: `Type/id` to `Type/id`."""
    if not names:
        return batch
    provenance = batch.provenance
    return replace(
        batch,
        resources=tuple(_with_names(one, names) for one in batch.resources),
        provenance=_with_names(provenance, names) if provenance else None,
        acts={names.get(ref, ref): _act_with_names(act, names) for ref, act in batch.acts.items()},
        merges=tuple(_merge_with_names(one, names) for one in batch.merges),
        losses=replace(
            batch.losses,
            entries=tuple(
                entry._replace(resource=names.get(entry.resource or "", entry.resource))
                for entry in batch.losses.entries
            ),
        ),
    )


def _with_names(resource: JSON, names: Mapping[str, str]) -> JSON:
    made: JSON = _rewritten(resource, names)
    new = names.get(_ref(resource))
    return made | {"id": new.partition("/")[2]} if new else made


def _act_with_names(data: bytes, names: Mapping[str, str]) -> bytes:
    act = act_from_bytes(data)
    if not {*act.links, *act.unlinks, act.takes} & names.keys():
        return data
    links = {names.get(ref, ref): link for ref, link in act.links.items()}
    unlinks = tuple(names.get(ref, ref) for ref in act.unlinks)
    return act_to_bytes(replace(act, links=links, unlinks=unlinks, takes=names.get(act.takes, act.takes)))


def _merge_with_names(merge: Merge, names: Mapping[str, str]) -> Merge:
    refs = tuple(names.get(ref, ref) for ref in merge.refs)
    return replace(merge, old=names.get(merge.old, merge.old), new=names.get(merge.new, merge.new), refs=refs)


def _rewritten(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_rewritten(child, names) for child in node]
    if isinstance(node, dict):
        return {
            key: names.get(value, value)
            if key == "reference" and isinstance(value, str)
            else _rewritten(value, names)
            for key, value in node.items()
        }
    return node


def _unlinked(resource: JSON, data: bytes, other: str) -> JSON:
    act = act_from_bytes(data)
    return shown(bare(resource, act), {ref: link for ref, link in act.links.items() if ref != other})


def _without_link(data: bytes, other: str) -> bytes:
    act = act_from_bytes(data)
    return act_to_bytes(replace(act, links={ref: link for ref, link in act.links.items() if ref != other}))


def _narrowed(provenance: JSON | None, gone: Collection[str]) -> JSON | None:
    if provenance is None:
        return None
    targets = [one for one in provenance["target"] if one.get("reference") not in gone]
    return provenance | {"target": targets} if targets else None


def _ref(resource: JSON) -> str:
    return f"{resource['resourceType']}/{resource['id']}"
