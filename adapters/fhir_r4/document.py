"""A FHIR document (bundle 3.3): opened like a CDA, and itself there as a DocumentReference."""

import base64
import hashlib
from typing import Any

from adapters.fhir_r4.identities import Identities
from adapters.fhir_r4.record import JSON, Entry
from adapters.interface import JSON as RESOURCE
from adapters.reading import Reading, as_list, keys_under
from adapters.times import fhir_time

_CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_RESTRICTED = frozenset({"R", "V"})


def labels_of(root: JSON, entry: Entry) -> list[JSON]:
    """Security labels that the input puts on this resource from outside: a mark covers all under it."""
    found: list[JSON] = []
    for holder in (root, entry.document):
        meta = holder.get("meta") if holder else None
        if isinstance(meta, dict):
            found += [one for one in as_list(meta.get("security")) if isinstance(one, dict)]
    for inner in as_list(entry.document.get("entry")) if entry.document else ():
        composition = inner.get("resource") if isinstance(inner, dict) else None
        if isinstance(composition, dict) and composition.get("resourceType") == "Composition":
            if composition.get("confidentiality") in _RESTRICTED:
                found.append({"system": _CONFIDENTIALITY, "code": composition["confidentiality"]})
            break
    return [one for n, one in enumerate(found) if one not in found[:n]]


def document_reference(
    bundle: JSON,
    body: bytes,
    made: list[RESOURCE],
    ids: Identities,
    patient: str | None,
    meta: JSON,
    reading: Reading,
) -> JSON:
    """The document as received: its identifier, type, author and custodian from its Composition."""
    composition = next((one for one in made if one["resourceType"] == "Composition"), {})
    identifier = bundle.get("identifier")
    stated = isinstance(identifier, dict) and identifier.get("value")
    digest = hashlib.sha1(body, usedforsecurity=False).digest()
    key = (
        f"{identifier.get('system')}|{identifier['value']}" if isinstance(identifier, dict) and stated else ""
    )
    attachment: dict[str, Any] = {"contentType": "application/fhir+json", "size": len(body)}
    attachment["hash"] = base64.b64encode(digest).decode("ascii")
    if isinstance(composition.get("title"), str):
        attachment["title"] = composition["title"]
    reference: JSON = {
        "resourceType": "DocumentReference",
        "id": ids.made("DocumentReference", f"document|{key or attachment['hash']}"),
        "meta": meta | {"security": security} if (security := _security(composition)) else meta,
    }
    if stated:
        reference["masterIdentifier"] = identifier
        _take(reading, bundle, "identifier")
    reference |= {"status": "current"}
    if isinstance(composition.get("type"), dict):
        reference["type"] = composition["type"]
    if patient:
        reference["subject"] = {"reference": patient}
    said = bundle.get("timestamp")
    if isinstance(said, str) and fhir_time(said) and "T" in said:
        reference["date"] = said
        _take(reading, bundle, "timestamp")
    for name in ("custodian",):
        if isinstance(composition.get(name), dict):
            reference[name] = composition[name]
    return reference | {"content": [{"attachment": attachment}]}


def _security(composition: JSON) -> list[JSON]:
    meta = composition.get("meta", {})
    return list(meta.get("security", []))


def _take(reading: Reading, holder: JSON, step: str) -> None:
    reading.account.take_keys(keys_under(holder, step))
