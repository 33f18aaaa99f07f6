"""The tour over public sample files: two suppliers' GP records, messages and documents of several makers."""

import asyncio
from pathlib import Path

import pytest

from gateway.sandbox.given import tour_of_files

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
GP = CORPUS / "gpconnect" / "nhsd-gp2gp-sending"
FILES = {
    "gp": (
        GP / "EMISPatientStructurede2eResponsePWTP7.json",
        GP / "TPPPatientStructuredRecordE2EPWTP5.json",
    ),
    "hospital": (
        CORPUS / "hl7v2" / "ms-fhir-converter" / "ADT-A01-01.hl7",
        CORPUS / "hl7v2" / "ms-fhir-converter" / "LAB-ORU-1.hl7",
    ),
    "specialist": (
        CORPUS / "ccda" / "hl7-ccda-on-fhir" / "Myra_Jones_v2.xml",
        CORPUS / "ccda" / "sample_ccdas-hl7" / "CCD.sample.xml",
    ),
}
MISSING = "shared corpus not found at ../shared/corpus: 1 tests skipped"
pytestmark = [pytest.mark.corpus, pytest.mark.skipif(not CORPUS.exists(), reason=MISSING)]


def test_public_files_of_six_people_are_six_exchanges():
    """Everybody is found, though both GP records carry one template number; nothing is lost unsaid."""
    steps = []
    assert asyncio.run(tour_of_files(FILES, steps.append))
    assert not [step.name for step in steps if step.failed]
    counts = [
        {row["type"]: row["resources"] for row in step.rows}
        for step in steps
        if step.name.endswith("resources per type")
    ]
    assert len(counts) == 6 and all(one["Patient"] == 1 for one in counts)
    assert sum("DiagnosticReport" in one for one in counts) >= 1
    assert sum("Composition" in one for one in counts) == 2
    fates = [row for step in steps if step.name == "What became of every file" for row in step.rows]
    assert sorted(row["file"] for row in fates) == sorted(p.name for held in FILES.values() for p in held)
    assert all(row["stored"] == 1 and row["mapped"] > 0 for row in fates)
    assert all(row["total"] == row["mapped"] + row["kept"] + row["lost"] for row in fates)
