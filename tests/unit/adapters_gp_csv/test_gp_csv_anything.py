"""Whatever is written into an extract: it ends as rows and a ledger that adds up, and never as an exception."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.gp.csv.columns import columns_from_toml
from adapters.gp.csv.reader import NoMatch, read
from adapters.interface import Original, Source
from adapters.registry import normaliser_of_extract

HEADER = b"Entry,NHS number,Surname,Born,Problem,Since,Test,Value\r\n"
MAP = columns_from_toml(
    """
key = ["Entry"]
patient = ["NHS number"]
[columns]
"NHS number" = "patient.nhs-number"
"Surname" = "patient.family"
"Born" = "patient.birth-date"
"Problem" = "condition.text"
"Since" = "condition.onset"
"Test" = "result.text"
"Value" = "result.value"
"""
)
SOURCE = Source("elm", "gp", "elm.example", bytes(32))
GOOD = b"1,9990000018,Written,1956-04-01,Asthma,2014,Sodium,141.10\r\n"
PIECES = st.sampled_from(
    [
        GOOD,
        b'"',
        b",",
        b"\r\n",
        b"\n",
        b"\x00",
        b"\xff",
        b"9990000018",
        b"2014-02-31",
        b"<",
        b"Asthma",
        "é".encode(),
    ]
)


def _rows_of(body):
    return normaliser_of_extract(MAP).normalise(
        Original(body, "text/csv"), SOURCE, datetime(2026, 1, 1, tzinfo=UTC)
    )


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=25).map(b"".join)))
def test_any_bytes_after_the_header_end_as_rows_and_a_ledger(rest):
    """The law of the ledger holds, what fails is named by its row, and a good row after a line end arrives."""
    batch = _rows_of(HEADER + rest)
    assert batch.losses.balanced and batch.quarantine is None
    for entry in batch.losses.entries:
        assert entry.position.partition(":")[0].isdigit()
    after = _rows_of(HEADER + rest + b"\r\n" + GOOD)
    conditions = [one for one in after.resources if one["resourceType"] == "Condition"]
    said = [one for one in conditions if one["code"] == {"text": "Asthma"}]
    contradicted = any(entry.reason == "wrong-patient" for entry in after.losses.entries)
    assert said or contradicted or b'"' in rest


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_another_file(body):
    """A file that is not the extract is refused as such."""
    try:
        table = read(body, MAP)
    except NoMatch:
        assert _rows_of(body).quarantine == "unreadable"
    else:
        assert MAP.named <= set(table.header)
