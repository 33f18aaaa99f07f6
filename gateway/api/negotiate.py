"""What the caller wants the reply in: FHIR JSON, or sealed to its registered key (http-api.md 1, 6)."""

import re

from starlette.requests import Request

from gateway.authn.caller import Caller
from gateway.errors import Problem
from gateway.exchange.request import SealTo
from keys.envelope.recipient import Recipient, http_request_digest
from keys.jwk import public_from_jwk
from keys.syntax import SyntaxRefused, unb64u

ENVELOPE = "application/vnd.carepact.envelope"
_JSON = frozenset({"application/fhir+json", "application/json", "*/*", "application/*"})
_NONCE = re.compile(r"[A-Za-z0-9_-]{22}\Z")


def accepted(request: Request) -> str:
    """`ENVELOPE` or the JSON type to reply with. Raises `not_acceptable`; `_format=json` wins."""
    if request.query_params.get("_format") in ("json", "application/fhir+json", "application/json"):
        return "application/fhir+json"
    wanted = request.headers.get("accept", "*/*")
    for part in wanted.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if any(p.startswith("fhirversion=") and p != "fhirversion=4.0" for p in parameters):
            continue
        if kind == ENVELOPE:
            return ENVELOPE
        if kind in _JSON:
            return "application/json" if kind == "application/json" else "application/fhir+json"
    raise Problem("not_acceptable", expression="Accept")


def seal_to(request: Request, caller: Caller, member: str, body: bytes, now: int) -> SealTo | None:
    """The key that the answer is sealed to, or None for clear text; a key in the request is never used.

    Raises `not_acceptable` where the client must be answered sealed, or has no key registered.
    """
    if accepted(request) != ENVELOPE:
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
