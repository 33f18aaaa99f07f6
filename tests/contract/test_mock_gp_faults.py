"""The GP mock misbehaving on command, its control surface, and given files, over a real socket."""

import asyncio
import base64
import json
from datetime import date
from pathlib import Path

import httpx
import pytest

from gateway.sandbox.mocks.gp import GPMock
from gateway.sandbox.mocks.population import Population

TODAY = date(2026, 11, 22)
PATH = "/Patient/$gpc.getstructuredrecord"
FULL = "9990000018"
CLAIMS = {
    "iss": "https://consumer.example",
    "sub": "1",
    "aud": "https://provider.example",
    "iat": 1000,
    "exp": 1300,
    "reason_for_request": "directcare",
    "requested_scope": "patient/*.read",
    "requesting_device": {"resourceType": "Device"},
    "requesting_organization": {"resourceType": "Organization"},
    "requesting_practitioner": {"resourceType": "Practitioner"},
}


def token():
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(CLAIMS)}."


def headers():
    return {
        "Ssp-TraceID": "09a01679-2564-0fb4-5129-aecc81ea2706",
        "Ssp-From": "200000000359",
        "Ssp-To": "918999198738",
        "Ssp-InteractionID": "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1",
        "Authorization": f"Bearer {token()}",
        "Content-Type": "application/fhir+json",
    }


def parameters(number=FULL):
    identifier = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}
    asked = [{"name": "patientNHSNumber", "valueIdentifier": identifier}, {"name": "includeProblems"}]
    return {"resourceType": "Parameters", "parameter": asked}


def ask(body=None, *, faults=(), files=(), times=1):
    """The last of the answers of the mock, and its journal."""

    async def run():
        mock = GPMock(Population(7, TODAY), files=files)
        async with mock, httpx.AsyncClient(timeout=5) as client:
            put = await client.put(f"{mock.url}/__sandbox/faults", json=list(faults))
            assert put.status_code == 200, put.text
            for _ in range(times):
                content = json.dumps(body or parameters())
                reply = await client.post(mock.url + PATH, headers=headers(), content=content)
            return reply, mock.journal

    return asyncio.run(run())


def resources(reply, kind):
    found = [entry["resource"] for entry in reply.json()["entry"]]
    return [resource for resource in found if resource["resourceType"] == kind]


def outcome(reply):
    body = reply.json()
    assert body["resourceType"] == "OperationOutcome"
    coding = body["issue"][0]["details"]["coding"][0]
    assert coding["system"] == "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"
    return reply.status_code, coding["code"]


def test_the_wrong_patient_is_somebody_else_altogether():
    """The fault answers the asked number with another person's record; times ends it."""
    fault = {"target": "gp", "kind": "wrong_patient", "times": 1}
    reply, journal = ask(faults=[fault])
    assert resources(reply, "Patient")[0]["identifier"][0]["value"] != FULL
    assert journal[0]["faults"] == ["wrong_patient"]
    after, _ = ask(faults=[fault], times=2)
    assert resources(after, "Patient")[0]["identifier"][0]["value"] == FULL


def test_a_disguised_wrong_patient_has_the_right_number():
    """The harder case: number right, name and birth date another's."""
    reply, _ = ask(faults=[{"kind": "wrong_patient", "disguised": True}])
    right, _ = ask()
    shown, own = resources(reply, "Patient")[0], resources(right, "Patient")[0]
    assert shown["identifier"][0]["value"] == FULL
    assert (shown["name"], shown["birthDate"]) != (own["name"], own["birthDate"])


def test_http_faults_have_their_status_and_retry_after():
    """429 with Retry-After, as a busy provider answers."""
    reply, _ = ask(faults=[{"kind": "http", "status": 429, "retry_after": 7}])
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "7")


def test_content_faults_spoil_the_content_alone():
    """invalid_json is 200 and no JSON; wrong_content_type is the record as a web page."""
    broken, _ = ask(faults=[{"kind": "invalid_json"}])
    assert broken.status_code == 200
    with pytest.raises(ValueError):
        broken.json()
    page, _ = ask(faults=[{"kind": "wrong_content_type"}])
    assert page.headers["content-type"].startswith("text/html") and page.json()["resourceType"] == "Bundle"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "down"}, httpx.TransportError),
        ({"kind": "truncate", "bytes": 500}, httpx.RemoteProtocolError),
        ({"kind": "hang"}, httpx.ReadTimeout),
    ],
)
def test_a_broken_connection_is_broken(fault, error):
    """down answers nothing, truncate announces more than it sends, hang never answers: seen by a client."""

    async def run():
        mock = GPMock(Population(7, TODAY))
        mock.faults.replace([fault])
        async with mock, httpx.AsyncClient(timeout=0.5) as client:
            with pytest.raises(error):
                await client.post(mock.url + PATH, headers=headers(), content=json.dumps(parameters()))
            ready = await client.get(f"{mock.url}/__sandbox/ready")
            assert ready.json() == {"mock": "gp", "ready": True}

    asyncio.run(run())


def test_latency_delays_and_then_answers():
    """The record comes whole, and not before its time."""

    async def run():
        mock = GPMock(Population(7, TODAY))
        mock.faults.replace([{"kind": "latency", "ms": 300}])
        async with mock, httpx.AsyncClient() as client:
            loop = asyncio.get_running_loop()
            started = loop.time()
            reply = await client.post(mock.url + PATH, headers=headers(), content=json.dumps(parameters()))
            assert reply.status_code == 200 and loop.time() - started >= 0.3

    asyncio.run(run())


def test_the_control_surface_lists_sets_clears_and_resets():
    """faults PUT, GET, DELETE; journal; population; reset: each answers JSON."""

    async def run():
        mock = GPMock(Population(7, TODAY))
        async with mock, httpx.AsyncClient(base_url=f"{mock.url}/__sandbox/") as client:
            await client.put("faults", json=[{"kind": "down", "times": 2}])
            assert (await client.get("faults")).json()[0]["times"] == 2
            assert (await client.delete("faults")).json() == []
            refused = await client.put("faults", json=[{"kind": "x"}])
            assert refused.status_code == 400 and "latency" in refused.json()["known"]
            assert (await client.put("faults", content=b"{")).status_code == 400
            people = (await client.get("population")).json()["patients"]
            known = {p["label"]: p["known"] for p in people}
            assert known["patient_with_full_record"] and not known["patient_unknown_everywhere"]
            await client.get("../nowhere")
            assert len((await client.get("journal")).json()) == 1
            assert (await client.post("reset")).status_code == 200
            assert (await client.get("journal")).json() == []
            assert (await client.get("nonsense")).status_code == 404

    asyncio.run(run())


def test_the_journal_names_people_by_label_alone():
    """No number, name or birth date of a patient stands in the journal."""
    _, journal = ask()
    person = Population(7, TODAY).find("patient_with_full_record").person
    text = json.dumps(journal)
    assert not [v for v in (person.nhs_number, person.family, person.born, person.mrn) if v in text]


def given_file(folder: Path, name: str, number: str) -> Path:
    identifier = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}
    patient = {"resourceType": "Patient", "id": "x_1", "identifier": [identifier]}
    path = folder / name
    path.write_text(json.dumps({"resourceType": "Bundle", "entry": [{"resource": patient}]}, indent=2) + "\n")
    return path


def test_a_given_file_is_served_byte_for_byte(tmp_path):
    """Asked by the identifier that it carries, whatever that looks like, it comes unchanged."""
    number = "{{jsonPath request.body '$.parameter[0]'}}"
    path = given_file(tmp_path, "a.json", number)
    reply, _ = ask(parameters(number), files=[path])
    assert (reply.status_code, reply.content) == (200, path.read_bytes())
    nobody, _ = ask(parameters(FULL), files=[path])
    assert outcome(nobody) == (404, "PATIENT_NOT_FOUND")


def test_a_given_file_that_is_no_record_is_named_and_the_rest_served(tmp_path):
    """The population lists each file with its reason; the good one still answers."""
    good, bad = given_file(tmp_path, "a.json", "1"), tmp_path / "b.json"
    bad.write_text("<html>")

    async def run():
        mock = GPMock(Population(7, TODAY), files=[bad, good])
        async with mock, httpx.AsyncClient() as client:
            files = (await client.get(f"{mock.url}/__sandbox/population")).json()["files"]
            assert [given["refused"] for given in files] == ["HTML", None]
            body = json.dumps(parameters("1"))
            reply = await client.post(mock.url + PATH, headers=headers(), content=body)
            assert reply.content == good.read_bytes()

    asyncio.run(run())


def test_a_mix_up_of_one_is_refused(tmp_path):
    """wrong_patient with a single given file could only do nothing: it is refused, not ignored."""

    async def run():
        mock = GPMock(Population(7, TODAY), files=[given_file(tmp_path, "a.json", "1")])
        async with mock, httpx.AsyncClient() as client:
            return await client.put(f"{mock.url}/__sandbox/faults", json=[{"kind": "wrong_patient"}])

    assert asyncio.run(run()).status_code == 400
