"""The document client and normaliser against the mock specialist, over a real socket, with its faults."""

import asyncio
from datetime import UTC, date, datetime

import pytest

from adapters.interface import Identifier, PatientQuery, Requester, Source
from adapters.specialist.client import DocumentClient, DocumentSettings
from adapters.specialist.normaliser import SpecialistNormaliser
from adapters.transport import Transport
from gateway.sandbox.mocks.population import Population
from gateway.sandbox.mocks.specialist import SpecialistMock

NHS = "https://fhir.nhs.uk/Id/nhs-number"
AT = datetime(2026, 11, 22, tzinfo=UTC)
POPULATION = Population(7, date(2026, 11, 22))
SOURCE = Source("letters", "specialist", "clinic.example", b"k" * 32)
KNOWN = "9990000018"


def ask(number, *faults):
    """What the client fetches, and what the normaliser makes of it."""

    async def run():
        mock = SpecialistMock(POPULATION)
        mock.faults.replace(list(faults))
        async with mock, Transport(mock.url) as transport:
            query = PatientQuery((Identifier(NHS, number),), Requester("o", None, None, "TREAT"), AT, "t")
            return await DocumentClient(DocumentSettings(mock.url), transport).fetch(query, 5)

    fetched = asyncio.run(run())
    return fetched, [SpecialistNormaliser().normalise(o, SOURCE, AT) for o in fetched.originals]


def test_the_letters_of_a_patient_become_resources():
    """Two letters: both about whom was asked, nothing rejected, problems and narrative there."""
    fetched, batches = ask(KNOWN)
    assert (fetched.state, len(batches), fetched.truncated) == ("answered", 2, 0)
    for batch in batches:
        assert batch.quarantine is None and batch.losses.balanced
        assert not [e for e in batch.losses.entries if e.severity == "error"]
        types = {r["resourceType"] for r in batch.resources}
        assert {"Patient", "Composition", "Condition", "DocumentReference"} <= types


def test_psychiatry_is_labelled_where_the_source_marks_it():
    """The psychiatric letter's facts bear PSY; the other letter's do not."""
    _, batches = ask(KNOWN)
    marks = [
        {c["code"] for r in b.resources if r["resourceType"] == "Condition" for c in r["meta"]["security"]}
        for b in batches
    ]
    assert sorted("PSY" in m for m in marks) == [False, True]


def test_nobody_is_no_record():
    """An unknown number: no-record, nothing fetched."""
    fetched, batches = ask("9990009996")
    assert (fetched.state, batches) == ("no-record", [])


def test_somebody_elses_letter_is_quarantined():
    """The source mixes patients up: nothing of the other person's letters comes out."""
    _, batches = ask(KNOWN, {"target": "specialist", "kind": "wrong_patient"})
    assert batches and {b.quarantine for b in batches} == {"wrong-patient"}
    assert not [r for b in batches for r in b.resources]


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ({"target": "specialist", "kind": "http", "status": 503}, "failed"),
        ({"target": "specialist", "kind": "http", "status": 403}, "failed"),
        ({"target": "specialist", "kind": "invalid_json"}, "failed"),
        ({"target": "specialist", "kind": "truncate", "bytes": 40}, "failed"),
        ({"target": "specialist", "kind": "latency", "ms": 60_000}, "timed-out"),
    ],
)
def test_every_fault_has_its_state(fault, state):
    """Refused, broken, cut off, too slow: a state and no letters, never an exception."""
    fetched, batches = ask(KNOWN, fault)
    assert (fetched.state, batches) == (state, [])
