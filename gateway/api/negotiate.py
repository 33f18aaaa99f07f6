"""What the caller wants the reply in: FHIR JSON, or sealed to its registered key (http-api.md 1, 6)."""

import re
from collections.abc import Mapping

from starlette.requests import Request

from gateway.authn.caller import Caller
from gateway.errors import Problem
from gateway.exchange.request import SealTo
from keys.envelope.recipient import Recipient, http_request_digest
from keys.jwk import public_from_jwk
from keys.syntax import SyntaxRefused, unb64u

ENVELOPE = "application/vnd.carepact.envelope"
FHIR_JSON = "application/fhir+json"
_JSON = frozenset({FHIR_JSON, "application/json", "*/*", "application/*"})
_FORMATS = frozenset({"json", FHIR_JSON, "application/json"})
_NONCE = re.compile(r"[A-Za-z0-9_-]{22}\Z")


def media_type(request: Request) -> str:
    """Of the request's body, lower case, without parameters. A charset other than UTF-8 is refused."""
    kind, *given = (piece.strip().lower() for piece in request.headers.get("content-type", "").split(";"))
    if any(p.startswith("charset=") and p[8:].strip('"') != "utf-8" for p in given):
        raise Problem("unsupported_media", expression="Content-Type", hint="charset=utf-8")
    return kind


def accepted(request: Request, parameters: Mapping[str, str]) -> str:
    """`ENVELOPE` or the JSON type to reply with. Raises `not_acceptable`; `_format` wins."""
    if "_format" in parameters:
        wanted = parameters["_format"].partition(";")[0].strip().lower()
        if wanted in _FORMATS:
            return "application/json" if wanted == "application/json" else FHIR_JSON
        raise Problem("not_acceptable", expression="_format")
    for part in request.headers.get("accept", "*/*").split(","):
        kind, *given = ("".join(piece.split()).lower() for piece in part.split(";"))
        if any(p.startswith("fhirversion=") and p != "fhirversion=4.0" for p in given) or "q=0" in given:
            continue
        if kind == ENVELOPE:
            return ENVELOPE
        if kind in _JSON:
            return "application/json" if kind == "application/json" else FHIR_JSON
    raise Problem("not_acceptable", expression="Accept")


def accepted_in_clear(request: Request, parameters: Mapping[str, str], caller: Caller | None) -> str:
    """The JSON type of a reply that is never sealed. Raises `not_acceptable` if it would have to be."""
    media = accepted(request, parameters)
    if media == ENVELOPE or (caller is not None and caller.sealed == "required"):
        raise Problem("not_acceptable", expression="Accept", hint="this is not offered sealed")
    return media


def seal_to(
    request: Request, caller: Caller, media: str, member: str, body: bytes, now: int
) -> SealTo | None:
    """The key that the answer is sealed to, or None for clear text; a key in the request is never used.

    `media`: as `accepted` found. Raises `not_acceptable` where the client must be answered sealed, or has no
    key registered.
    """
    if media != ENVELOPE:
        if caller.sealed == "required":
            raise Problem(
                "not_acceptable", expression="Accept", hint=f"this client is answered in {ENVELOPE}"
            )
        return None
    key = caller.enc_key(now)
    if caller.sealed == "off" or key is None:
        raise Problem("not_acceptable", expression="Accept", hint="no key is registered: carepact client add")
    nonce = request.headers.get("carepact-nonce", "")
    if not _NONCE.match(nonce):
        raise Problem("invalid", expression="Carepact-Nonce")
    recipient = Recipient(f"{member}/{caller.client}", public_from_jwk(dict(key.jwk), encapsulate=False))
    return SealTo(recipient, _digest(request, nonce, body))


def _digest(request: Request, nonce: str, body: bytes) -> bytes:
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    target = (raw + (b"?" + query if query else b"")).decode("latin-1")
    try:
        return http_request_digest(request.method, target, unb64u(nonce, 16), body)
    except SyntaxRefused:
        raise Problem("invalid", expression="Carepact-Nonce") from None
