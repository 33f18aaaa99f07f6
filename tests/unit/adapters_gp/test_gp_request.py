"""What a practice is asked: the Parameters body, the Ssp headers and the audit token of GP Connect."""

import base64
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.gp import request
from adapters.gp.request import GPConnectSettings
from adapters.identity import NHS_NUMBER
from adapters.interface import Identifier, PatientQuery, Requester

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
SETTINGS = GPConnectSettings(
    base_url="https://gp.example/fhir",
    asid_from="200000000001",
    asid_to="200000000002",
    ods_code="Y90009",
    organisation_name="Green Hospital",
)


def _query(
    practitioner: str | None = "555021935107", role: str | None = "R8000", trace: str = "ex-1"
) -> PatientQuery:
    who = Requester("green.example", practitioner, role, "TREAT")
    return PatientQuery((Identifier(NHS_NUMBER, "9990000018"),), who, AT, trace)


def _segments(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    head, claims, signature = token.split(".")
    parts = [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (head, claims)]
    return parts[0], parts[1], signature


def test_the_body_asks_for_all_of_allergies_and_medication() -> None:
    """Ended allergies and prescription issues are always asked for: without them the record is not the record."""
    asked = json.loads(request.body("9990000018", ("includeProblems",)))
    assert asked["resourceType"] == "Parameters"
    assert asked["parameter"] == [
        {"name": "patientNHSNumber", "valueIdentifier": {"system": NHS_NUMBER, "value": "9990000018"}},
        {"name": "includeAllergies", "part": [{"name": "includeResolvedAllergies", "valueBoolean": True}]},
        {"name": "includeMedication", "part": [{"name": "includePrescriptionIssues", "valueBoolean": True}]},
        {"name": "includeProblems"},
    ]


def test_the_audit_token_is_unsigned_and_lives_300_seconds() -> None:
    """`alg` none, nothing after the second point, and the time of the exchange, not of the machine."""
    head, claims, signature = _segments(request.unsigned_audit_token(SETTINGS, _query()))
    assert head == {"alg": "none", "typ": "JWT"}
    assert signature == ""
    assert claims["iat"] == int(AT.timestamp())
    assert claims["exp"] - claims["iat"] == 300


def test_the_audit_token_says_who_asks_and_why() -> None:
    """Claims of GP Connect: device, organisation by ODS code, practitioner, direct care, read only."""
    _, claims, _ = _segments(request.unsigned_audit_token(SETTINGS, _query()))
    assert claims["reason_for_request"] == "directcare"
    assert claims["requested_scope"] == "patient/*.read"
    assert claims["aud"] == SETTINGS.base_url
    assert claims["sub"] == claims["requesting_practitioner"]["id"] == "555021935107"
    assert claims["requesting_organization"]["identifier"] == [
        {"system": request.ODS_CODE, "value": "Y90009"}
    ]
    assert claims["requesting_device"]["resourceType"] == "Device"


def test_a_system_that_asks_without_a_person_still_has_a_subject() -> None:
    """No practitioner: the organisation stands for it; no claim is left out or null."""
    _, claims, _ = _segments(request.unsigned_audit_token(SETTINGS, _query(practitioner=None, role=None)))
    assert claims["sub"] == "green.example"
    assert all(value for value in claims.values())


@pytest.mark.parametrize("trace", ["ex-1", "0191d3b2-7b1c-7d6e-9b3a-2f6d3c1b0a99"])
def test_headers_name_systems_and_never_the_patient(trace: str) -> None:
    """The four Ssp headers are there, the trace is a UUID, and the number of the patient is in none."""
    sent = request.headers(SETTINGS, _query(trace=trace))
    assert uuid.UUID(sent["Ssp-TraceID"])
    assert (sent["Ssp-From"], sent["Ssp-To"]) == ("200000000001", "200000000002")
    assert sent["Ssp-InteractionID"].endswith("gpc.getstructuredrecord-1")
    assert sent["Content-Type"] == "application/fhir+json"
    claims = json.dumps(_segments(sent["Authorization"].removeprefix("Bearer "))[1])
    assert "9990000018" not in json.dumps(dict(sent)) + claims
    assert "9990000018" not in request.PATH
