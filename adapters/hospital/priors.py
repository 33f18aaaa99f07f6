"""Whom a merge means by a number that keys no record (normalisation.md 3.4, S09 and S10). Pure.

MRG-1 may be any number of a patient: a national one, that of another department. The record that it is to
retire is the one of this source that bears it, if exactly one does; nobody chooses among several, and a
number that nobody is known by is a stub, which later messages may fill.
"""

from collections.abc import Callable, Collection
from dataclasses import replace

from adapters.hospital.refusal import renamed
from adapters.interface import JSON, SourceBatch
from adapters.losses import LossEntry

Bearers = Callable[[JSON], Collection[str] | None]
"""Of a Patient that holds nothing but identifiers, the `Patient/id` that bear one; None: several people."""


def with_known_priors(
    batch: SourceBatch, is_known: Callable[[str], bool], bearers: Bearers
) -> tuple[SourceBatch, tuple[str, ...]]:
    """The message with merges of the records that are meant, and which these are; a remark for each."""
    said = {f"{one['resourceType']}/{one['id']}": one for one in batch.resources}
    names: dict[str, str] = {}
    lines: list[LossEntry] = []
    unit = max((entry.unit for entry in batch.losses.entries), default=1)
    for merge in batch.merges:
        if merge.old not in said or merge.old in names or is_known(merge.old):
            continue
        found = bearers(said[merge.old])
        meant = None if found is None else set(found) - {merge.old, merge.new}
        if meant is None or len(meant) > 1:
            lines.append(LossEntry(merge.position, 1, "assumed", "no-key", unit=unit))
        elif meant and not meant & said.keys():
            names[merge.old] = meant.pop()
            line = LossEntry(merge.position, 1, "assumed", "patient", None, names[merge.old], unit)
            lines.append(line)
    if not lines:
        return batch, ()
    losses = replace(batch.losses, entries=(*batch.losses.entries, *lines))
    return renamed(replace(batch, losses=losses), names), tuple(names.values())
