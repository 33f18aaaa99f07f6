"""The document client against a real HTTP server: paging, origin, size and hash, partial and failed answers."""

import asyncio
import base64
import hashlib
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from adapters.interface import Identifier, PatientQuery, Requester
from adapters.specialist.client import DocumentClient, DocumentSettings
from adapters.transport import Transport

NHS = "https://fhir.nhs.uk/Id/nhs-number"
ASKED = (Identifier(NHS, "9990000018"),)
QUERY = PatientQuery(
    ASKED, Requester("clinic", None, None, "TREAT"), datetime(2026, 11, 22, tzinfo=UTC), "trace-1"
)
LETTER = b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>'


@asynccontextmanager
async def serving(answers):
    """A server that answers (method, path) with (status, body, delay); what it was asked is in `asked`."""
    asked = []

    async def serve(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _ = head.split("\r\n")[0].split(" ", 2)
        length = next((int(h.split(":")[1]) for h in head.lower().split("\r\n") if "content-length" in h), 0)
        body = (await reader.readexactly(length)).decode()
        asked.append((method, path, body))
        status, content, delay = answers(method, path)
        await asyncio.sleep(delay)
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode()
        )
        writer.write(content)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/fhir", asked


def ask(answers, *, deadline=5.0, query=QUERY, **settings):
    """What `fetch` brings from a server with these answers, and what the server was asked."""

    async def run():
        async with serving(answers) as (base, asked), Transport(base) as transport:
            client = DocumentClient(DocumentSettings(base, **settings), transport)
            return await client.fetch(query, deadline), asked

    return asyncio.run(run())


def reference(url="Binary/1", *, kind="text/xml", status="current", **more):
    attachment = {"contentType": kind, "url": url} | more
    return {"resourceType": "DocumentReference", "status": status, "content": [{"attachment": attachment}]}


def searchset(*resources, following=None):
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources]}
    if following:
        bundle["link"] = [{"relation": "next", "url": following}]
    return json.dumps(bundle).encode()


def simple(bundle, documents=None, status=200):
    """Answers: this searchset for every search, these bytes by path."""

    def answer(method, path):
        if method == "POST":
            return status, bundle, 0
        found = (documents or {"/fhir/Binary/1": LETTER}).get(path)
        return (200, found, 0) if found is not None else (404, b"", 0)

    return answer


def test_documents_come_as_the_source_sent_them():
    """The bytes untouched, with whom was asked for beside them; the identifier only in the body."""
    digest = base64.b64encode(hashlib.sha1(LETTER).digest()).decode()
    fetched, asked = ask(simple(searchset(reference(size=len(LETTER), hash=digest))))
    assert (fetched.state, fetched.truncated) == ("answered", 0)
    assert [(o.body, o.asked) for o in fetched.originals] == [(LETTER, ASKED)]
    method, path, body = asked[0]
    assert (method, path) == ("POST", "/fhir/DocumentReference/_search")
    assert parse_qs(body) == {"patient.identifier": [f"{NHS}|9990000018"], "status": ["current"]}
    assert not any("9990000018" in path for _, path, _ in asked)


def test_pages_are_followed_to_the_end():
    """link[next] until there is none; each document once."""

    def answer(method, path):
        if method == "POST":
            return 200, searchset(reference("Binary/1"), following="DocumentReference?page=2"), 0
        if path == "/fhir/DocumentReference?page=2":
            return 200, searchset(reference("Binary/1"), reference("Binary/2")), 0
        return 200, path.encode(), 0

    fetched, _ = ask(answer)
    assert [o.body for o in fetched.originals] == [b"/fhir/Binary/1", b"/fhir/Binary/2"]


@pytest.mark.parametrize(
    "following", ["https://evil.example/next", "//evil.example/next", "file:///etc/passwd"]
)
def test_a_next_page_elsewhere_is_not_followed(following):
    """Another origin or scheme: what came is kept, the rest is known to be missing."""
    fetched, asked = ask(simple(searchset(reference(), following=following)))
    assert (fetched.state, len(fetched.originals), fetched.truncated) == ("answered", 1, 1)
    assert [path for _, path, _ in asked] == ["/fhir/DocumentReference/_search", "/fhir/Binary/1"]


def test_pages_without_end_stop():
    """A page that leads to itself is read once."""
    loop = searchset(reference(), following="DocumentReference?page=2")

    def answer(method, path):
        return (200, LETTER, 0) if "Binary" in path else (200, loop, 0)

    fetched, asked = ask(answer)
    assert (fetched.state, fetched.truncated) == ("answered", 1)
    assert len(asked) == 3


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/d",
        "//evil.example/d",
        "file:///etc/passwd",
        "http://user@127.0.0.1/d",
        "http://[",
    ],
)
def test_an_attachment_elsewhere_is_never_fetched(url):
    """Only the source's own origin: the document counts as missing."""
    fetched, asked = ask(simple(searchset(reference(url), reference("Binary/1"))))
    assert (fetched.state, len(fetched.originals), fetched.truncated) == ("answered", 1, 1)
    assert len(asked) == 2


@pytest.mark.parametrize(
    "promise",
    [{"size": 3}, {"hash": base64.b64encode(b"x" * 20).decode()}, {"hash": "%"}, {"hash": "eA=="}],
)
def test_other_bytes_than_promised_are_not_taken(promise):
    """Size or hash differ, or the hash is none: not a document, and with no other one malformed."""
    fetched, _ = ask(simple(searchset(reference(**promise))))
    assert (fetched.state, fetched.reason, fetched.originals) == ("failed", "malformed", ())


def test_an_inline_document_needs_no_second_request():
    """attachment.data is the document."""
    resource = reference()
    resource["content"][0]["attachment"] = {
        "contentType": "text/xml",
        "data": base64.b64encode(LETTER).decode(),
    }
    fetched, asked = ask(simple(searchset(resource)))
    assert [o.body for o in fetched.originals] == [LETTER] and len(asked) == 1


@pytest.mark.parametrize(
    ("answers", "state", "reason"),
    [
        (simple(b"", status=404), "no-record", None),
        (simple(searchset()), "no-record", None),
        (simple(searchset(reference(status="entered-in-error"))), "no-record", None),
        (simple(b'{"resourceType":"Bundle"}'), "no-record", None),
        (simple(b"", status=401), "failed", "refused"),
        (simple(b"", status=403), "failed", "refused"),
        (simple(b"", status=302), "failed", "refused"),
        (simple(b"", status=500), "failed", "unreachable"),
        (simple(b"<html>"), "failed", "malformed"),
        (simple(b'{"resourceType":"Patient"}'), "failed", "malformed"),
        (simple(b"[1]"), "failed", "malformed"),
        (simple(b'{"resourceType":"Bundle","entry":[1,{"resource":2}],"link":{"a":1}}'), "no-record", None),
        (simple(searchset(reference("Binary/404"))), "failed", "refused"),
        (simple(searchset(reference(kind="application/pdf"))), "failed", "malformed"),
    ],
)
def test_every_ending_has_its_state(answers, state, reason):
    """No record, refused, unreachable, malformed: a state, never an exception."""
    fetched, _ = ask(answers)
    assert (fetched.state, fetched.reason, fetched.originals) == (state, reason, ())


def test_one_broken_document_does_not_cost_the_others():
    """Two of three: answered, one known to be missing."""
    documents = {"/fhir/Binary/1": LETTER, "/fhir/Binary/3": LETTER}
    bundle = searchset(*(reference(f"Binary/{n}") for n in (1, 2, 3)))
    fetched, _ = ask(simple(bundle, documents))
    assert (fetched.state, len(fetched.originals), fetched.truncated) == ("answered", 2, 1)


def test_a_document_that_is_no_xml_is_known_to_be_missing():
    """A PDF beside a letter: the answer is short by one, and says so."""
    fetched, _ = ask(simple(searchset(reference(kind="application/pdf"), reference())))
    assert (fetched.state, fetched.truncated) == ("answered", 1)


def test_the_deadline_is_total():
    """A source that hangs on the search: timed out; one that hangs on a document: the others are kept."""

    def hangs(method, path):
        return 200, searchset(reference()), 5

    fetched, _ = ask(hangs, deadline=0.3)
    assert fetched.state == "timed-out"

    def slow(method, path):
        if method == "POST":
            return 200, searchset(reference("Binary/1"), reference("Binary/2")), 0
        return 200, LETTER, 5 if path.endswith("2") else 0

    fetched, _ = ask(slow, deadline=0.6)
    assert (fetched.state, len(fetched.originals), fetched.truncated) == ("answered", 1, 1)


def test_a_source_that_is_not_there():
    """Nobody listens: failed, unreachable."""

    async def run():
        async with Transport("http://127.0.0.1:9/fhir") as transport:
            client = DocumentClient(DocumentSettings("http://127.0.0.1:9/fhir"), transport)
            return await client.fetch(QUERY, 2)

    fetched = asyncio.run(run())
    assert (fetched.state, fetched.reason) == ("failed", "unreachable")


def test_it_is_asked_only_by_the_systems_that_it_knows():
    """Another system: not asked at all, and `find` says so."""
    fetched, asked = ask(simple(searchset(reference())), identifier_systems=("urn:oid:1.2",))
    assert (fetched.state, asked) == ("no-record", [])


def test_a_value_cannot_widen_the_search():
    """`,` and `|` in a value are escaped: the search stays one search for one person."""
    query = PatientQuery((Identifier(NHS, "1,x|2"),), QUERY.requester, QUERY.at, "t")
    _, asked = ask(simple(searchset()), query=query)
    assert parse_qs(asked[0][2])["patient.identifier"] == [f"{NHS}|1\\,x\\|2"]


def test_somebody_elses_document_is_handed_on_as_evidence():
    """Bytes that were not promised are dropped, unless they are another patient's: that must not go unseen."""
    other = (
        b'<ClinicalDocument xmlns="urn:hl7-org:v3"><recordTarget><patientRole><id root="1.2" extension="9990000026"/>'
        b"</patientRole></recordTarget></ClinicalDocument>"
    )
    fetched, _ = ask(simple(searchset(reference(size=3)), {"/fhir/Binary/1": other}))
    assert [o.body for o in fetched.originals] == [other]
    same = other.replace(b"9990000026", b"9990000018")
    fetched, _ = ask(simple(searchset(reference(size=3)), {"/fhir/Binary/1": same}))
    assert (fetched.state, fetched.reason, fetched.originals) == ("failed", "malformed", ())


def test_one_identifier_that_finds_documents_is_enough():
    """Two names of one patient: the second is asked only if the first finds nothing."""
    query = PatientQuery((*ASKED, Identifier("urn:oid:1.2", "7")), QUERY.requester, QUERY.at, "t")
    _, asked = ask(simple(searchset(reference())), query=query)
    assert [method for method, _, _ in asked] == ["POST", "GET"]
    fetched, asked = ask(simple(searchset()), query=query)
    assert (fetched.state, len(asked)) == ("no-record", 2)


def test_a_system_that_the_source_refuses_does_not_spoil_another():
    """The first name is refused, the second finds the letter: answered, and nothing is missing."""
    searches = []

    def answer(method, path):
        if method == "POST":
            searches.append(path)
            return (400, b"", 0) if len(searches) == 1 else (200, searchset(reference()), 0)
        return 200, LETTER, 0

    query = PatientQuery((Identifier("urn:oid:1.2", "7"), *ASKED), QUERY.requester, QUERY.at, "t")
    fetched, _ = ask(answer, query=query)
    assert (fetched.state, len(fetched.originals), fetched.truncated) == ("answered", 1, 0)
