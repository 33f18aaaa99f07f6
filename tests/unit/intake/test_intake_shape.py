"""FHIR models look at the first messages of a mapping: what they refuse is our defect and enters nothing."""

from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from adapters.interface import Original, SourceBatch
from adapters.losses import Losses
from gateway.intake.shape import ShapeSampling, is_well_shaped

AT = datetime(2026, 1, 1, tzinfo=UTC)
PATIENT = {"resourceType": "Patient", "id": "p", "birthDate": "1980-05-17"}
BAD = {"resourceType": "Observation", "id": "o", "status": "final"}


def test_a_model_tells_what_is_not_r4():
    """An Observation without a code is refused; a Patient passes; a type that R4B dropped is not judged."""
    assert is_well_shaped(PATIENT)
    assert not is_well_shaped(BAD)
    assert is_well_shaped({"resourceType": "EffectEvidenceSynthesis", "id": "x"})


def test_the_first_messages_are_looked_at_then_every_so_many():
    """Two first, then every third: per source and mapping, so that a changed table is looked at anew."""
    sampling = ShapeSampling(first=2, then_every=3)
    looked = [sampling.misshapen("s", "m:1", [BAD]) is not None for _ in range(8)]
    assert looked == [True, True, False, False, True, False, False, True]
    assert sampling.misshapen("s", "m:2", [BAD]) == "Observation"
    assert sampling.misshapen("t", "m:1", [PATIENT]) is None


@pytest.mark.anyio
async def test_a_misshapen_answer_enters_no_record(ward, practice):
    """It is quarantined and alarmed; the log names the type, and nothing of the answer."""

    class Mistaken:
        def normalise(self, original, source, at):
            return SourceBatch((PATIENT, BAD), None, Losses(3, 3), "m:1")

    with capture_logs() as logs:
        stored = await ward.intake.receive_pull(Original(b"x", "x"), practice, Mistaken(), AT)
    assert (stored.state, stored.quarantine) == ("quarantined", "mapping-defect")
    (alarm,) = logs
    assert (alarm["event"], alarm["error"]) == ("shape_defect", "Observation")
    assert "1980" not in repr(logs)
