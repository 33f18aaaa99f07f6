"""The FHIR R4 client and normaliser against the mock server, over a real socket, with its faults."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from adapters.fhir_r4.client import FHIRClient, FHIRSettings
from adapters.interface import Identifier, PatientQuery, Requester, Source
from adapters.registry import normaliser
from adapters.transport import Transport
from gateway.intake.shape import is_well_shaped
from gateway.sandbox.mocks.fhir import FHIRMock
from gateway.sandbox.mocks.population import Population

NHS = "https://fhir.nhs.uk/Id/nhs-number"
AT = datetime(2026, 11, 22, tzinfo=UTC)
POPULATION = Population(7, date(2026, 11, 22))
SOURCE = Source("ehr", "fhir-r4", "clinic.example", b"k" * 32)
KNOWN = "9990000018"
BOTH = pytest.mark.parametrize("everything", [True, False], ids=["everything", "searches"])


def query(number, at=AT):
    """A question about one number, at a clock reading."""
    return PatientQuery((Identifier(NHS, number),), Requester("o", None, None, "TREAT"), at, "t")


def ask(number, *faults, deadline=5.0, settings=None, **options):
    """What the client fetches, what the normaliser makes of it, and the journal of the mock."""

    async def run():
        mock = FHIRMock(POPULATION, **options)
        mock.faults.replace([{"target": "fhir"} | fault for fault in faults])
        async with mock, Transport(mock.url) as transport:
            client = FHIRClient(FHIRSettings(mock.url, **(settings or {})), transport)
            return await client.fetch(query(number), deadline), mock.journal

    fetched, journal = asyncio.run(run())
    batches = [normaliser("fhir-r4").normalise(one, SOURCE, AT) for one in fetched.originals]
    assert all(batch.losses.balanced for batch in batches)
    return fetched, batches, journal


@BOTH
def test_the_whole_record_comes_page_by_page(everything):
    """Both ways give the same resources, over many pages, about whom was asked; nothing fails."""
    fetched, (batch,), journal = ask(KNOWN, offers_everything=everything, page=1)
    assert (fetched.state, fetched.whole, batch.quarantine) == ("answered", True, None)
    kinds = [one["resourceType"] for one in batch.resources]
    patient = POPULATION.find_by_number(KNOWN)
    assert kinds.count("Patient") == 1 and kinds.count("Practitioner") == 1
    assert kinds.count("Condition") == len(patient.gp.problems)
    assert kinds.count("Observation") == sum(len(report.results) for report in patient.gp.reports)
    assert not [line for line in batch.losses.entries if line.severity == "error"]
    assert sum(one["path"].startswith("/pages/") for one in journal) > 2
    assert all(is_well_shaped(one) for one in batch.resources)


def test_no_identifier_is_in_an_address():
    """The number travels in bodies alone: nothing that the server logs has it."""
    _, _, journal = ask(KNOWN)
    assert not [one for one in journal if KNOWN in one["path"]]
    assert journal[1]["path"] == "/Patient/_search" and journal[1]["method"] == "POST"


def test_a_server_is_asked_what_it_can_once_a_day():
    """The CapabilityStatement is kept for a day by the clock of the exchange, then read again."""

    async def run():
        mock = FHIRMock(POPULATION)
        async with mock, Transport(mock.url) as transport:
            client = FHIRClient(FHIRSettings(mock.url), transport)
            for hours in (0, 1, 23, 25):
                await client.fetch(query(KNOWN, AT + timedelta(hours=hours)), 5)
            return [one["path"] for one in mock.journal].count("/metadata")

    assert asyncio.run(run()) == 2


def test_nobody_is_no_record():
    """An unknown number: no-record, nothing read."""
    fetched, batches, journal = ask("9990009996")
    assert (fetched.state, batches, len(journal)) == ("no-record", [], 2)


def test_another_fhir_is_refused():
    """A server of another version is not asked about anybody."""
    fetched, _, journal = ask(KNOWN, version="5.0.0")
    assert (fetched.state, fetched.reason) == ("failed", "refused")
    assert [one["path"] for one in journal] == ["/metadata"]


@BOTH
@pytest.mark.parametrize("disguised", [False, True])
def test_somebody_elses_record_does_not_come_through(everything, disguised):
    """The server mixes patients up: the answer is quarantined; under a forged number it is at least all hers.

    A record filed under the wrong number in every place cannot be told here: the intake compares the person.
    """
    fault = {"kind": "wrong_patient"} | ({"disguised": True} if disguised else {})
    _, batches, _ = ask(KNOWN, fault, offers_everything=everything)
    if disguised and everything:
        assert [batch.quarantine for batch in batches] == [None]
        assert {one["resourceType"] for one in batches[0].resources} >= {"Patient"}
    else:
        assert {batch.quarantine for batch in batches} == {"wrong-patient"}
        assert not [one for batch in batches for one in batch.resources]


@BOTH
def test_a_page_that_fails_is_told(everything):
    """What came before a broken page is kept; the ledger, the Patient and the answer say that it is short."""
    pages = {"kind": "http", "status": 500, "match": {"path": "/pages/1"}}
    fetched, (batch,), _ = ask(KNOWN, pages, offers_everything=everything, page=1)
    assert (fetched.state, fetched.whole) == ("answered", False)
    assert ("failed", "page-failed") in {(e.disposition, e.reason) for e in batch.losses.entries}
    patient = next(one for one in batch.resources if one["resourceType"] == "Patient")
    assert {"system": "urn:carepact:incomplete", "code": "page-failed"} in patient["meta"]["tag"]


def test_a_page_that_fails_once_is_asked_for_again():
    """A server that breaks off once loses nothing."""
    fetched, _, _ = ask(KNOWN, {"kind": "http", "status": 503, "times": 1, "match": {"path": "/pages/1"}})
    assert (fetched.state, fetched.whole) == ("answered", True)


@pytest.mark.parametrize("options", [{"loops": True, "page": 100}, {"page": 1, "settings": {"max_pages": 4}}])
def test_pages_without_end_end(options):
    """A server that leads in circles, or further than the limit, is left; what came is kept and short."""
    fetched, (batch,), journal = ask(KNOWN, **options)
    assert (fetched.state, fetched.whole) == ("answered", False)
    assert batch.losses.status == "partial"
    assert len(journal) < 10


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        ({"kind": "http", "status": 503}, "failed", "unreachable"),
        ({"kind": "http", "status": 403}, "failed", "refused"),
        ({"kind": "http", "status": 302}, "failed", "refused"),
        ({"kind": "down"}, "failed", "unreachable"),
        ({"kind": "invalid_json"}, "failed", "malformed"),
        ({"kind": "wrong_content_type"}, "failed", "malformed"),
        ({"kind": "truncate", "bytes": 40}, "failed", None),
        ({"kind": "hang"}, "timed-out", None),
    ],
)
def test_every_fault_has_its_state(fault, state, reason):
    """Whatever the server does, the outcome is a state with a reason, within the deadline, and no record."""
    for after in (0, 2):
        fetched, batches, _ = ask(KNOWN, fault | {"after": after}, deadline=0.5)
        assert fetched.state == state
        assert reason is None or fetched.reason == reason
        assert not batches


def test_a_next_page_elsewhere_is_not_asked_for():
    """A link to another origin is never followed: neither credentials nor questions go there."""

    async def run():
        async with FHIRMock(POPULATION) as trap:
            mock = FHIRMock(POPULATION, page=2, elsewhere=trap.url)
            async with mock, Transport(mock.url) as transport:
                return await FHIRClient(FHIRSettings(mock.url), transport).fetch(
                    query(KNOWN), 5
                ), trap.journal

    fetched, journal = asyncio.run(run())
    assert (fetched.state, fetched.whole) == ("answered", False)
    assert journal == []
