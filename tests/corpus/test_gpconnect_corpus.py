"""Public GP Connect samples, where they are at hand: no crash, balanced ledgers, closed and valid R4.

Nothing of them is kept here. The largest records of each family come first, then the rest up to the limit.
"""

import csv
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from adapters import codec
from adapters.gp.normaliser import GPNormaliser
from adapters.interface import Original, Source, SourceBatch

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
LIMIT = 120
AT = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = Source("corpus", "gp", "corpus.example", bytes(32))
TESTS = 4
FIRST_OF_ALL = ("nhsd-gp2gp-sending", "gpconnect-spec", "careconnect-ri", "careconnect-to-ukcore")
pytestmark = pytest.mark.corpus


def _rows() -> list[dict[str, str]]:
    with (CORPUS / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].startswith("gpconnect/")]
    rows.sort(key=lambda row: (row["family"] not in FIRST_OF_ALL, -int(row["bytes"])))
    return rows[:LIMIT]


@pytest.fixture(scope="module")
def batches() -> list[tuple[dict[str, str], SourceBatch]]:
    """Each sample normalised once."""
    if not (CORPUS / "manifest.csv").is_file():
        pytest.skip(f"shared corpus not found at ../shared/corpus: {TESTS} tests skipped")
    found = []
    for row in _rows():
        body = (CORPUS / row["path"]).read_bytes()
        found.append((row, GPNormaliser().normalise(Original(body, "application/fhir+json"), SOURCE, AT)))
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for child in value.values():
            yield from _references(child)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child)


def test_every_sample_is_accounted_for(batches: list[tuple[dict[str, str], SourceBatch]]) -> None:
    """The law of the ledger holds on each, and no mapping of ours broke on one."""
    for row, batch in batches:
        assert batch.losses.balanced, row["path"]
        assert "mapping-defect" not in {e.reason for e in batch.losses.entries}, row["path"]


def test_patient_samples_are_never_errors(batches: list[tuple[dict[str, str], SourceBatch]]) -> None:
    """Records and resources end complete or partial; requests, outcomes and broken files may be errors."""
    for row, batch in batches:
        if row["kind"] in ("bundle", "resource") and row["format"] == "gp-connect":
            assert batch.losses.status != "error", row["path"]
            assert batch.resources, row["path"]


def test_every_resource_is_valid_and_closed(batches: list[tuple[dict[str, str], SourceBatch]]) -> None:
    """Each resource passes the R4 models, and a literal reference leads to one of the same batch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row, batch in batches:
            there = {f"{made['resourceType']}/{made['id']}" for made in batch.resources}
            for made in batch.resources:
                get_fhir_model_class(made["resourceType"]).model_validate_json(codec.encode(made))
                local = {f"#{inner['id']}" for inner in made.get("contained", ())}
                assert set(_references(made)) <= there | local, row["path"]


def test_whole_records_come_out_rich(batches: list[tuple[dict[str, str], SourceBatch]]) -> None:
    """The large structured records of the suppliers lose at most one value in ten, and keep their kinds."""
    large = [b for row, b in batches if row["kind"] == "bundle" and int(row["bytes"]) > 200_000]
    assert large
    for batch in large:
        assert batch.losses.mapped >= 0.9 * batch.losses.total
        kinds = {made["resourceType"] for made in batch.resources}
        assert {"Patient", "List", "Practitioner"} <= kinds
