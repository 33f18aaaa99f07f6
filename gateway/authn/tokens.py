"""The token endpoint and the tokens themselves (http-api.md 2; RFC 6749 4.4 with RFC 7523 assertions).

The steps have the numbers of http-api.md 2: 1 to 4 in `client_assertion`, 5 single use, 6 scope, 7 claims.
Steps 5 to 7 run in one unit of work, which commits for a refusal too: an assertion that came as far as step 5
is spent whatever follows.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from gateway.authn import claims as claim
from gateway.authn import client_assertion, scopes, sealed_tokens, sql
from gateway.authn.caller import Caller, bound_from_claims, caller_from_bound
from gateway.authn.client_assertion import Assertion, Limits
from gateway.authn.clients import Client
from gateway.authn.errors import Refused
from gateway.records.interface import Database
from keys.interface import Entropy

GRANT = "client_credentials"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FIELDS = frozenset(("grant_type", "scope", "client_assertion_type", "client_assertion", "client_id", "udap"))

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
        return refusal(refused)
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
        return refusal(refused)
    token = sealed_tokens.issue(connection, bound, client.id, now + endpoint.limits.token_ttl, entropy)
    return TokenResponse(token, endpoint.limits.token_ttl, scopes.render(granted))


def refusal(refused: Refused) -> OAuthError:
    """The answer to a refused request (RFC 6749 5.2)."""
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


def authenticate(connection: Connection, token: str, now: int) -> Caller | None:
    """The caller of a live token of an enabled client, else None: unknown, expired, disabled look alike."""
    found = sealed_tokens.opened(connection, token, now)
    client = sql.find_client(connection, found[0]) if found is not None else None
    if found is None or client is None or client.status != "enabled":
        return None
    return caller_from_bound(found[1], client)
