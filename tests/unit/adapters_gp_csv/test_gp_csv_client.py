"""An extract as a source: asked about one person it answers with her rows, and says when it cannot."""

from datetime import UTC, datetime

import pytest

from adapters.gp.csv.client import CSVExtract
from adapters.gp.csv.columns import columns_from_toml
from adapters.interface import Identifier, PatientQuery, Requester

pytestmark = pytest.mark.anyio
NHS = "https://fhir.nhs.uk/Id/nhs-number"
MAP = columns_from_toml(
    'patient = ["N"]\n[columns]\n"N" = "patient.nhs-number"\n"T" = "condition.text"\n"I" = "patient.identifier"\n'
    '[systems]\n"patient.identifier" = "https://elm.example/id"'
)
HERS = b'999 000 0018,"Letter\r\nof two lines",\r\n'
OTHERS = b"9990000026,Asthma,\r\n"
HEAD = b"N,T,I\r\n"


def query(*identifiers):
    who = Requester("oak.example", None, None, "TREAT")
    return PatientQuery(identifiers, who, datetime(2026, 3, 1, tzinfo=UTC), "trace")


@pytest.fixture
def ask(tmp_path):
    """Bytes of the file (None: no file) to how asking about a number ended."""

    async def run(body, *identifiers, max_bytes=10_000):
        path = tmp_path / "extract.csv"
        if body is not None:
            path.write_bytes(body)
        asked = identifiers or (Identifier(NHS, "9990000018"),)
        return await CSVExtract(path, MAP, max_bytes).fetch(query(*asked), 5.0)

    return run


async def test_her_rows_come_as_they_stand_in_the_file(ask):
    """Header and her rows byte for byte, nobody else's; what was asked goes with them."""
    got = await ask(HEAD + OTHERS + HERS + OTHERS)
    assert got.state == "answered" and got.truncated == 0
    (original,) = got.originals
    assert original.body == HEAD + HERS
    assert original.asked == (Identifier(NHS, "9990000018"),)


async def test_she_is_found_by_any_number_of_hers(ask):
    """All rows of a person come, also those that give only the other of her numbers' key."""
    body = HEAD + b"9990000018,One,77\r\n9990000018,Two,\r\n" + OTHERS
    got = await ask(body, Identifier("https://elm.example/id", "77"))
    assert got.originals[0].body == HEAD + b"9990000018,One,77\r\n9990000018,Two,\r\n"


async def test_nobody_of_that_number_is_no_record(ask):
    """A file that reads well and does not have her."""
    assert (await ask(HEAD + OTHERS)).state == "no-record"


async def test_rows_that_may_be_hers_cut_the_answer(ask):
    """Unreadable rows and rows of nobody are nobody's for certain: the answer is short by them."""
    got = await ask(HEAD + HERS + b"short\r\n,Nobody's,\r\n")
    assert got.state == "answered" and got.truncated == 2
    none = await ask(HEAD + OTHERS + b"short\r\n")
    assert none.state == "answered" and none.truncated == 1 and none.originals == ()


@pytest.mark.parametrize(
    ("body", "most", "reason"),
    [(None, 10_000, "unreachable"), (HEAD + HERS, 5, "unreachable"), (b"Other\r\n", 10_000, "malformed")],
)
async def test_a_file_that_cannot_be_used_is_a_failed_source(ask, body, most, reason):
    """Not there, too large, another file: failed, with the reason, and nothing raised."""
    got = await ask(body, max_bytes=most)
    assert (got.state, got.reason, got.originals) == ("failed", reason, ())


async def test_an_extract_is_asked_only_by_numbers_it_has(tmp_path):
    """A source that has no column for an identifier cannot be asked by it."""
    source = CSVExtract(tmp_path / "none.csv", MAP, 10)
    assert await source.find((Identifier(NHS, "1"),))
    assert await source.find((Identifier("https://elm.example/id", "1"),))
    assert not await source.find((Identifier("urn:oid:1.2.3", "1"),))
