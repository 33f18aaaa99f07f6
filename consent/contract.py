"""A sharing agreement as FHIR R4 Contract (consent.md 5): export only, for those who keep contracts so.

The signed document travels inside, byte for byte (`legallyBindingAttachment`), each signature with its JWS.
Who wants to know what was agreed reads that; the terms beside it are a reading aid.
"""

import base64
from typing import Any

from consent.agreement import SharingAgreement, Term, agreement_from_stored
from consent.instants import datetime_from_micros, instant_text
from consent.interface import StoredAgreement, StoredStatement
from consent.references import typed
from consent.vocabulary import ACT_CODE, ACT_REASON, CONFIDENTIALITY, CONSENT_ACTION, LADDER, RESOURCE_TYPES

_STATUS = {
    "draft": "offered",
    "proposed": "offered",
    "half-signed": "negotiable",
    "active": "executed",
    "suspended": "disputed",
    "terminated": "terminated",
    "expired": "terminated",
    "superseded": "amended",
}
_SIGNATURE = {"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1"}
_SIGNER = "http://terminology.hl7.org/CodeSystem/contractsignertypecodes"


def contract_from_agreement(stored: StoredAgreement, status: str) -> dict[str, Any]:
    """`status`: of `agreement_status`. Raises `Uncomputable` for a document that is no agreement."""
    agreement = agreement_from_stored(stored)
    contract: dict[str, Any] = {
        "resourceType": "Contract",
        "id": f"{agreement.id}-{agreement.version}",
        "identifier": [{"value": agreement.id}],
        "version": str(agreement.version),
        "status": _STATUS[status],
        "issued": instant_text(stored.recorded),
        "applies": _applies(agreement),
        "subject": [_organisation(org) for org in sorted(agreement.providers)],
        "authority": [_organisation(org) for org in sorted(agreement.providers | agreement.recipients)],
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/contract-type",
                             "code": "disclosure"}]},
        "term": [_term(term, agreement) for term in agreement.terms],
    }  # fmt: skip
    if agreement.title:
        contract["title"] = agreement.title
    signers = [_signer(one) for one in stored.statements if one.action == "sign"]
    if signers:
        contract["signer"] = signers
    contract["legallyBindingAttachment"] = {
        "contentType": "application/json",
        "data": base64.b64encode(stored.document).decode(),
    }
    return contract


def _applies(agreement: SharingAgreement) -> dict[str, str]:
    ends = {"start": agreement.start, "end": agreement.end}
    return {side: instant_text(datetime_from_micros(at)) for side, at in ends.items() if at is not None}


def _organisation(org: str) -> dict[str, Any]:
    return {"identifier": {"value": org}, "display": typed("Organization", org)}


def _signer(statement: StoredStatement) -> dict[str, Any]:
    return {
        "type": {"system": _SIGNER, "code": "COVPTY"},
        "party": _organisation(statement.org),
        "signature": [{
            "type": [_SIGNATURE],
            "when": instant_text(statement.at),
            "who": _organisation(statement.org),
            "sigFormat": "application/jose",
            "data": base64.b64encode(statement.jws).decode(),
        }],
    }  # fmt: skip


def _term(term: Term, agreement: SharingAgreement) -> dict[str, Any]:
    found: dict[str, Any] = {
        "identifier": {"value": term.id},
        "offer": {"party": [_party(agreement)], "text": _words(term)},
        "action": [_action(term, action) for action in sorted(term.actions)],
    }
    ceiling = {"system": CONFIDENTIALITY, "code": LADDER[term.max_confidentiality]}
    excluded = [{"system": ACT_CODE, "code": code} for code in sorted(term.exclude_sensitivity)]
    label: dict[str, Any] = {"classification": ceiling}
    found["securityLabel"] = [label | ({"control": excluded} if excluded else {})]
    if term.data_classes:
        types = [{"coding": [{"system": RESOURCE_TYPES, "code": code}]} for code in sorted(term.data_classes)]
        found["asset"] = [{"type": types}]
    return found


def _party(agreement: SharingAgreement) -> dict[str, Any]:
    return {
        "reference": [_organisation(org) for org in sorted(agreement.recipients)],
        "role": {"text": "recipient"},
    }


def _action(term: Term, action: str) -> dict[str, Any]:
    purposes = [{"system": ACT_REASON, "code": code} for code in sorted(term.purposes)]
    found: dict[str, Any] = {
        "type": {"coding": [{"system": CONSENT_ACTION, "code": action}]},
        "intent": {"coding": purposes},
        "status": {"text": "agreed"},
    }
    return found | ({"performerRole": {"text": ", ".join(sorted(term.roles))}} if term.roles else {})


def _words(term: Term) -> str:
    """What the coded members cannot hold."""
    parts = [f"purposes {' '.join(sorted(term.purposes))}"]
    if term.exclude_sensitivity:
        parts.append(f"without {' '.join(sorted(term.exclude_sensitivity))}")
    if term.lookback_days is not None:
        parts.append(f"of the last {term.lookback_days} days")
    if term.elements_redacted:
        parts.append(f"masked: {' '.join(term.elements_redacted)}")
    if term.obligations:
        parts.append(f"under {' '.join(term.obligations)}")
    return "; ".join(parts)
