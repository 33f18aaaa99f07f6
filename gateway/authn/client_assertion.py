"""The client assertion: SMART Backend Services (2.2.0) over RFC 7523, checked in this order (http-api.md 2).

1. Compact JWS within the size limit; the header is exactly `alg`, `kid`, `typ: "JWT"`.
2. `kid` selects exactly one registered key whose pinned algorithm is `alg`; then the signature.
3. `iss` = `sub` = `client_id`; `aud` is one string, equal by bytes to the registered audience.
4. `exp` not past and at most 300 s ahead; `iat` and `nbf`, where given, not in the future.
(5. single use, 6. scope, 7. claims: `tokens.py`, `scopes.py`, `claims.py`.)

Pure: the clock reading is an argument (whole POSIX seconds). joserfc only checks the signature, under one
key and one algorithm that we chose; every other rule is read off here, before a key is touched.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwk, jws
from joserfc.errors import JoseError

from adapters.codec import BadJSON, decode
from gateway.authn.client_keys import ALGORITHMS, ClientKey
from gateway.authn.clients import CLIENT_ID, Client
from gateway.authn.errors import Refused
from keys.syntax import SyntaxRefused, unb64u

MAX_LIFE = 300
"""SMART: `exp` at most five minutes ahead; a client's clock may be wrong by the skew there too."""

_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Limits:
    """`limits.*` of assurance.md 6: bytes and seconds."""

    assertion_bytes: int = 8192
    clock_skew: int = 10
    token_ttl: int = 300


@dataclass(frozen=True, slots=True)
class Assertion:
    """A well-formed assertion; nothing in it is proven until `verify` returns."""

    alg: str
    kid: str
    claims: Mapping[str, Any]
    compact: str


def read(text: str, limits: Limits, typ: str = "JWT") -> Assertion:
    """Step 1. The size is checked before anything is decoded (X-5). `typ`: whose assertions are expected."""
    if len(text) > limits.assertion_bytes:
        raise Refused(1)
    parts = text.split(".")
    if len(parts) != 3 or not all(_SEGMENT.fullmatch(part) for part in parts):
        raise Refused(1)
    header = _object(parts[0])
    if header.keys() != {"alg", "kid", "typ"} or header["typ"] != typ:
        # jku too: no client has a registered URL that it could equal
        raise Refused(1)
    alg, kid = header["alg"], header["kid"]
    if not isinstance(alg, str) or alg not in ALGORITHMS or not isinstance(kid, str):
        raise Refused(1)
    _bytes_from_b64u(parts[2])
    return Assertion(alg, kid, _object(parts[1]), text)


def _object(segment: str) -> Mapping[str, Any]:
    try:
        value = decode(_bytes_from_b64u(segment), max_depth=10)
    except BadJSON:
        raise Refused(1) from None
    if not isinstance(value, dict):
        raise Refused(1)
    return value


def _bytes_from_b64u(segment: str) -> bytes:
    """Canonical base64url only: one value, one spelling."""
    try:
        return unb64u(segment)
    except SyntaxRefused:
        raise Refused(1) from None


def claimed_client(assertion: Assertion) -> str:
    """Whose key step 2 has to look for; a claim only."""
    iss = assertion.claims.get("iss")
    if not isinstance(iss, str) or not CLIENT_ID.fullmatch(iss):
        raise Refused(2)
    return iss


def verify(assertion: Assertion, client: Client, audience: str, now: int, limits: Limits) -> None:
    """Steps 2 to 4 for an enabled client; raises `Refused`."""
    check_signature(assertion, client.keys)
    check_parties(assertion.claims, client.id, audience)
    check_times(assertion.claims, now, limits)


def check_signature(assertion: Assertion, keys: tuple[ClientKey, ...]) -> None:
    """Step 2: one key, its one algorithm."""
    found = [key for key in keys if key.kid == assertion.kid]
    if len(found) != 1 or found[0].alg != assertion.alg:
        raise Refused(2)
    try:
        key = jwk.import_key(dict(found[0].jwk))
        registry = jws.JWSRegistry(algorithms=[found[0].alg])
        jws.deserialize_compact(assertion.compact, key, registry=registry)
    except (JoseError, ValueError, TypeError):
        raise Refused(2) from None


def check_parties(claims: Mapping[str, Any], client_id: str, audience: str) -> None:
    """Step 3. An `aud` array is refused: what was also meant for somebody else was not meant for us alone."""
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise Refused(3)
    if not isinstance(claims.get("aud"), str) or claims["aud"] != audience:
        raise Refused(3)


def check_times(claims: Mapping[str, Any], now: int, limits: Limits) -> None:
    """Step 4, in whole seconds."""
    exp = _instant(claims.get("exp"))
    if exp + limits.clock_skew < now or exp > now + MAX_LIFE + limits.clock_skew:
        raise Refused(4)
    for name in ("iat", "nbf"):
        if name in claims and _instant(claims[name]) > now + limits.clock_skew:
            raise Refused(4)


def _instant(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Refused(4)
    return value


def single_use_id(claims: Mapping[str, Any]) -> str:
    """The `jti` of step 5."""
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 256 or not jti.isprintable():
        raise Refused(5)
    return jti
