"""Every input of the shared corpus, converted once by the code of `carepact normalise`."""

import csv
import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from gateway.intake.single import Options, Single, normalise_input

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Converted:
    """One row of the manifest and what its input became."""

    row: dict[str, str]
    single: Single

    @property
    def path(self) -> str:
        return self.row["path"]

    @property
    def family(self) -> str:
        """Format folder and family: some families have inputs of two formats."""
        return "/".join(self.path.split("/")[:2])

    @cached_property
    def resources(self) -> list[dict[str, Any]]:
        return [entry["resource"] for entry in json.loads(self.single.bundle).get("entry", ())]

    @property
    def entries(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.single.losses["entries"]
        return found

    @property
    def items(self) -> Counter[str]:
        """Items of the lines by disposition."""
        return Counter({k: sum(e["items"] for e in self.entries if e["disposition"] == k)
                        for k in {e["disposition"] for e in self.entries}})  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without the corpus all of these skip, with one line that says how many."""
    if (CORPUS / "manifest.csv").is_file():
        return
    here = [item for item in items if Path(item.path).is_relative_to(Path(__file__).parent)]
    reason = f"shared corpus not found at ../shared/corpus: {len(here)} tests skipped"
    for item in here:
        item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Where the corpus is."""
    return CORPUS


@pytest.fixture(scope="session")
def converted() -> list[Converted]:
    """All inputs in the order of the manifest, each read as the format that the manifest says."""
    with (CORPUS / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [Converted(row, _single(row)) for row in rows]


def _single(row: dict[str, str]) -> Single:
    path = CORPUS / row["path"]
    format: Any = None if row["format"] == "fhir-xml" else row["format"]
    options = Options(at=AT, format=format, zone="Europe/London")
    return normalise_input(path.read_bytes(), path.name, options)
