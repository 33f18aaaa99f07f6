"""The loss ledger as JSON (`carepact-losses/1`, normalisation.md 10): positions and reasons, never values."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.interface import JSON
from adapters.losses import LossEntry, Status

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


class Tally:
    """Sums over the lines of an input, one line at a time, in their order."""

    def __init__(self) -> None:
        self._items: Counter[str] = Counter()
        self._worst: tuple[int, str] | None = None

    def add(self, entry: LossEntry) -> None:
        """One more line."""
        self._items[entry.disposition] += entry.items
        rank = _WORST.get(entry.disposition)
        if (
            rank is not None
            and entry.severity != "information"
            and (not self._worst or rank < self._worst[0])
        ):
            self._worst = rank, f"{entry.disposition}/{entry.reason}"

    @property
    def worst(self) -> str | None:
        """`disposition/reason` of the first of the gravest lines; None where none makes the input partial."""
        return self._worst[1] if self._worst else None

    @property
    def status(self) -> Status:
        """Of an input that could be read (`Losses.status`)."""
        return "partial" if self._worst else "complete"

    def counts(self, total: int, mapped: int) -> dict[str, int]:
        """`total = mapped + kept + lost`; `assumed` and `altered` are remarks on mapped items."""
        items = self._items
        sums = {"total": total, "mapped": mapped, "kept": items["kept"]}
        sums["lost"] = sum(items[name] for name in ("not-mapped", "rejected", "failed"))
        return sums | {name: items[name] for name in ("assumed", "altered")}


def report_head(input: Input, status: Status, counts: Mapping[str, int], provenances: Iterable[JSON]) -> JSON:
    """The ledger of one input but for its lines. `provenances` say what was assumed."""
    stated = {name: getattr(input, name) for name in Input.__dataclass_fields__}
    return {
        "schema": SCHEMA,
        "input": stated | {"intakes": list(input.intakes)},
        "status": status,
        "counts": dict(counts),
        "assumptions": assumptions_of(provenances),
    }


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
