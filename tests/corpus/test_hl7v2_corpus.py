"""Public HL7 v2 samples: nothing crashes, nothing is lost silently, whatever comes out is R4 and closed.

The samples are not part of the project; where they are not at hand these tests skip.
"""

import csv
import hashlib
import importlib
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.codec import encode
from adapters.hospital.ack import acknowledgement, verdict_of
from adapters.hospital.normaliser import HospitalNormaliser
from adapters.interface import Original, Source

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
SAMPLE = 150
AT = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = Source(
    "corpus", "hospital", "local", b"c" * 32, zone="Europe/London", facility="RXX", test_messages="accept"
)

pytestmark = pytest.mark.corpus

if not (CORPUS / "manifest.csv").exists():
    pytest.skip("shared corpus not found at ../shared/corpus: 5 tests skipped", allow_module_level=True)


def sample() -> list[dict[str, str]]:
    """At most SAMPLE inputs, always the same ones, spread over all families."""
    with (CORPUS / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["format"] == "hl7v2"]
    return sorted(rows, key=lambda row: hashlib.sha256(row["path"].encode()).digest())[:SAMPLE]


@pytest.fixture(scope="module")
def batches():
    """Every sampled input, normalised once."""
    normaliser = HospitalNormaliser()
    made = []
    for row in sample():
        body = (CORPUS / row["path"]).read_bytes()
        made.append((row, normaliser.normalise(Original(body, "application/hl7-v2", intake="i"), SOURCE, AT)))
    return made


def test_the_law_holds_on_every_input(batches):
    """total = mapped + kept + lost, and no unit failed through a defect of ours."""
    for row, batch in batches:
        assert batch.losses.balanced, row["path"]
        assert "mapping-defect" not in {entry.reason for entry in batch.losses.entries}, row["path"]


def test_no_patient_message_ends_as_error(batches):
    """Only what is malformed may be an error; a message of a patient is complete or partial."""
    for row, batch in batches:
        if row["kind"] in ("message", "messages") and row["well_formed"] == "1":
            assert batch.losses.status != "error", row["path"]


def test_everything_that_comes_out_is_r4(batches):
    """Every resource and Provenance has the shape of R4."""
    for row, batch in batches:
        for one in (*batch.resources, *([batch.provenance] if batch.provenance else [])):
            kind = one["resourceType"]
            model = getattr(importlib.import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
            try:
                model.model_validate_json(encode(one))
            except ValueError:
                pytest.fail(f"{row['path']}: {kind} is not R4")


def test_every_bundle_is_closed(batches):
    """Each literal reference resolves inside the batch."""
    for row, batch in batches:
        ids = {f"{one['resourceType']}/{one['id']}" for one in batch.resources}
        for one in (*batch.resources, *([batch.provenance] if batch.provenance else [])):
            found = set(re.findall(r'"reference":"([^"#][^"]*)"', encode(one).decode()))
            assert found <= ids, row["path"]


def test_every_input_can_be_answered(batches):
    """Each gets a well-formed acknowledgement that says what became of it."""
    for row, batch in batches:
        body = (CORPUS / row["path"]).read_bytes()
        reply = acknowledgement(body, verdict_of(batch), AT, "OWN-1")
        assert reply.startswith(b"MSH") and b"\rMSA" in reply, row["path"]
