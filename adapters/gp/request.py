"""What GP Connect Access Record Structured is asked, as bytes and headers (FHIR STU3; pure).

`POST {base}/Patient/$gpc.getstructuredrecord` with a Parameters body, the four Ssp headers and the audit
token that GP Connect orders ("Cross-organisation audit and provenance"): a JWT without signature, which tells
the source who asks and proves nothing. It is built here alone and is accepted nowhere in this node.
"""

import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters import codec
from adapters.identity import NHS_NUMBER, is_fhir_id
from adapters.interface import Identifier, PatientQuery

PATH = "Patient/$gpc.getstructuredrecord"
INTERACTION = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1"
MEDIA_TYPE = "application/fhir+json"
TOKEN_SECONDS = 300
ODS_CODE = "https://fhir.nhs.uk/Id/ods-organization-code"
SDS_USER = "https://fhir.nhs.uk/Id/sds-user-id"
DIRECT_CARE = frozenset(("TREAT", "ETREAT", "BTG", "CAREMGT", "COC"))
"""Purposes of use (v3 ActReason) for which `directcare`, the one reason that GP Connect knows, is true."""

_PARTS = {"includeAllergies": "includeResolvedAllergies", "includeMedication": "includePrescriptionIssues"}
ALWAYS = ("includeAllergies", "includeMedication")
BY_CAPABILITY = (
    "includeConsultations",
    "includeProblems",
    "includeImmunisations",
    "includeUncategorisedData",
    "includeInvestigations",
    "includeReferrals",
    "includeDocuments",
)


@dataclass(frozen=True, slots=True)
class GPConnectSettings:
    """One GP Connect endpoint, and who we are to it. No secret: the certificate is the transport's."""

    base_url: str
    """Service root of the source, `https://…/STU3/1/gpconnect/structured/fhir`."""
    asid_from: str
    """Our Accredited System ID."""
    asid_to: str
    """That of the source's system."""
    ods_code: str
    """ODS code of the organisation that asks (ours)."""
    organisation_name: str
    audience: str = ""
    """`aud` of the audit token; empty: the base URL."""
    issuer: str = "https://carepact.invalid"
    """`iss` of the audit token: URL of the system that asks."""
    device_model: str = "Carepact"
    device_version: str = "1"
    device_id: str = "carepact"
    includes: tuple[str, ...] = BY_CAPABILITY
    """What this source offers beyond allergies and medication."""


def nhs_number_of(identifiers: tuple[Identifier, ...]) -> Identifier | None:
    """The one identifier that GP Connect can be asked by."""
    return next((i for i in identifiers if i.system == NHS_NUMBER and i.value.strip()), None)


def body(nhs_number: str, includes: tuple[str, ...]) -> bytes:
    """The Parameters resource. Resolved allergies and issues are always asked for: less is not the record."""
    parameters: list[dict[str, Any]] = [
        {"name": "patientNHSNumber", "valueIdentifier": {"system": NHS_NUMBER, "value": nhs_number}}
    ]
    for name in (*ALWAYS, *includes):
        part = _PARTS.get(name)
        parameters.append(
            {"name": name, "part": [{"name": part, "valueBoolean": True}]} if part else {"name": name}
        )
    return codec.encode({"resourceType": "Parameters", "parameter": parameters})


def headers(settings: GPConnectSettings, patient: PatientQuery) -> Mapping[str, str]:
    """Media types, Ssp headers and the audit token. Nothing here says who the patient is."""
    return {
        "Accept": MEDIA_TYPE,
        "Content-Type": MEDIA_TYPE,
        "Ssp-TraceID": trace_id(patient.trace),
        "Ssp-From": settings.asid_from,
        "Ssp-To": settings.asid_to,
        "Ssp-InteractionID": INTERACTION,
        "Authorization": f"Bearer {unsigned_audit_token(settings, patient)}",
    }


def trace_id(trace: str) -> str:
    """The trace of the exchange as the UUID that Ssp-TraceID has to be."""
    try:
        return str(uuid.UUID(trace))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, trace))


def unsigned_audit_token(settings: GPConnectSettings, patient: PatientQuery) -> str:
    """JWT with `alg: none` and an empty signature, good for 300 seconds from the clock of the exchange."""
    issued = int(patient.at.timestamp())
    requester = patient.requester
    practitioner = requester.practitioner or requester.organisation
    claims = {
        "iss": settings.issuer,
        "sub": practitioner,
        "aud": settings.audience or settings.base_url,
        "exp": issued + TOKEN_SECONDS,
        "iat": issued,
        "reason_for_request": "directcare",
        "requested_scope": "patient/*.read",
        "requesting_device": {
            "resourceType": "Device",
            "identifier": [{"system": f"{settings.issuer}/device", "value": settings.device_id}],
            "model": settings.device_model,
            "version": settings.device_version,
        },
        "requesting_organization": {
            "resourceType": "Organization",
            "identifier": [{"system": ODS_CODE, "value": settings.ods_code}],
            "name": settings.organisation_name,
        },
        "requesting_practitioner": _practitioner(settings, practitioner, requester.role),
    }
    return f"{_segment({'alg': 'none', 'typ': 'JWT'})}.{_segment(claims)}."


def _practitioner(settings: GPConnectSettings, user: str, role: str | None) -> dict[str, Any]:
    identifiers = [
        {"system": SDS_USER, "value": user},
        {"system": f"{settings.issuer}/user", "value": user},
    ]
    if role:
        identifiers.append({"system": f"{settings.issuer}/role", "value": role})
    made = {"resourceType": "Practitioner", "identifier": identifiers, "name": [{"family": user}]}
    return made | ({"id": user} if is_fhir_id(user) else {})


def _segment(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(codec.encode(value)).rstrip(b"=").decode("ascii")
