"""The token endpoint and the tokens themselves (http-api.md 2; RFC 6749 4.4 with RFC 7523 assertions).

The steps have the numbers of http-api.md 2: 1 to 4 in `client_assertion`, 5 single use, 6 scope, 7 claims.
Steps 5 to 7 run in one unit of work, which commits for a refusal too: an assertion that came as far as step 5
is spent whatever follows.

A token is 256 random bits. The database has a hash of it to find the row, and the row sealed under a key
derived from the token: an emergency's reason or a practitioner's name is readable only while somebody
presents the token, and from no dump or backup.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection

from gateway.authn import claims as claim
from gateway.authn import client_assertion, scopes, sql
from gateway.authn.caller import Caller, bound_from_claims, caller_from_bound
from gateway.authn.client_assertion import Assertion, Limits
from gateway.authn.clients import Client
from gateway.authn.errors import Refused
from gateway.records.interface import Database
from keys.interface import Entropy
from keys.syntax import b64u

GRANT = "client_credentials"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FIELDS = frozenset(("grant_type", "scope", "client_assertion_type", "client_assertion", "client_id", "udap"))

_TOKEN = re.compile(r"cpt_[A-Za-z0-9_-]{43}")
_DESCRIPTIONS = (
    "step 0: the form is not a client credentials request",
    "step 1: not a compact JWS of the allowed form and size",
    "step 2: no such client, key or algorithm, or the signature does not hold",
    "step 3: iss, sub, client_id or aud",
    "step 4: exp, iat or nbf",
    "step 5: jti is missing or was used before",
    "step 6: nothing asked for is registered",
    "step 7: a claim is not well formed, or not allowed to this client",
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What an assertion may be addressed to (configuration, compared by bytes), and `limits.*`."""

    token_url: str
    issuer: str
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """RFC 6749 5.1; answered with status 200 and `Cache-Control: no-store`."""

    access_token: str
    expires_in: int
    scope: str

    def body(self) -> dict[str, Any]:
        """The JSON members."""
        return {
            "access_token": self.access_token,
            "token_type": "bearer",
            "expires_in": self.expires_in,
            "scope": self.scope,
        }


@dataclass(frozen=True, slots=True)
class OAuthError:
    """RFC 6749 5.2. `step` is for our log; the description is a fixed text per step."""

    status: int
    error: str
    step: int

    def body(self) -> dict[str, str]:
        """The JSON members."""
        return {"error": self.error, "error_description": _DESCRIPTIONS[self.step]}


IsUnder = Callable[[str, str], bool]
"""(organisation, ancestor): whether the first is the second, or below it in the directory."""


@dataclass(frozen=True, slots=True)
class Proven:
    """An assertion that passed steps 1 to 4: who signed, what is claimed, which scope is asked for."""

    client: str
    claims: Mapping[str, Any]
    scope: str


Form = Iterable[tuple[str, str]]
"""Decoded names and values in order, repeats included."""


async def answer(
    database: Database, form: Form, *, endpoint: Endpoint, is_under: IsUnder, now: int, entropy: Entropy
) -> TokenResponse | OAuthError:
    """Answer `POST /oauth/token`. `now`: whole POSIX seconds.

    Steps 1 to 4 only read, so that nobody who cannot sign takes the writer's time.
    """
    pairs = list(form)
    proven = await database.read(lambda c: prove(c, pairs, endpoint=endpoint, now=now))
    if isinstance(proven, OAuthError):
        return proven
    return await database.write(
        lambda c: grant(c, proven, endpoint=endpoint, is_under=is_under, now=now, entropy=entropy)
    )


def exchange_assertion(
    connection: Connection, form: Form, *, endpoint: Endpoint, is_under: IsUnder, now: int, entropy: Entropy
) -> TokenResponse | OAuthError:
    """All steps in one unit of work, which must commit for a refusal too."""
    proven = prove(connection, form, endpoint=endpoint, now=now)
    if isinstance(proven, OAuthError):
        return proven
    return grant(connection, proven, endpoint=endpoint, is_under=is_under, now=now, entropy=entropy)


def prove(connection: Connection, form: Form, *, endpoint: Endpoint, now: int) -> Proven | OAuthError:
    """The form and steps 1 to 4; reads only."""
    try:
        assertion, scope, client_id = _read_form(form, endpoint.limits)
        client = _enabled(connection, client_assertion.claimed_client(assertion))
        audience = endpoint.token_url if client.audience == "token_url" else endpoint.issuer
        client_assertion.verify(assertion, client, audience, now, endpoint.limits)
        if client_id is not None and client_id != client.id:
            raise Refused(3)
    except Refused as refused:
        return _error(refused)
    return Proven(client.id, assertion.claims, scope)


def grant(
    connection: Connection,
    proven: Proven,
    *,
    endpoint: Endpoint,
    is_under: IsUnder,
    now: int,
    entropy: Entropy,
) -> TokenResponse | OAuthError:
    """Steps 5 to 7 and the token, in a unit of work that commits for a refusal too."""
    try:
        # Read again: the client may have been disabled or narrowed since its signature was checked.
        client = _enabled(connection, proven.client)
        bound, granted = _bind(connection, proven, client, is_under)
    except Refused as refused:
        sql.record_refusal(
            connection, entropy(16), at=now, client_id=proven.client, step=refused.step, error=refused.error
        )
        return _error(refused)
    token = _issue(connection, bound, client.id, now + endpoint.limits.token_ttl, entropy)
    return TokenResponse(token, endpoint.limits.token_ttl, scopes.render(granted))


def _error(refused: Refused) -> OAuthError:
    return OAuthError(401 if refused.error == "invalid_client" else 400, refused.error, refused.step)


def _read_form(form: Form, limits: Limits) -> tuple[Assertion, str, str | None]:
    """The form (step 0) and step 1: assertion, scope, `client_id` if given."""
    pairs = list(form)
    fields = dict(pairs)
    if len(fields) != len(pairs) or not fields.keys() <= FIELDS or fields.get("udap", "1") != "1":
        raise Refused(0, "invalid_request")
    if fields.get("grant_type", GRANT) != GRANT:
        raise Refused(0, "unsupported_grant_type")
    if not {"grant_type", "scope", "client_assertion_type", "client_assertion"} <= fields.keys():
        raise Refused(0, "invalid_request")
    if fields["client_assertion_type"] != ASSERTION_TYPE:
        raise Refused(0, "invalid_request")
    return client_assertion.read(fields["client_assertion"], limits), fields["scope"], fields.get("client_id")


def _enabled(connection: Connection, client_id: str) -> Client:
    client = sql.find_client(connection, client_id)
    if client is None or client.status != "enabled":
        raise Refused(2)
    return client


def _bind(
    connection: Connection, proven: Proven, client: Client, is_under: IsUnder
) -> tuple[dict[str, Any], tuple[scopes.Scope, ...]]:
    """Steps 5 to 7: what the token will be bound to, and its scopes."""
    jti = client_assertion.single_use_id(proven.claims)
    if not sql.spend(connection, client.id, jti, proven.claims["exp"]):
        raise Refused(5)
    granted = scopes.intersect(scopes.parse_all(proven.scope), client.scopes)
    if not granted:
        raise Refused(6, "invalid_scope")
    claims = claim.authorise(claim.read(proven.claims), client, is_under)
    return bound_from_claims(claims, granted), granted


def _issue(
    connection: Connection, bound: dict[str, Any], client_id: str, expires: int, entropy: Entropy
) -> str:
    token = "cpt_" + b64u(entropy(32))
    plain = json.dumps(bound, separators=(",", ":"), sort_keys=True).encode()
    nonce = entropy(12)
    row_id = _hash(token)
    sealed = nonce + AESGCM(_key(token)).encrypt(nonce, plain, row_id)
    sql.put_token(connection, row_id, client_id, expires, sealed)
    return token


def _hash(token: str) -> bytes:
    return hashlib.sha256(b"carepact/token/id\0" + token.encode()).digest()


def _key(token: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"carepact/token/seal\0").derive(token.encode())


def authenticate(connection: Connection, token: str, now: int) -> Caller | None:
    """The caller of a live token of an enabled client, else None: unknown, expired, disabled look alike."""
    if not _TOKEN.fullmatch(token):
        return None
    row_id = _hash(token)
    row = sql.find_token(connection, row_id)
    if row is None:
        return None
    client_id, expires, sealed = row
    client = sql.find_client(connection, client_id)
    if now >= expires or client is None or client.status != "enabled":
        return None
    try:
        plain = AESGCM(_key(token)).decrypt(sealed[:12], sealed[12:], row_id)
    except (InvalidTag, ValueError):
        return None
    return caller_from_bound(json.loads(plain), client)
