"""A column map and an extract of our own making."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from adapters.gp.csv.columns import columns_from_toml
from adapters.gp.csv.normaliser import CSVNormaliser
from adapters.interface import Identifier, Original, Source, SourceBatch

NHS = "https://fhir.nhs.uk/Id/nhs-number"
MAP = """
dates = "dmy"
zone = "Europe/London"
key = ["Entry"]
patient = ["NHS number"]
ignore = ["Printed by"]

[columns]
"NHS number" = "patient.nhs-number"
"Surname" = "patient.family"
"Born" = "patient.birth-date"
"Problem code" = "condition.code"
"Problem" = "condition.text"
"Since" = "condition.onset"
"State" = "condition.clinical-status"
"Test" = "result.text"
"Value" = "result.value"
"Unit" = "result.unit"
"Taken" = "result.date"

[systems]
"condition.code" = "http://snomed.info/sct"

[values."condition.clinical-status"]
"A" = "active"
"""
HEADER = "Entry,NHS number,Surname,Born,Problem code,Problem,Since,State,Test,Value,Unit,Taken,Printed by"


@pytest.fixture
def run() -> Callable[..., SourceBatch]:
    """Rows (or ready bytes) under the map to a batch."""

    def normalise(
        *rows: str, text: str = MAP, header: str = HEADER, asked: str | None = None, body: bytes | None = None
    ) -> SourceBatch:
        raw = body if body is not None else ("\r\n".join((header, *rows)) + "\r\n").encode()
        wanted = (Identifier(NHS, asked),) if asked else ()
        source = Source("extract", "gp", "elm.example", b"\x07" * 32)
        return CSVNormaliser(columns_from_toml(text)).normalise(
            Original(raw, "text/csv", wanted, "intake-1"), source, datetime(2026, 3, 1, tzinfo=UTC)
        )

    return normalise
