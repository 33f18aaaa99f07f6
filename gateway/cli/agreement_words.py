"""Agreements for people: rows with their status, and the document that `agreement new` writes."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from consent.agreement import SharingAgreement
    from consent.interface import StoredAgreement


def document_from_options(
    id: str,
    version: int,
    *,
    providers: Sequence[str],
    recipients: Sequence[str],
    purposes: Sequence[str],
    start: str,
    end: str | None,
    emergency: bool,
    supersedes: int | None,
) -> bytes:
    """The bytes of a new document (consent.md 5). Whether they are an agreement is the registry's to say."""
    document: dict[str, Any] = {
        "id": id,
        "version": version,
        "providers": list(providers),
        "recipients": list(recipients),
        "effective": {"start": start} | ({"end": end} if end else {}),
        "terms": [{"id": "t1", "purposes": list(purposes)}],
        "emergency": emergency,
    }
    if supersedes is not None and supersedes < version:
        document["supersedes"] = f"{id}@{supersedes}"
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def rows_from_agreements(known: "Sequence[StoredAgreement]", at: "datetime") -> list[dict[str, Any]]:
    """One row a version, by id and version."""
    from consent.agreement import agreement_status
    from consent.instants import micros
    from gateway.exchange.agreements import readable

    versions = readable(known)
    return [
        _row(one, stored, agreement_status(one, micros(at), versions=versions))
        for one, stored in zip(versions, known, strict=True)
    ]


def _row(one: "SharingAgreement", stored: "StoredAgreement", status: str) -> dict[str, Any]:
    return {
        "id": one.id,
        "version": one.version,
        "status": status,
        "providers": sorted(one.providers),
        "recipients": sorted(one.recipients),
        "purposes": sorted({purpose for term in one.terms for purpose in term.purposes}),
        "signed": [said.org for said in stored.statements if said.action == "sign"],
        "start": _day(one.start),
        "end": _day(one.end),
        "emergency": one.emergency,
        "sha256": one.sha256,
        "recorded": stored.recorded.isoformat(),
        "statements": [_statement(said) for said in stored.statements],
    }


def _statement(said: Any) -> str:
    tail = f" from {said.effective.isoformat()}" if said.effective else ""
    return f"{said.action} by {said.org} at {said.at.isoformat()}{tail}"


def _day(at: int | None) -> str | None:
    from consent.instants import datetime_from_micros

    return None if at is None else datetime_from_micros(at).date().isoformat()
