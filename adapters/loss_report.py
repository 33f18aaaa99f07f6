"""The loss ledger as JSON (`carepact-losses/1`, normalisation.md 10): positions and reasons, never values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.interface import JSON
from adapters.losses import LossEntry, Losses

SCHEMA = "carepact-losses/1"
ASSUMPTION = "urn:carepact:assumption"
_WORST = {"failed": 0, "rejected": 1, "kept": 2}


@dataclass(frozen=True, slots=True)
class Input:
    """What was read. `format` None: nobody knows; `intakes`: ids that `meta.source` names."""

    name: str
    bytes: int
    sha256: str
    format: str | None
    source: str
    custodian: str
    intakes: tuple[str, ...]
    mapping: str


def report_from_losses(losses: Losses, input: Input, provenances: Iterable[JSON]) -> JSON:
    """The ledger of one input. `provenances`: those of its messages, which state what was assumed."""
    stated = {name: getattr(input, name) for name in Input.__dataclass_fields__}
    return {
        "schema": SCHEMA,
        "input": stated | {"intakes": list(input.intakes)},
        "status": losses.status,
        "counts": counts_of(losses),
        "assumptions": assumptions_of(provenances),
        "entries": [row_from_entry(entry) for entry in losses.entries],
    }


def counts_of(losses: Losses) -> dict[str, int]:
    """`total = mapped + kept + lost`; `assumed` and `altered` are remarks on mapped items."""
    remarks = {
        name: sum(entry.items for entry in losses.entries if entry.disposition == name)
        for name in ("assumed", "altered")
    }
    return {
        "total": losses.total,
        "mapped": losses.mapped,
        "kept": losses.kept,
        "lost": losses.lost,
    } | remarks


def row_from_entry(entry: LossEntry) -> JSON:
    """One line of the ledger."""
    return {
        "unit": entry.unit,
        "position": entry.position,
        "items": entry.items,
        "disposition": entry.disposition,
        "reason": entry.reason,
        "severity": entry.severity,
        "target": entry.target,
        "resource": entry.resource,
    }


def worst_of(losses: Losses) -> str | None:
    """`disposition/reason` of the first of the gravest lines; None where nothing made the input partial."""
    if losses.status == "complete":
        return None
    grave = [entry for entry in losses.entries if entry.disposition in _WORST]
    serious = [e for e in grave if e.severity == "error" or e.severity == "warning"]
    first = min(serious, key=lambda entry: _WORST[entry.disposition], default=None)
    return f"{first.disposition}/{first.reason}" if first else None


def assumptions_of(provenances: Iterable[JSON]) -> list[JSON]:
    """What was supplied in place of what the input did not say, summed; in order of first appearance.

    What a feed's settings say is an option here: this command has no feed.
    """
    sums: dict[tuple[str, str, str], int] = {}
    for provenance in provenances:
        for extension in provenance.get("extension", ()):
            if extension.get("url") == ASSUMPTION:
                kind, value, basis, items = _parts(extension.get("extension", ()))
                key = (kind, value, "option" if basis == "feed" else basis)
                sums[key] = sums.get(key, 0) + items
    return [
        {"kind": kind, "value": value, "basis": basis, "items": items}
        for (kind, value, basis), items in sums.items()
    ]


def _parts(extensions: Sequence[Mapping[str, Any]]) -> tuple[str, str, str, int]:
    said = {
        one["url"]: next((value for name, value in one.items() if name.startswith("value")), "")
        for one in extensions
    }
    return said.get("kind", ""), said.get("value", ""), said.get("basis", ""), int(said.get("items", 1))
