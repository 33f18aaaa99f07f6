"""The GP Connect client against a practice that listens on a real socket and misbehaves."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.gp.client import GPClient
from adapters.gp.request import GPConnectSettings
from adapters.identity import NHS_NUMBER
from adapters.interface import Fetched, Identifier, PatientQuery, Requester, SourceAdapter
from adapters.transport import Transport

NUMBER = Identifier(NHS_NUMBER, "9990000018")
BUNDLE = b'{"resourceType":"Bundle","type":"collection","entry":[]}'
FHIR = "application/fhir+json;charset=utf-8"


def _outcome(code: str) -> bytes:
    coding = {"system": "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1", "code": code}
    issue = {"severity": "error", "code": "not-found", "details": {"coding": [coding]}}
    return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()


class Practice:
    """One answer for every call; keeps what it was asked. `pause`: seconds before it speaks."""

    def __init__(self, status: int, media_type: str | None, body: bytes, pause: float = 0.0) -> None:
        kind = f"Content-Type: {media_type}\r\n" if media_type else ""
        self.answer = f"HTTP/1.1 {status} X\r\n{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self.pause = pause
        self.heads: list[str] = []
        self.bodies: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(h.split(":")[1]) for h in head.split("\r\n") if h.lower().startswith("content-length")
        )
        self.heads.append(head)
        self.bodies.append(await reader.readexactly(length))
        await asyncio.sleep(self.pause)
        writer.write(self.answer)
        writer.close()

    def ask(
        self, identifiers: tuple[Identifier, ...] = (NUMBER,), deadline: float = 5.0, purpose: str = "TREAT"
    ) -> Fetched:
        async def run() -> Fetched:
            server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
            base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/STU3/1"
            settings = GPConnectSettings(base, "1", "2", "Y90009", "Green Hospital")
            async with server, Transport(base) as transport:
                source: SourceAdapter = GPClient(settings, transport)
                who = Requester("green.example", "555021935107", None, purpose)
                query = PatientQuery(identifiers, who, datetime(2026, 3, 1, tzinfo=UTC), "ex-1")
                return await source.fetch(query, deadline)

        return asyncio.run(run())


def test_a_record_comes_back_as_its_bytes() -> None:
    """Answered: the original is the body as sent, with what was asked for beside it."""
    practice = Practice(200, FHIR, BUNDLE)
    fetched = practice.ask()
    assert fetched.state == "answered"
    (original,) = fetched.originals
    assert (original.body, original.asked) == (BUNDLE, (NUMBER,))
    assert practice.heads[0].startswith("POST /STU3/1/Patient/$gpc.getstructuredrecord HTTP/1.1")
    assert "9990000018" not in practice.heads[0]
    assert json.loads(practice.bodies[0])["parameter"][0]["valueIdentifier"]["value"] == "9990000018"


@pytest.mark.parametrize(
    ("status", "media_type", "body", "state", "reason"),
    [
        (404, FHIR, _outcome("PATIENT_NOT_FOUND"), "no-record", None),
        (403, FHIR, _outcome("NO_PATIENT_CONSENT"), "withheld", None),
        (400, FHIR, _outcome("INVALID_NHS_NUMBER"), "failed", "refused"),
        (422, FHIR, _outcome("INVALID_RESOURCE"), "failed", "refused"),
        (401, None, b"", "failed", "refused"),
        (404, "text/html", b"<h1>nginx</h1>", "failed", "refused"),
        (500, FHIR, _outcome("INTERNAL_SERVER_ERROR"), "failed", "unreachable"),
        (503, "text/html", b"<h1>later</h1>", "failed", "unreachable"),
        (429, None, b"", "failed", "unreachable"),
        (200, "text/html", b"<html>please log in</html>", "failed", "malformed"),
        (200, "text/html", BUNDLE, "failed", "malformed"),
        (200, None, BUNDLE, "failed", "malformed"),
        (200, FHIR, BUNDLE[:-9], "failed", "malformed"),
        (200, FHIR, b'{"resourceType":"Bundle","resourceType":"Patient"}', "failed", "malformed"),
        (200, FHIR, b"[]", "failed", "malformed"),
        (200, FHIR, b'{"resourceType":"Patient"}', "failed", "malformed"),
        (200, FHIR, _outcome("SOMETHING_ELSE"), "failed", "malformed"),
        (204, None, b"", "failed", "malformed"),
        (302, None, b"", "failed", "refused"),
    ],
)
def test_every_answer_has_one_meaning(
    status: int, media_type: str | None, body: bytes, state: str, reason: str | None
) -> None:
    """A missing record, a refusal, a fault and a broken answer are told apart; none is an exception."""
    fetched = Practice(status, media_type, body).ask()
    assert (fetched.state, fetched.reason) == (state, reason)


def test_broken_bytes_are_handed_on_to_be_kept() -> None:
    """What came is evidence: a malformed answer keeps its bytes, as an original of nobody's record."""
    fetched = Practice(200, FHIR, BUNDLE[:-9]).ask()
    assert [original.body for original in fetched.originals] == [BUNDLE[:-9]]


def test_a_late_practice_is_timed_out() -> None:
    """The deadline is the caller's, to the end of the answer."""
    assert Practice(200, FHIR, BUNDLE, pause=5).ask(deadline=0.2).state == "timed-out"


def test_a_dead_practice_is_unreachable() -> None:
    """Nobody listening is a failure with a reason, not an empty record."""

    async def run() -> Fetched:
        settings = GPConnectSettings("http://127.0.0.1:9", "1", "2", "Y90009", "Green Hospital")
        async with Transport(settings.base_url) as transport:
            query = PatientQuery(
                (NUMBER,), Requester("g", None, None, "TREAT"), datetime(2026, 3, 1, tzinfo=UTC), "t"
            )
            return await GPClient(settings, transport).fetch(query, 2.0)

    assert asyncio.run(run()) == Fetched("failed", reason="unreachable")


@pytest.mark.parametrize(
    ("identifiers", "purpose"),
    [((Identifier("https://elsewhere.example/mrn", "7"),), "TREAT"), ((), "TREAT"), ((NUMBER,), "HMARKT")],
)
def test_nothing_is_sent_without_number_or_for_other_purposes(
    identifiers: tuple[Identifier, ...], purpose: str
) -> None:
    """The audit token says direct care: for anything else, or without an NHS number, the practice is not asked."""
    practice = Practice(200, FHIR, BUNDLE)
    assert practice.ask(identifiers, purpose=purpose) == Fetched("failed", reason="refused")
    assert practice.heads == []


def test_a_practice_is_found_by_nhs_number_alone() -> None:
    """`find` answers from the identifier system; capabilities say so before anybody asks."""

    async def run() -> tuple[bool, bool, Any]:
        settings = GPConnectSettings("http://127.0.0.1:9", "1", "2", "Y90009", "Green Hospital")
        async with Transport(settings.base_url) as transport:
            client = GPClient(settings, transport)
            other = Identifier("https://elsewhere.example/mrn", "7")
            return await client.find((other, NUMBER)), await client.find((other,)), client.capabilities

    found, other, capabilities = asyncio.run(run())
    assert (found, other) == (True, False)
    assert (capabilities.kind, capabilities.pull, capabilities.identifier_systems) == (
        "gp",
        True,
        (NHS_NUMBER,),
    )


def test_a_cancelled_question_stays_cancelled() -> None:
    """Cancellation is the caller's, and is not swallowed as an outcome."""
    practice = Practice(200, FHIR, BUNDLE, pause=5)

    async def cancelled() -> None:
        server = await asyncio.start_server(practice.serve, "127.0.0.1", 0)
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Transport(base) as transport:
            client = GPClient(GPConnectSettings(base, "1", "2", "Y90009", "G"), transport)
            query = PatientQuery(
                (NUMBER,), Requester("g", None, None, "TREAT"), datetime(2026, 3, 1, tzinfo=UTC), "t"
            )
            task = asyncio.create_task(client.fetch(query, 5.0))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        server.close()

    asyncio.run(cancelled())
