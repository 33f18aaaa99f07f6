"""AuditEvent by IHE BALP 1.1 (FHIR R4): a view of a ledger leaf and its detail, never a second record.

`id` follows from the leaf hash, so the projection is stable. One event for the disclosure of an exchange, one
for the decision behind it, one for a search (trust-and-ledger.md 15). What failed or was refused by a source,
and changes, readings and erasures, are plain AuditEvents without a claim of BALP.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_BALP_CODES = "https://profiles.ihe.net/ITI/BALP/CodeSystem/"
_EVENT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_ROLE_CLASS = "http://terminology.hl7.org/CodeSystem/v3-RoleClass"
_SECURITY_ROLE = "http://terminology.hl7.org/CodeSystem/extra-security-role-type"
_RESTFUL = "http://hl7.org/fhir/restful-interaction"
_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ENTITY_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_CUSTODIAN = {
    "system": "http://snomed.info/sct",
    "code": "159541003",
    "display": "Record keeping/library clerk",
}
_AUTHORIZER = {"system": "http://snomed.info/sct", "code": "429577009", "display": "Patient advocate"}
MEMBER, MANIFEST = "urn:carepact:member", "urn:carepact:md"


@dataclass(frozen=True, slots=True)
class Logged:
    """A leaf with its opened detail. `hash`: hex; `at`: FHIR instant; `md`: base64url; `detail`: JSON."""

    hash: str
    at: str
    kind: str
    me: str
    peer: str
    md: str
    patient: str
    """Reference of the patient, `Patient/<id>`."""
    detail: Mapping[str, Any]


def audit_events(one: Logged) -> tuple[dict[str, Any], ...]:
    """The events of one leaf: what was disclosed, the decision behind it, the search that asked for it."""
    if one.kind == "receive" and one.detail.get("op") == "query":
        return (_received(one),)
    if one.kind not in ("deliver", "answer") or "permitted" not in one.detail:
        return (_plain(one),)
    events = (_disclosure(one),) if one.detail["permitted"] else ()
    searched = (_query(one),) if one.detail.get("operation") in _SEARCHES else ()
    return (*events, _decision(one), *searched)


def _disclosure(one: Logged) -> dict[str, Any]:
    """`PrivacyDisclosure.Source`: this node disclosed to its client, by its custodian's authority."""
    agents = _both(one.me, one.peer)
    if any(reason.startswith("consent") for reason in one.detail.get("permitted", [])):
        agents.append(
            {"type": {"coding": [_AUTHORIZER]}, "who": {"reference": one.patient}, "requestor": False}
        )
    event = _event(one, "PrivacyDisclosure.Source", "-d", (_DCM, "110106", "Export"), "R")
    event["subtype"] = [{"system": _LIFECYCLE, "code": "disclose"}]
    return event | {"agent": agents, "entity": [_patient(one), _data(one)]}


def _received(one: Logged) -> dict[str, Any]:
    """`PrivacyDisclosure.Recipient`: an answer of another member's node came in; paired by the same `md`."""
    event = _event(one, "PrivacyDisclosure.Recipient", "-d", (_DCM, "110107", "Import"), "C")
    event["subtype"] = [{"system": _LIFECYCLE, "code": "disclose"}]
    return event | {"agent": _both(one.peer, one.me), "entity": [_patient(one), _data(one)]}


def _both(source: str, recipient: str) -> list[dict[str, Any]]:
    """The two sides of a disclosure, and who keeps the records."""
    return [
        _agent("110153", source, requestor=False, address=source),
        _agent("110152", recipient, requestor=True, address=recipient),
        {"type": {"coding": [_CUSTODIAN]}, "who": _member(source), "requestor": False},
    ]


_SEARCHES = {
    "patients": "Patient?identifier=",
    "everything": "Patient/$everything",
    "summary": "Patient/$summary",
}
"""What was asked for, as the detail keeps it: the raw request holds her identifiers, and is not kept."""


def _query(one: Logged) -> dict[str, Any]:
    """`PatientQuery`: a local client searched."""
    event = _event(one, "PatientQuery", "-q", (_EVENT_TYPE, "rest", "Restful Operation"), "E")
    event["subtype"] = [{"system": _RESTFUL, "code": "search"}]
    asked = base64.b64encode(_SEARCHES[str(one.detail["operation"])].encode()).decode()
    query = {
        "type": {"system": _ENTITY_TYPE, "code": "2", "display": "System Object"},
        "role": {"system": _ENTITY_ROLE, "code": "24", "display": "Query"},
        "query": asked,
    }
    return event | {
        "agent": [
            _agent("110153", one.peer, requestor=False, address=one.peer),
            _agent("110152", one.me, requestor=False, address=one.me),
            _user(one),
        ],
        "entity": [_patient(one), query, _transaction(one)],
    }


def _user(one: Logged) -> dict[str, Any]:
    user = _who(one.detail.get("practitioner")) or _member(one.peer)
    asker = {"type": _coded(_PARTICIPATION, "IRCP"), "who": user, "requestor": True}
    return asker | {"purposeOfUse": _purpose(one)}


def _transaction(one: Logged) -> dict[str, Any]:
    exchange = {"system": "urn:carepact:exchange", "value": str(one.detail.get("exchange") or one.hash)}
    kind = {"system": f"{_BALP_CODES}BasicAuditEntityType", "code": "XrequestId"}
    return {"what": {"identifier": exchange}, "type": kind}


def _consents(one: Logged) -> list[dict[str, Any]]:
    """The consents that were looked at; with none on file, the policy that then holds."""
    kind = {"system": "http://hl7.org/fhir/resource-types", "code": "Consent"}
    held = [str(ref).partition("@") for ref in one.detail.get("consents", [])]
    found: list[dict[str, Any]] = [
        {"reference": f"Consent/{id}/_history/{version}"} for id, _, version in held
    ]
    default = {"identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:carepact:policy:default"}}
    return [{"what": what, "type": kind} for what in found or [default]]


def _decision(one: Logged) -> dict[str, Any]:
    """`AuthZconsent`: permitted, or denied with the reason code."""
    permitted = bool(one.detail.get("permitted"))
    event = _event(one, "AuthZconsent", "-a", (_DCM, "110113", "Security Alert"), "E", good=permitted)
    event["subtype"] = [{"system": f"{_BALP_CODES}AuthZsubType", "code": "AuthZ-Consent"}]
    if not permitted:
        event["outcomeDesc"] = ", ".join(one.detail.get("denied", [])) or "not-available"
    organisation = _member(one.detail.get("organisation") or one.peer)
    server = _coded(_SECURITY_ROLE, "authserver")
    event["agent"] = [
        _agent("110150", one.peer, requestor=False, address=one.peer),
        _user(one),
        {"type": _coded(_ROLE_CLASS, "PROV"), "who": organisation, "requestor": False},
        {"type": server, "who": _member(one.me), "requestor": False},
    ]
    return event | {"entity": [_patient(one), *_consents(one)]}


def _plain(one: Logged) -> dict[str, Any]:
    """A change or a reading: consent, report, erasure, emergency."""
    action = {"consent": "U", "erase": "D", "report": "R"}.get(one.kind, "E")
    event = _event(one, None, "", (_DCM, "110110", "Patient Record"), action)
    event["subtype"] = [{"system": "urn:carepact:leaf-kind", "code": one.kind}]
    who = {"display": str(one.detail["by"])} if one.detail.get("by") else _member(one.peer or one.me)
    agent = {"type": _coded(_PARTICIPATION, "IRCP"), "who": who, "requestor": True}
    return event | {"agent": [agent], "entity": [_patient(one)]}


def _event(
    one: Logged, profile: str | None, suffix: str, type_: Sequence[str], action: str, *, good: bool = True
) -> dict[str, Any]:
    system, code, display = type_
    event: dict[str, Any] = {"resourceType": "AuditEvent", "id": one.hash[: 64 - len(suffix)] + suffix}
    if profile is not None:
        event["meta"] = {"profile": [_BALP + profile]}
    event["type"] = {"system": system, "code": code, "display": display}
    event |= {"action": action, "recorded": one.at, "outcome": "0" if good else "8"}
    if one.detail.get("purpose"):
        event["purposeOfEvent"] = _purpose(one)
    return event | {"source": {"observer": _member(one.me)}}


def _agent(code: str, member: str, *, requestor: bool, address: str) -> dict[str, Any]:
    return {
        "type": _coded(_DCM, code),
        "who": _member(member),
        "requestor": requestor,
        "network": {"address": address, "type": "5"},
    }


def _patient(one: Logged) -> dict[str, Any]:
    return {
        "what": {"reference": one.patient},
        "type": {"system": _ENTITY_TYPE, "code": "1", "display": "Person"},
        "role": {"system": _ENTITY_ROLE, "code": "1", "display": "Patient"},
    }


def _data(one: Logged) -> dict[str, Any]:
    """`md` is what pairs the events of both sides."""
    return {
        "what": {"identifier": {"system": MANIFEST, "value": one.md}},
        "type": {"system": _ENTITY_TYPE, "code": "2", "display": "System Object"},
        "role": {"system": _ENTITY_ROLE, "code": "3", "display": "Report"},
    }


def _purpose(one: Logged) -> list[dict[str, Any]]:
    return [_coded(_REASON, str(one.detail.get("purpose") or "TREAT"))]


def _who(identifier: Any) -> dict[str, Any] | None:
    system, bar, value = str(identifier or "").partition("|")
    return {"identifier": {"system": system, "value": value}} if bar else None


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _member(member: str) -> dict[str, Any]:
    return {"identifier": {"system": MEMBER, "value": member}}
