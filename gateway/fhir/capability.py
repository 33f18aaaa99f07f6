"""CapabilityStatement of a node (FHIR R4 5.2), from rows of (type, interaction)."""

from collections.abc import Sequence
from typing import Any

_OAUTH = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_OPERATIONS = {
    "$everything": "http://hl7.org/fhir/OperationDefinition/Patient-everything",
    "$summary": "http://hl7.org/fhir/uv/ips/OperationDefinition/summary",
}
_SEARCH = {
    "Patient": [("identifier", "token")],
    "Consent": [("patient.identifier", "token")],
    "AuditEvent": [
        ("patient", "reference"),
        ("patient.identifier", "token"),
        ("date", "date"),
        ("agent", "token"),
    ],
}
_PROFILES = {"Patient": ["http://hl7.org/fhir/StructureDefinition/Patient"]}


def capability_statement(
    rows: Sequence[tuple[str, str]], *, base: str, token_url: str, version: str, date: str
) -> dict[str, Any]:
    """`rows`: (resource type, restful interaction code or `$operation`) that the node really offers."""
    types = sorted({kind for kind, _ in rows})
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": {"name": "Carepact", "version": version},
        "implementation": {"description": "Patient-record exchange gateway", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "security": _security(token_url),
                "resource": [_resource(kind, [i for k, i in rows if k == kind]) for kind in types],
            }
        ],
    }


def _security(token_url: str) -> dict[str, Any]:
    service = "http://terminology.hl7.org/CodeSystem/restful-security-service"
    return {
        "extension": [{"url": _OAUTH, "extension": [{"url": "token", "valueUri": token_url}]}],
        "service": [{"coding": [{"system": service, "code": "SMART-on-FHIR"}]}],
    }


def _resource(kind: str, interactions: Sequence[str]) -> dict[str, Any]:
    plain = sorted({i for i in interactions if not i.startswith("$")})
    operations = sorted({i for i in interactions if i.startswith("$")})
    built: dict[str, Any] = {"type": kind}
    if kind in _PROFILES:
        built["profile"] = _PROFILES[kind][0]
    if plain:
        built["interaction"] = [{"code": code} for code in plain]
    if "search-type" in plain:
        built["searchParam"] = [{"name": name, "type": type} for name, type in _SEARCH[kind]]
    if operations:
        built["operation"] = [{"name": op[1:], "definition": _OPERATIONS[op]} for op in operations]
    return built
