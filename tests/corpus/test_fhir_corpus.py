"""Public FHIR R4 resources, records and patient summaries: each is taken in, every value accounted for."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.interface import Original, Source
from adapters.registry import normaliser
from gateway.intake.shape import is_well_shaped

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
SOURCE = Source(id="corpus", kind="fhir-r4", custodian="corpus.example", id_key=b"k" * 32)
AT = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.exists(), reason="the public sample files are not at hand"),
]


def batches():
    """(row of the manifest, batch) of each file of these families."""
    with (CORPUS / "manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["path"].startswith(("fhir_r4/", "ips/"))]
    take = normaliser("fhir-r4")
    for row in rows:
        body = (CORPUS / row["path"]).read_bytes()
        yield row, take.normalise(Original(body, "application/fhir+json", intake="i"), SOURCE, AT)


def test_every_patient_input_is_taken_in():
    """All that is somebody's record ends complete or partial, the ledgers balance, the models agree."""
    found = list(batches())
    assert len(found) > 200
    for row, batch in found:
        assert batch.losses.balanced, row["path"]
        assert "mapping-defect" not in {line.reason for line in batch.losses.entries}, row["path"]
        if row["format"] == "fhir-xml":
            assert batch.losses.entries[0].reason == "format-not-supported"
        elif row["kind"] in ("bundle", "resource", "document"):
            assert batch.losses.status != "error", row["path"]
        made = [*batch.resources, *([batch.provenance] if batch.provenance else [])]
        assert all(is_well_shaped(one) for one in made), row["path"]


def test_summaries_lose_nothing():
    """Patient summaries of the IPS guides come through whole: nothing failed, at most a stray value rejected."""
    summaries = [b for row, b in batches() if row["root"] == "Bundle" and row["path"].startswith("ips/ips-")]
    assert len(summaries) > 4
    for batch in summaries:
        assert not [line for line in batch.losses.entries if line.disposition == "failed"]
        assert batch.losses.mapped > 0.9 * batch.losses.total
