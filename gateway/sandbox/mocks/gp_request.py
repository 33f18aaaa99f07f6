"""What the GP mock demands of a request: interaction headers, audit token, Parameters (GP Connect 1.6)."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from gateway.sandbox.mocks.jsontext import decode_json
from gateway.sandbox.mocks.server import Request

INTERACTION = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1"
_HEADERS = ("ssp-traceid", "ssp-from", "ssp-to", "ssp-interactionid")
_MEDIA_TYPES = ("application/fhir+json", "application/json+fhir", "application/json")
_TEXT_CLAIMS = ("iss", "sub", "aud", "reason_for_request", "requested_scope")
_RESOURCE_CLAIMS = {
    "requesting_device": "Device",
    "requesting_organization": "Organization",
    "requesting_practitioner": "Practitioner",
}
_PARTS = {
    "includeAllergies": ("includeResolvedAllergies",),
    "includeMedication": ("includePrescriptionIssues", "medicationSearchFromDate"),
    "includeConsultations": ("consultationSearchPeriod", "includeNumberOfMostRecent"),
    "includeProblems": ("filterStatus", "filterSignificance"),
    "includeImmunisations": ("includeNotGiven", "includeStatus"),
    "includeUncategorisedData": ("uncategorisedDataSearchPeriod",),
    "includeInvestigations": ("investigationSearchPeriod",),
    "includeReferrals": ("referralSearchPeriod",),
    "includeDocuments": ("documentSearchPeriod",),
}


class Refusal(Exception):
    """An answer that is no record: HTTP status, FHIR issue type, Spine code. Texts are constant."""

    def __init__(self, status: int, issue: str, code: str, display: str, diagnostics: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.issue = issue
        self.code = code
        self.display = display
        self.diagnostics = diagnostics


@dataclass(frozen=True, slots=True)
class StructuredRequest:
    """What was asked. `wanted`: known parameters with their boolean parts; `unknown`: the others by name."""

    system: str
    number: str
    wanted: dict[str, dict[str, bool]]
    unknown: tuple[str, ...]


def check_headers(request: Request) -> None:
    """Steps 1 to 3. Refusal."""
    missing = [name for name in _HEADERS if not request.headers.get(name)]
    if missing:
        raise _bad_request(f"{missing[0]} header is missing")
    if request.headers["ssp-interactionid"] != INTERACTION:
        raise _bad_request("Ssp-InteractionID is not the one of this operation")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not token:
        raise _bad_request("Authorization header with a bearer token is missing")
    _check_token(token)
    accepted = request.headers.get("accept", "*/*")
    if request.media_type not in _MEDIA_TYPES or not ("json" in accepted or "*/*" in accepted):
        raise Refusal(415, "not-supported", "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type")


def _check_token(token: str) -> None:
    """The audit token is unsigned, as the specification orders: three parts, the last one empty."""
    parts = token.split(".")
    if len(parts) != 3 or parts[2]:
        raise _bad_request("JWT must be unsigned")
    header, claims = (_json_from_base64url(part) for part in parts[:2])
    if header.get("alg") != "none" or header.get("typ", "JWT") != "JWT":
        raise _bad_request("JWT header must be alg none, typ JWT")
    for name in _TEXT_CLAIMS:
        if not isinstance(claims.get(name), str) or not claims[name]:
            raise _bad_request(f"JWT {name} claim is missing")
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(expires) is not int or expires != issued + 300:
        raise _bad_request("JWT exp claim must be iat + 300")
    if claims["reason_for_request"] != "directcare" or claims["requested_scope"] != "patient/*.read":
        raise _bad_request("JWT reason or scope is not the one of this operation")
    for name, kind in _RESOURCE_CLAIMS.items():
        resource = claims.get(name)
        if not isinstance(resource, dict) or resource.get("resourceType") != kind:
            raise _bad_request(f"JWT {name} claim is not a {kind}")


def _json_from_base64url(part: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise _bad_request("JWT is not base64url JSON") from None
    if not isinstance(value, dict):
        raise _bad_request("JWT is not base64url JSON")
    return value


def read_parameters(body: bytes) -> StructuredRequest:
    """Step 4: the Parameters resource. Refusal."""
    try:
        resource = decode_json(body)
    except ValueError:
        raise _bad_request("body is not JSON") from None
    if not isinstance(resource, dict) or resource.get("resourceType") != "Parameters":
        raise Refusal(422, "invalid", "INVALID_RESOURCE", "Invalid validation of resource")
    parameters = resource.get("parameter")
    if not isinstance(parameters, list) or not all(isinstance(item, dict) for item in parameters):
        raise Refusal(422, "invalid", "INVALID_RESOURCE", "Invalid validation of resource")
    names = [str(item.get("name", "")) for item in parameters]
    if len(set(names)) != len(names) or "patientNHSNumber" not in names:
        raise _invalid("patientNHSNumber must be there, and no parameter twice")
    system, number = _identifier(parameters[names.index("patientNHSNumber")])
    wanted = {
        name: _boolean_parts(name, item)
        for name, item in zip(names, parameters, strict=True)
        if name in _PARTS
    }
    allergies = wanted.get("includeAllergies")
    if allergies is not None and "includeResolvedAllergies" not in allergies:
        raise _invalid("includeResolvedAllergies is missing")
    unknown = [name for name in names if name not in _PARTS and name != "patientNHSNumber"]
    for name, item in zip(names, parameters, strict=True):
        unknown += [part for part in _part_names(item) if name in _PARTS and part not in _PARTS[name]]
    return StructuredRequest(system, number, wanted, tuple(unknown))


def _identifier(parameter: dict[str, Any]) -> tuple[str, str]:
    value = parameter.get("valueIdentifier")
    if not isinstance(value, dict) or not isinstance(value.get("value"), str):
        raise _invalid("patientNHSNumber must be an Identifier")
    return str(value.get("system", "")), value["value"]


def _boolean_parts(name: str, parameter: dict[str, Any]) -> dict[str, bool]:
    """The switches of one parameter. Filters (periods, codes) are taken and not applied: all is returned.

    A part that is not known is remarked upon in the answer, as an unknown parameter is.
    """
    parts = parameter.get("part", [])
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise _invalid(f"{name} has parts that are none")
    found: dict[str, bool] = {}
    for part in parts:
        if isinstance(part.get("valueBoolean"), bool):
            found[str(part["name"])] = part["valueBoolean"]
    return found


def _part_names(parameter: dict[str, Any]) -> list[str]:
    parts = parameter.get("part", [])
    return [str(part.get("name", "")) for part in parts] if isinstance(parts, list) else []


def _bad_request(diagnostics: str) -> Refusal:
    return Refusal(400, "invalid", "BAD_REQUEST", "Bad request", diagnostics)


def _invalid(diagnostics: str) -> Refusal:
    return Refusal(422, "invalid", "INVALID_PARAMETER", "Invalid parameter", diagnostics)
