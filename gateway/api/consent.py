"""Consent: create, read, update, search (FHIR R4; http-api.md 5.3).

Only a client that may record consent, of a custodian of this node, sees or writes one; to all others there
is none. Withdrawal is a `PUT` with `status: inactive`; there is no DELETE. What cannot be computed is 422
with the element's path. A Consent is never sealed: a client that must be answered sealed is refused here.
"""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from adapters.identity import is_fhir_id
from adapters.interface import Identifier
from adapters.times import instant
from consent.errors import StaleVersion, Uncomputable
from consent.interface import StoredConsent
from gateway.api.authenticate import require
from gateway.api.negotiate import accepted_in_clear, media_type
from gateway.api.parameters import business_identifier, identifier_from, parameters, query
from gateway.api.services import services
from gateway.authn.caller import Caller
from gateway.errors import Problem
from gateway.exchange.consents import Act
from gateway.fhir.bundle import Entry, searchset
from gateway.fhir.json import BadJSON, decode, encode

_JSON = frozenset(("application/fhir+json", "application/json"))
_ETAG = re.compile(r'W/"([0-9]{1,9})"\Z')


async def create(request: Request) -> Response:
    """201 with `Location` and `ETag` after the commit; a decision that starts later sees it."""
    caller, media = await _recorder(request, "c")
    for name in ("If-None-Exist", "Idempotency-Key"):
        if name in request.headers:
            raise Problem("not_supported", expression=name)
    node = services(request)
    document = await _document(request)
    body, patient = _read(document)
    act = Act(caller.client, "recorded over the API", node.clock())
    stored = await _stored(node.consents.record(patient, body, act))
    location = f"{node.base}/Consent/{stored.id}"
    return Response(_rendered(stored), 201, {"Location": location} | _etag(stored), media)


async def read(request: Request) -> Response:
    """The newest version; to those who may not record consent no id is one."""
    caller, media = await _asked(request, "r")
    if not _may_record(request, caller):
        raise Problem("not_available")
    stored = await _held(request)
    return Response(_rendered(stored), 200, _etag(stored), media)


async def update(request: Request) -> Response:
    """A new version; `If-Match` names the one that was read. The patient of a consent never changes."""
    caller, media = await _recorder(request, "u")
    node = services(request)
    tag = request.headers.get("if-match")
    if tag is None:
        raise Problem("if_match_required", expression="If-Match")
    found = _ETAG.match(tag)
    if not found:
        raise Problem("stale", expression="If-Match")
    body, patient = _read(await _document(request))
    held = await _held(request)
    if decode(body).get("id", held.id) != held.id:
        raise Problem("invalid", expression="Consent.id")
    if await node.consents.subject_of(patient) != held.subject:
        raise Problem("invalid", expression="Consent.patient", hint="a consent stays with its patient")
    act = Act(caller.client, "changed over the API", node.clock())
    stored = await _stored(node.consents.replace(held.id, int(found.group(1)), body, act))
    return Response(_rendered(stored), 200, _etag(stored), media)


async def search(request: Request) -> Response:
    """Newest versions of one patient's consents; an unknown patient and one without look the same."""
    caller = await require(request, "Consent", "s")
    node = services(request)
    found = await parameters(request, {"patient.identifier"}, node.settings.limits)
    media = _typed(accepted_in_clear(request, found, caller))
    if "patient.identifier" not in found:
        raise Problem("too_costly", expression="patient.identifier")
    patient = identifier_from("patient.identifier", found["patient.identifier"])
    at = node.clock()
    newest: dict[str, StoredConsent] = {}
    if _may_record(request, caller):
        for version in await node.consents.of_patient(patient, at):
            newest[version.id] = version
    entries = [Entry(f"{node.base}/Consent/{c.id}", _rendered(c), "match") for c in newest.values()]
    body = searchset(
        entries,
        id=node.new_id(),
        timestamp=instant(at),
        self_url=f"{node.base}/Consent",
        total=len(entries) or None,
    )
    return Response(body, media_type=media)


async def _asked(request: Request, letter: str) -> tuple[Caller, str]:
    """The caller, and the media type of the reply, for interactions without search parameters."""
    caller = await require(request, "Consent", letter)
    found = query(request, (), services(request).settings.limits)
    return caller, _typed(accepted_in_clear(request, found, caller))


async def _recorder(request: Request, letter: str) -> tuple[Caller, str]:
    caller, media = await _asked(request, letter)
    if not _may_record(request, caller):
        raise Problem("forbidden", hint="this client may not record consent here: carepact client add --may")
    return caller, media


def _may_record(request: Request, caller: Caller) -> bool:
    """Registered for it, and of a custodian whose records this node holds or of an organisation below one."""
    node = services(request)
    custodians = (node.settings.node.id, *(source.custodian for source in node.settings.sources))
    return caller.may_record_consent and any(
        node.is_under(caller.organisation, custodian) for custodian in custodians
    )


def _typed(media: str) -> str:
    return f"{media}; fhirVersion=4.0"


async def _held(request: Request) -> StoredConsent:
    """The newest version of the consent that the address names. Raises `not_available`."""
    id = request.path_params["id"]
    try:
        if not is_fhir_id(id):
            raise Problem("not_available")
        return await services(request).consents.get(id)
    except Problem:
        # Without the administrator's hint: to a caller no two refusals differ.
        raise Problem("not_available") from None


async def _document(request: Request) -> bytes:
    if media_type(request) not in _JSON:
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
        return document, business_identifier(
            "Consent.patient.identifier", identifier.get("system"), identifier.get("value")
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
