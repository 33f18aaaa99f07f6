"""The GP mock against GP Connect Access Record Structured 1.6, over a real socket.

The wire shapes (headers, claims, Parameters, Lists, error codes) are those of the published specification.
"""

import asyncio
import base64
import json
import re
from collections import Counter
from datetime import date

import httpx
import pytest

from gateway.sandbox.mocks.gp import GPMock
from gateway.sandbox.mocks.population import Population

TODAY = date(2026, 11, 22)
PATH = "/Patient/$gpc.getstructuredrecord"
FULL = "9990000018"
ALL = ("includeAllergies", "includeMedication", "includeProblems", "includeImmunisations")
ALL += ("includeInvestigations", "includeConsultations")
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


def token(header=None, signature="", **changes):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part(header or {'alg': 'none', 'typ': 'JWT'})}.{part(CLAIMS | changes)}.{signature}"


def headers(**changes):
    found = {
        "Ssp-TraceID": "09a01679-2564-0fb4-5129-aecc81ea2706",
        "Ssp-From": "200000000359",
        "Ssp-To": "918999198738",
        "Ssp-InteractionID": "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1",
        "Authorization": f"Bearer {token()}",
        "Content-Type": "application/fhir+json",
        "Accept": "application/fhir+json",
    }
    return {name: value for name, value in (found | changes).items() if value is not None}


def parameters(number=FULL, *names, system="https://fhir.nhs.uk/Id/nhs-number", resolved=True):
    asked = [{"name": "patientNHSNumber", "valueIdentifier": {"system": system, "value": number}}]
    for name in names or ALL:
        part = {"name": "includeResolvedAllergies", "valueBoolean": resolved}
        asked.append({"name": name, "part": [part]} if name == "includeAllergies" else {"name": name})
    return {"resourceType": "Parameters", "parameter": asked}


def ask(body=None, *, sent=None, path=PATH, method="POST", content=None):
    """What the mock answers, and its journal."""

    async def run():
        async with GPMock(Population(7, TODAY)) as mock, httpx.AsyncClient(timeout=5) as client:
            reply = await client.request(
                method,
                mock.url + path,
                headers=sent or headers(),
                content=content if content is not None else json.dumps(body or parameters()),
            )
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


def test_a_record_is_a_structured_record_bundle():
    """200, FHIR JSON, type collection, the profile of the specification, one Patient with the asked number."""
    reply, journal = ask()
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("application/fhir+json")
    bundle = reply.json()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "collection")
    assert bundle["meta"]["profile"] == [
        "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-StructuredRecord-Bundle-1"
    ]
    (patient,) = resources(reply, "Patient")
    assert patient["identifier"][0]["value"] == FULL
    assert journal[0]["patient"] == "patient_with_full_record"


def test_every_reference_of_the_bundle_resolves():
    """Contained or beside it: no reference of a synthetic record points at nothing."""
    reply, _ = ask()
    found = [entry["resource"] for entry in reply.json()["entry"]]
    known = {f"{r['resourceType']}/{r['id']}" for r in found if "id" in r}
    for resource in found:
        inside = {f"#{contained['id']}" for contained in resource.get("contained", ())}
        named = set(re.findall(r'"reference": "([^"]*)"', json.dumps(resource)))
        assert named <= known | inside


def test_only_what_was_asked_for_is_in_the_answer():
    """Each include parameter adds its List and resources; without it they are absent."""
    reply, _ = ask(parameters(FULL, "includeAllergies"))
    kinds = Counter(entry["resource"]["resourceType"] for entry in reply.json()["entry"])
    assert kinds["AllergyIntolerance"] == 1 and kinds["List"] == 2
    assert not kinds["Condition"] and not kinds["MedicationStatement"] and not kinds["Observation"]


def test_ended_allergies_are_contained_in_their_list():
    """The specification's shape: 1103671000000101 with contained allergies, and none without the switch."""
    reply, _ = ask()
    ended = [x for x in resources(reply, "List") if x["code"]["coding"][0]["code"] == "1103671000000101"]
    assert [a["clinicalStatus"] for a in ended[0]["contained"]] == ["resolved"]
    assert ended[0]["entry"] == [{"item": {"reference": f"#{ended[0]['contained'][0]['id']}"}}]
    without, _ = ask(parameters(FULL, "includeAllergies", resolved=False))
    assert len(resources(without, "List")) == 1


def test_medication_comes_as_statement_plan_and_issues():
    """Each statement has one plan; each issue is an order based on it; product by reference."""
    reply, _ = ask()
    requests = {r["id"]: r for r in resources(reply, "MedicationRequest")}
    for statement in resources(reply, "MedicationStatement"):
        plan = requests[statement["basedOn"][0]["reference"].partition("/")[2]]
        assert plan["intent"] == "plan"
    orders = [r for r in requests.values() if r["intent"] == "order"]
    assert len(orders) == 3
    assert all(requests[o["basedOn"][0]["reference"].partition("/")[2]]["intent"] == "plan" for o in orders)


def test_an_area_without_content_is_an_empty_list():
    """Asked for and nothing there: a List with its emptyReason, never silence."""
    reply, _ = ask(parameters(FULL, "includeReferrals", "includeUncategorisedData"))
    lists = resources(reply, "List")
    assert [x["emptyReason"]["coding"][0]["code"] for x in lists] == ["no-content-recorded"] * 2
    assert not any("entry" in x for x in lists)


def test_real_flaws_are_there():
    """Ids that FHIR forbids, and list warnings where a record is short: an adapter must meet them."""
    reply, _ = ask()
    assert any("_" in r["id"] for r in resources(reply, "Observation"))
    sealed, _ = ask(parameters("9990000042"))
    lists = json.dumps(resources(sealed, "List"))
    assert "confidential-items" in lists and "Extension-CareConnect-GPC-ListWarningCode-1" in lists


def test_psychiatry_is_marked_and_nothing_else():
    """PSY and R stand in meta.security of the marked facts; the asthma and the vaccines have no label."""
    reply, _ = ask()
    marked = Counter()
    for entry in reply.json()["entry"]:
        codes = {label["code"] for label in entry["resource"].get("meta", {}).get("security", ())}
        assert codes in (set(), {"PSY", "R"})
        if codes:
            marked[entry["resource"]["resourceType"]] += 1
    assert marked == {
        "Condition": 1,
        "Medication": 1,
        "MedicationStatement": 1,
        "MedicationRequest": 2,
        "DiagnosticReport": 1,
        "Observation": 1,
        "Encounter": 1,
    }


def test_numbers_leave_as_they_were_written():
    """1.10 is 1.10 on the wire: the trailing zero of a laboratory is not ours to drop."""
    reply, _ = ask(parameters("9990000077"))
    assert b'"value":1.10,' in reply.content and b'"value":0.00100,' in reply.content


def test_an_unknown_parameter_is_a_remark():
    """Forwards compatibility: NOT_IMPLEMENTED as a warning in the Bundle, and the record all the same."""
    reply, _ = ask(parameters(FULL, "includeAllergies", "includeHoroscope"))
    (remark,) = resources(reply, "OperationOutcome")
    assert remark["issue"][0]["severity"] == "warning"
    assert remark["issue"][0]["diagnostics"] == "includeHoroscope"
    assert resources(reply, "AllergyIntolerance")


@pytest.mark.parametrize("number", ["9990000026", "9990000107", "9990001006"])
def test_an_unknown_patient_is_not_found(number):
    """Unknown everywhere, unknown to the GP, and nobody's number look alike."""
    reply, _ = ask(parameters(number))
    assert outcome(reply) == (404, "PATIENT_NOT_FOUND")


@pytest.mark.parametrize("number", ["9990000019", "123", ""])
def test_a_wrong_number_is_invalid(number):
    """Check digit and length are tested before anybody is looked up."""
    reply, _ = ask(parameters(number))
    assert outcome(reply) == (400, "INVALID_NHS_NUMBER")


def test_another_identifier_system_is_refused():
    """Only NHS numbers are asked by."""
    reply, _ = ask(parameters(FULL, system="urn:x"))
    assert outcome(reply) == (400, "INVALID_IDENTIFIER_SYSTEM")


@pytest.mark.parametrize("name", ["Ssp-TraceID", "Ssp-From", "Ssp-To", "Ssp-InteractionID", "Authorization"])
def test_each_required_header_is_required(name):
    """The Spine proxy would refuse a request without it, and so does the mock."""
    reply, _ = ask(sent=headers(**{name: None}))
    assert outcome(reply) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "bad",
    [
        token(signature="c2ln"),
        token(header={"alg": "HS256", "typ": "JWT"}),
        token(exp=1301),
        token(aud=""),
        token(reason_for_request="research"),
        token(requested_scope="organization/*.read"),
        token(requesting_practitioner={"resourceType": "Device"}),
        "only-one-part",
        "%%.%%.",
    ],
)
def test_the_audit_token_has_the_shape_that_the_specification_orders(bad):
    """Unsigned, five minutes, direct care, the three resources: anything else is a bad request."""
    reply, _ = ask(sent=headers(Authorization=f"Bearer {bad}"))
    assert outcome(reply) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{", (400, "BAD_REQUEST")),
        (b"[" * 100_000, (400, "BAD_REQUEST")),
        (b'{"resourceType":"Patient"}', (422, "INVALID_RESOURCE")),
        (b'{"resourceType":"Parameters","parameter":[7]}', (422, "INVALID_RESOURCE")),
        (b'{"resourceType":"Parameters","parameter":[]}', (422, "INVALID_PARAMETER")),
        (json.dumps(parameters(FULL, "includeMedication", "includeMedication")), (422, "INVALID_PARAMETER")),
    ],
)
def test_a_bad_body_is_told_apart(content, expected):
    """Not JSON, not Parameters, and parameters that do not fit each have their code."""
    reply, _ = ask(content=content)
    assert outcome(reply) == expected


def test_another_media_type_is_unsupported():
    """XML is not offered: 415 with the specification's code."""
    reply, _ = ask(sent=headers(**{"Content-Type": "application/fhir+xml"}))
    assert outcome(reply) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_wrong_method_or_address_is_an_outcome():
    """GET on the operation and any other address answer with an OperationOutcome, not with a page."""
    assert ask(method="GET", content=b"")[0].status_code == 405
    assert outcome(ask(path="/Observation")[0]) == (404, "NO_RECORD_FOUND")
