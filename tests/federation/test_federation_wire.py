"""Bytes that nobody should send: the node answers or closes, lives, and the next request works."""

import asyncio
import json
import os
import socket
import time
from datetime import UTC, datetime

import httpx
import pytest
from joserfc.jwk import ECKey

from gateway.authn.clients import client_from_registration
from gateway.authn.sql import add_client
from gateway.client.assertion import ASSERTION_TYPE, Purpose, client_assertion
from gateway.sandbox import founding

PATIENT = "patient_with_full_record"
DESK = "desk"
MSH = b"MSH|^~\\&|LAB|RXX|NODE|GF|20261101101500+0000||ORU^R01^ORU_R01|%s|P|2.5.1\r"


@pytest.fixture(scope="module")
def standing(sandbox):
    """A patient with something to ask about, before anything bad is sent."""
    sandbox.send(PATIENT)
    sandbox.permit(PATIENT)
    sandbox.everything(PATIENT, accept_partial=False)
    return sandbox


@pytest.fixture
def alive(standing):
    """After each test the same process still answers the same question in full."""
    pid = standing.federation._running["greenfield"].pid
    yield standing
    process = standing.federation._running["greenfield"]
    assert process.poll() is None and process.pid == pid, "the node ended"
    assert standing.everything(PATIENT, accept_partial=False).complete
    assert "Traceback" not in standing.log


def mllp_port(sandbox):
    ready = json.loads((sandbox.federation.folder / "greenfield.ready").read_text("ascii"))
    return int(ready["feeds"]["adt"].rpartition(":")[2])


def http_port(sandbox):
    return int(sandbox.federation.url.rpartition(":")[2])


def talk(port, data, *, wait=5.0, hold=False):
    """Send bytes on one connection; what came back until it closed, fell silent for `wait` s, or an END."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as line:
        received = b""
        try:
            line.sendall(data)
            if hold:
                time.sleep(0.2)
            while not received.endswith(b"\x1c\r") and (piece := line.recv(65_536)):
                received += piece
        except (TimeoutError, ConnectionError):
            pass
        return received


MLLP_GARBAGE = [
    pytest.param(b"\x0bthis is not HL7\x1c\r", id="no-msh"),
    pytest.param(b"\x0bMSH|\x1c\r", id="bare-msh"),
    pytest.param(b"\x0bMSH\x1c\r", id="msh-alone"),
    pytest.param(b"\x0b\x1c\r", id="empty"),
    pytest.param(b"\x0b" + bytes(range(256)) * 8 + b"\x1c\r", id="every-byte"),
    pytest.param(b"\x0b" + MSH % b"X2" + b"OBX|1|NM|~~~~^^^^&&&&\r" * 500 + b"\x1c\r", id="separators-only"),
    pytest.param(b"\x0bMSH|||||||||X3|P|2.5.1\rPID|1\x1c\r", id="no-encoding-characters"),
]


@pytest.mark.promise("P6")
@pytest.mark.parametrize("data", MLLP_GARBAGE)
def test_X_7_a_frame_that_is_no_message_gets_no_aa(alive, data):
    """Refused with AE or AR, or closed; never acknowledged as accepted; the next message is."""
    reply = talk(mllp_port(alive), data)
    assert b"MSA|AA" not in reply
    assert {line["code"] for line in alive.send(PATIENT)} == {"AA"}


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    "body",
    [b"PID|" * 5000, b"PID|1||\xff\xfe\x00\xd8^^^NHS\r", b"PID|1||^^^NHS\r", b"OBX|1|NM\r" * 3000],
    ids=["endless-fields", "not-utf-8", "no-number", "results-of-nobody"],
)
def test_X_7_a_strange_message_is_answered_once_and_in_time(alive, body):
    """Whatever follows a good header: one acknowledgement that names it, no more, within seconds."""
    before = time.monotonic()
    reply = talk(mllp_port(alive), b"\x0b" + MSH % b"STRANGE" + body + b"\x1c\r", wait=20)
    assert time.monotonic() - before < 20
    assert reply.count(b"MSA|") == 1 and b"|STRANGE" in reply


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x0b" + MSH % b"X9",
        b"\x1c\r" * 50,
        b"\x0b" * 1000,
        b"A" * 10_000,
    ],
    ids=["http", "unterminated", "ends-only", "nested-starts", "stray"],
)
def test_X_7_stray_bytes_and_open_frames_harm_nobody(alive, data):
    """A peer that does not speak MLLP, or never ends its frame, costs its own connection alone."""
    reply = talk(mllp_port(alive), data, wait=0.5, hold=True)
    assert b"MSA|AA" not in reply
    assert {line["code"] for line in alive.send(PATIENT, "A08")} == {"AA"}


HTTP_GARBAGE = [
    pytest.param(b"\x00\xff\xfe garbage\r\n\r\n", id="binary"),
    pytest.param(b"GET\r\n\r\n", id="no-target"),
    pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no-host"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n", id="two-hosts"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", id="other-host"),
    pytest.param(
        b"POST /oauth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\nhello",
        id="two-lengths",
    ),
    pytest.param(
        b"POST /oauth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        id="length-and-chunked",
    ),
    pytest.param(
        b"POST /oauth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        id="bad-chunk",
    ),
    pytest.param(b"GET /fhir/metadata HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 200_000, id="huge-header"),
    pytest.param(
        b"GET /fhir/metadata HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-Y: z\r\n" * 3000 + b"\r\n",
        id="many-headers",
    ),
    pytest.param(b"GET /fhir/" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", id="long-target"),
    pytest.param(b"GET /fhir//Patient HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", id="double-slash"),
    pytest.param(b"GET /fhir/%2e%2e/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", id="encoded-dots"),
]


@pytest.mark.promise("P6")
@pytest.mark.parametrize("data", HTTP_GARBAGE)
def test_X_11_http_garbage_is_refused_or_closed(alive, data):
    """Never a 2xx, never a 5xx of ours, never a trace; the process lives."""
    reply = talk(http_port(alive), data, wait=0.7)
    if reply:
        status = int(reply.split(b" ", 2)[1])
        assert 400 <= status < 500, reply[:200]
    assert b"Traceback" not in reply and b".py" not in reply


@pytest.mark.promise("P6")
def test_X_1_silent_connections_do_not_keep_others_waiting(alive):
    """Forty connections that send half a head; a question beside them is answered in time."""
    lines = [socket.create_connection(("127.0.0.1", http_port(alive))) for _ in range(40)]
    try:
        for line in lines:
            line.sendall(b"GET /fhir/metadata HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        before = time.monotonic()
        assert alive.everything(PATIENT).complete
        assert time.monotonic() - before < 30
    finally:
        for line in lines:
            line.close()


@pytest.fixture(scope="module")
def desk_token(standing):
    """A token of a client that may record consents, as a consent desk has it."""
    key = ECKey.generate_key("P-384", {"alg": "ES384", "use": "sig"}, auto_kid=True)
    scopes = "system/Consent.crus"

    async def register(runtime):
        client = client_from_registration(
            DESK, founding.NODE, json.dumps({"keys": [key.as_dict(private=False)]}).encode(),
            [scopes], ["TREAT"], roles=["doctor"], may_record_consent=True,
        )  # fmt: skip
        at = int(runtime.clock().timestamp())
        await runtime.database.write(lambda c: add_client(c, client, at=at))

    standing.administer(register)
    url = f"{standing.federation.url}/oauth/token"
    assertion = client_assertion(
        key, kid=str(key.kid), client_id=DESK, audience=url, purpose=Purpose("TREAT", role="doctor"),
        now=int(time.time()), jti=os.urandom(16).hex(),
    )  # fmt: skip
    form = {"grant_type": "client_credentials", "scope": scopes, "client_assertion_type": ASSERTION_TYPE}
    reply = httpx.post(url, data=form | {"client_assertion": assertion}, trust_env=False)
    assert reply.status_code == 200, reply.text
    return reply.json()["access_token"]


def consent(**changed):
    """A consent document that the node takes, with what a test changes of it."""
    document = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
            ]
        },
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}},
        "dateTime": "2026-01-05T10:00:00Z",
        "provision": {"type": "deny"},
    }
    return document | changed


BAD_CONSENTS = [
    pytest.param(b"{", 400, id="cut"),
    pytest.param(b"[]", 400, id="a-list"),
    pytest.param(b"null", 400, id="null"),
    pytest.param(b'{"resourceType":"Consent","resourceType":"Consent"}', 400, id="member-twice"),
    pytest.param(b'{"resourceType":"Consent","status":NaN}', 400, id="nan"),
    pytest.param(b'{"resourceType":"Consent","x":' + b"[" * 5000 + b"]" * 5000 + b"}", 400, id="deep"),
    pytest.param(b"\xef\xbb\xbf" + json.dumps(consent()).encode(), 400, id="bom"),
    pytest.param(b'{"resourceType":"Patient"}', 400, id="a-patient"),
    pytest.param(json.dumps(consent(patient={})).encode(), 400, id="nobody"),
    pytest.param(json.dumps(consent(provision={"type": "maybe"})).encode(), 422, id="unknown-type"),
    pytest.param(json.dumps(consent(status="perhaps")).encode(), 422, id="unknown-status"),
    pytest.param(json.dumps(consent(modifierExtension=[{"url": "urn:x"}])).encode(), 422, id="modifier"),
    pytest.param(b" " * (2 * 1024 * 1024), 413, id="too-large"),
    pytest.param(b"\xff\xfe{}", 400, id="not-utf-8"),
]


@pytest.mark.promise("P6")
@pytest.mark.parametrize(("body", "status"), BAD_CONSENTS)
def test_X_3_a_bad_consent_is_refused_and_changes_nothing(alive, desk_token, body, status):
    """An OperationOutcome with the right status; what was in force stays in force; no value is quoted."""
    headers = {"Authorization": f"Bearer {desk_token}", "Content-Type": "application/fhir+json"}
    url = f"{alive.federation.url}/fhir/Consent"
    reply = httpx.post(url, content=body, headers=headers, trust_env=False)
    assert reply.status_code == status, reply.text
    outcome = reply.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert "9990000018" not in reply.text


@pytest.mark.promise("P4")
def test_a_consent_over_the_wire_binds_the_next_answer(standing, desk_token, by_source):
    """The same way in works for a good document: a denial recorded over HTTP stops the next answer."""
    label = "patient_with_partial_dates"
    standing.send(label)
    standing.permit(label)
    assert standing.everything(label, accept_partial=False).resources
    patient = standing.patient(label)
    body = consent(patient={"identifier": {"system": patient.system, "value": patient.value}})
    body["dateTime"] = datetime.now(UTC).isoformat()
    headers = {"Authorization": f"Bearer {desk_token}", "Content-Type": "application/fhir+json"}
    reply = httpx.post(f"{standing.federation.url}/fhir/Consent", json=body, headers=headers, trust_env=False)
    assert reply.status_code == 201, reply.text
    assert reply.headers["etag"] == 'W/"1"'
    found = standing.ask(lambda c: c.find_patients(patient.system, patient.value))
    assert found.resources == ()
    assert {row["state"] for row in by_source(found).values()} == {"not-available"}


@pytest.mark.promise("P6")
def test_X_10_many_questions_at_once_are_all_answered(alive):
    """Twelve at once from one client: each complete, none refused, none mixed up with another."""
    id = alive.known_id(PATIENT)

    async def many(client):
        return await asyncio.gather(*(client.everything(id, accept_partial=True) for _ in range(12)))

    answers = alive.ask(many)
    assert len({answer.exchange for answer in answers}) == 12
    assert all(len(answer.resources) == len(answers[0].resources) for answer in answers if answer.complete)
    assert any(answer.complete for answer in answers)
