"""Public sample documents: none raises, every ledger adds up, every resource has the shape of R4."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fhir.resources.R4B import get_fhir_model_class

from adapters.codec import encode
from adapters.interface import Original, Source
from adapters.specialist.normaliser import SpecialistNormaliser

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
AT = datetime(2026, 1, 1, tzinfo=UTC)
EACH = 60


def sample(kind):
    """About sixty inputs of a kind, spread over all families."""
    if not CORPUS.exists():
        return []
    with (CORPUS / "manifest.csv").open(encoding="utf-8", newline="") as file:
        found = [r for r in csv.DictReader(file) if r["format"] == "cda" and r["kind"] == kind]
    return found[:: max(1, -(-len(found) // EACH))]


ROWS = [row for kind in ("document", "fragment") for row in sample(kind)]
MISSING = f"shared corpus not found at ../shared/corpus: {2 * EACH} tests skipped"
pytestmark = [pytest.mark.corpus, pytest.mark.skipif(not ROWS, reason=MISSING)]


@pytest.mark.parametrize("row", ROWS or [None], ids=lambda row: row and Path(row["path"]).name)
def test_a_sample_ends_as_resources_and_a_ledger(row):
    """Patient inputs are never `error`; the law holds; R4 shape; references resolve inside the batch."""
    body = (CORPUS / row["path"]).read_bytes()
    source = Source("cli", "specialist", "local", b"k" * 32)
    batch = SpecialistNormaliser().normalise(Original(body, "text/xml", intake="i1"), source, AT)
    assert batch.losses.balanced
    assert not [e.target for e in batch.losses.entries if e.reason == "mapping-defect"]
    assert batch.losses.status != "error" or row["well_formed"] == "0"
    known = {f"{r['resourceType']}/{r['id']}" for r in batch.resources}
    for resource in [*batch.resources, *([batch.provenance] if batch.provenance else [])]:
        get_fhir_model_class(resource["resourceType"]).model_validate(json.loads(encode(resource)))
        held = {f"#{c['id']}" for c in resource.get("contained", [])}
        assert set(references(resource)) <= known | held


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)
