"""The route table: one row an interaction, and the only source of routing and of the CapabilityStatement.

`scope` is what the handler itself demands with `authenticate.require`; None only where no patient data is.
A test walks the table and calls every row without a token.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from gateway.api import audit_event, consent, directory, exchange, ledger, metadata, patient, smart, token

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Row:
    """`interaction`: FHIR restful interaction code, or `$operation`, of `type` (empty: the system)."""

    method: str
    path: str
    handler: Handler
    interaction: str = ""
    type: str = ""
    scope: str | None = None


TABLE = (
    Row("GET", "/fhir/metadata", metadata.capabilities),
    Row("GET", "/fhir/.well-known/smart-configuration", smart.configuration),
    Row("GET", "/.well-known/smart-configuration", smart.configuration),
    Row("POST", "/oauth/token", token.issue),
    Row("GET", "/directory/metadata/{name}", directory.read),
    Row("GET", "/directory/targets/{path:path}", directory.read),
    Row("GET", "/directory/ping/{nonce}", directory.ping),
    Row("PUT", "/directory/members/{id}", directory.put_member),
    Row("POST", "/exchange", exchange.receive),
    Row("GET", "/ledger/checkpoint", ledger.checkpoint),
    Row("GET", "/ledger/tile/{place:path}", ledger.tile),
    Row("POST", "/ledger/witness/add-checkpoint", ledger.witness),
    Row("GET", "/ledger/witness/held", ledger.held),
    Row("GET", "/fhir/Patient", patient.search, "search-type", "Patient", "Patient.s"),
    Row("POST", "/fhir/Patient/_search", patient.search, "search-type", "Patient", "Patient.s"),
    Row("POST", "/fhir/Patient/$everything", patient.everything_of, "$everything", "Patient", "Patient.r"),
    Row("GET", "/fhir/Patient/{id}/$everything", patient.everything, "$everything", "Patient", "Patient.r"),
    Row("GET", "/fhir/Patient/{id}/$summary", patient.summary, "$summary", "Patient", "Patient.r"),
    Row("POST", "/fhir/Consent", consent.create, "create", "Consent", "Consent.c"),
    Row("POST", "/fhir/Consent/_search", consent.search, "search-type", "Consent", "Consent.s"),
    Row("GET", "/fhir/Consent/{id}", consent.read, "read", "Consent", "Consent.r"),
    Row("PUT", "/fhir/Consent/{id}", consent.update, "update", "Consent", "Consent.u"),
    Row("GET", "/fhir/AuditEvent", audit_event.search, "search-type", "AuditEvent", "AuditEvent.s"),
    Row("POST", "/fhir/AuditEvent/_search", audit_event.search, "search-type", "AuditEvent", "AuditEvent.s"),
    Row("GET", "/fhir/AuditEvent/{id}", audit_event.read, "read", "AuditEvent", "AuditEvent.r"),
    Row("GET", "/fhir/Consent", consent.search, "search-type", "Consent", "Consent.s"),
)
