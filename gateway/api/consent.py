"""Consent: create, read, update, search (FHIR R4; http-api.md 5.3).

Only a client that may record consent sees or writes one; to all others there is none. Withdrawal is a `PUT`
with `status: inactive`; there is no DELETE. What cannot be computed is 422 with the element's path.
"""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from adapters.interface import Identifier
from adapters.times import instant
from consent.errors import StaleVersion, Uncomputable
from consent.interface import StoredConsent
from gateway.api.authenticate import require
from gateway.api.parameters import identifier_from, parameters
from gateway.api.services import services
from gateway.authn.caller import Caller
from gateway.errors import Problem
from gateway.exchange.consents import Act
from gateway.fhir.bundle import Entry, searchset
from gateway.fhir.json import BadJSON, decode, encode

_JSON = frozenset(("application/fhir+json", "application/json"))
_ETAG = re.compile(r'W/"([0-9]{1,9})"\Z')
_MEDIA = "application/fhir+json; fhirVersion=4.0"


async def create(request: Request) -> Response:
    """201 with `Location` and `ETag` after the commit; a decision that starts later sees it."""
    caller = await _recorder(request, "c")
    node = services(request)
    document = await _document(request)
    body, patient = _read(document)
    act = Act(caller.client, "recorded over the API", node.clock())
    stored = await _stored(node.consents.record(patient, body, act))
    location = f"{node.base}/Consent/{stored.id}"
    return Response(_rendered(stored), 201, {"Location": location} | _etag(stored), _MEDIA)


async def read(request: Request) -> Response:
    await _recorder(request, "r")
    stored = await services(request).consents.get(request.path_params["id"])
    return Response(_rendered(stored), 200, _etag(stored), _MEDIA)


async def update(request: Request) -> Response:
    """A new version; `If-Match` names the one that was read. The patient of a consent never changes."""
    caller = await _recorder(request, "u")
    node = services(request)
    tag = request.headers.get("if-match")
    if tag is None:
        raise Problem("if_match_required", expression="If-Match")
    found = _ETAG.match(tag)
    if not found:
        raise Problem("stale", expression="If-Match")
    body, patient = _read(await _document(request))
    id = request.path_params["id"]
    held = await node.consents.get(id)
    if await node.consents.subject_of(patient) != held.subject:
        raise Problem("invalid", expression="Consent.patient", hint="a consent stays with its patient")
    act = Act(caller.client, "changed over the API", node.clock())
    stored = await _stored(node.consents.replace(id, int(found.group(1)), body, act))
    return Response(_rendered(stored), 200, _etag(stored), _MEDIA)


async def search(request: Request) -> Response:
    """Newest versions of one patient's consents; an unknown patient and one without look the same."""
    await _recorder(request, "s")
    node = services(request)
    found = await parameters(request, {"patient.identifier"}, node.settings.limits)
    if "patient.identifier" not in found:
        raise Problem("too_costly", expression="patient.identifier")
    patient = identifier_from("patient.identifier", found["patient.identifier"])
    at = node.clock()
    newest: dict[str, StoredConsent] = {}
    for version in await node.consents.of_patient(patient, at):
        newest[version.id] = version
    entries = [Entry(f"{node.base}/Consent/{c.id}", _rendered(c), "match") for c in newest.values()]
    body = searchset(
        entries, id=node.new_id(), timestamp=instant(at), self_url=f"{node.base}/Consent", total=len(entries)
    )
    return Response(body, media_type=_MEDIA)


async def _recorder(request: Request, letter: str) -> Caller:
    caller = await require(request, "Consent", letter)
    if not caller.may_record_consent:
        raise Problem("forbidden", hint="this client may not record consent: carepact client add --may")
    return caller


async def _document(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in _JSON:
        raise Problem("unsupported_media", expression="Content-Type")
    body = await request.body()
    if len(body) > services(request).settings.limits.consent_bytes:
        raise Problem("too_large", hint="limits.consent_bytes")
    return body


def _read(document: bytes) -> tuple[bytes, Identifier | str]:
    """The bytes as received, and whom they are about: an identifier, or a Patient held here."""
    try:
        value: Any = decode(document)
    except BadJSON:
        raise Problem("malformed") from None
    if not isinstance(value, dict) or value.get("resourceType") != "Consent":
        raise Problem("invalid", expression="Consent.resourceType")
    patient = value.get("patient")
    patient = patient if isinstance(patient, dict) else {}
    identifier, reference = patient.get("identifier"), patient.get("reference")
    if isinstance(identifier, dict):
        return document, identifier_from(
            "Consent.patient.identifier", f"{identifier.get('system', '')}|{identifier.get('value', '')}"
        )
    if isinstance(reference, str) and reference.startswith("Patient/"):
        return document, reference
    raise Problem("invalid", expression="Consent.patient", hint="give an identifier or Patient/id")


async def _stored(writing: Any) -> StoredConsent:
    try:
        stored: StoredConsent = await writing
    except Uncomputable as refused:
        raise Problem("uncomputable", expression=refused.path) from None
    except StaleVersion:
        raise Problem("stale") from None
    return stored


def _rendered(stored: StoredConsent) -> bytes:
    """The document as received, with the node's id and version in it."""
    value = decode(stored.document)
    meta = {
        **value.get("meta", {}),
        "versionId": str(stored.version),
        "lastUpdated": instant(stored.recorded),
    }
    return encode({"resourceType": "Consent", "id": stored.id, "meta": meta} | {
        name: item for name, item in value.items() if name not in ("resourceType", "id", "meta")
    })  # fmt: skip


def _etag(stored: StoredConsent) -> dict[str, str]:
    when = stored.recorded.strftime("%a, %d %b %Y %H:%M:%S GMT")
    return {"ETag": f'W/"{stored.version}"', "Last-Modified": when}
