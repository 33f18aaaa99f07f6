"""AuditEvent by IHE BALP 1.1 (FHIR R4): a view of a ledger leaf and its detail, never a second record.

`id` follows from the leaf hash, so the projection is stable. One event for the disclosure of an exchange and
one for the decision behind it (trust-and-ledger.md 15). Only the disclosure claims its BALP profile: a leaf's
detail does not name the consents that `AuthZconsent` wants as entities: the decision is a plain AuditEvent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_BALP_CODES = "https://profiles.ihe.net/ITI/BALP/CodeSystem/"
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
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
    """The events of one leaf; a delivery has one for its decision, and one for what it disclosed."""
    if one.kind != "deliver":
        return (_plain(one),)
    disclosed = bool(one.detail.get("permitted"))
    return (*((_disclosure(one),) if disclosed else ()), _decision(one))


def _disclosure(one: Logged) -> dict[str, Any]:
    """`PrivacyDisclosure.Source`: this node disclosed to its client, by its custodian's authority."""
    agents = [
        _agent("110153", one.me, requestor=False, address=one.me),
        _agent("110152", one.peer, requestor=True, address=one.peer),
        {"type": {"coding": [_CUSTODIAN]}, "who": _member(one.me), "requestor": False},
    ]
    if any(reason.startswith("consent") for reason in one.detail.get("permitted", [])):
        agents.append(
            {"type": {"coding": [_AUTHORIZER]}, "who": {"reference": one.patient}, "requestor": False}
        )
    event = _event(one, "PrivacyDisclosure.Source", "-d", (_DCM, "110106", "Export"), "R")
    event["subtype"] = [{"system": _LIFECYCLE, "code": "disclose"}]
    return event | {"agent": agents, "entity": [_patient(one), _data(one)]}


def _decision(one: Logged) -> dict[str, Any]:
    """Permitted, or denied with the reason code."""
    permitted = bool(one.detail.get("permitted"))
    event = _event(one, None, "-a", (_DCM, "110113", "Security Alert"), "E", good=permitted)
    event["subtype"] = [{"system": f"{_BALP_CODES}AuthZsubType", "code": "AuthZ-Consent"}]
    if not permitted:
        event["outcomeDesc"] = ", ".join(one.detail.get("denied", [])) or "not-available"
    user = _who(one.detail.get("practitioner")) or _member(one.peer)
    asker = {"type": _coded(_PARTICIPATION, "IRCP"), "who": user, "requestor": True}
    organisation = _member(one.detail.get("organisation") or one.peer)
    server = _coded(f"{_BALP_CODES}UserAgentTypes", "authserver")
    event["agent"] = [
        _agent("110150", one.peer, requestor=False, address=one.peer),
        asker | {"purposeOfUse": _purpose(one)},
        {"type": _coded(_PARTICIPATION, "PROV"), "who": organisation, "requestor": False},
        {"type": server, "who": _member(one.me), "requestor": False},
    ]
    exchange = {"system": "urn:carepact:exchange", "value": str(one.detail.get("exchange") or one.hash)}
    kind = {"system": f"{_BALP_CODES}BasicAuditEntityType", "code": "XrequestId"}
    return event | {"entity": [_patient(one), {"what": {"identifier": exchange}, "type": kind}]}


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
