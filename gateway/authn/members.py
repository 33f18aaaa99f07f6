"""Members of the federation at the token endpoint: a token for `/ledger/` and nothing else (http-api.md 9).

The assertion is a client's but for two things: `typ` is `carepact-member+jwt`, and the key is an Ed25519
`sig` key of the member's record. The steps have the numbers of http-api.md 2; scope (6) is the word `ledger`.
"""

import hashlib
from collections.abc import Callable, Iterable

from sqlalchemy import Connection

from gateway.authn import client_assertion, sealed_tokens, sql
from gateway.authn.errors import Refused
from gateway.authn.tokens import ASSERTION_TYPE, GRANT, Endpoint, OAuthError, TokenResponse, refusal
from gateway.records.interface import Database
from keys.address import is_member
from keys.algorithms import verifies
from keys.interface import Entropy
from keys.syntax import b64u, emit, unb64u

TYP = "carepact-member+jwt"
SCOPE = "ledger"
_FIELDS = frozenset(("grant_type", "scope", "client_assertion_type", "client_assertion"))
_TYP = f'"typ":"{TYP}"'.encode()

KeyOf = Callable[[str, str, int], bytes | None]
"""(member, kid, now) -> the raw Ed25519 `sig` key of its record that is in force, or None."""


def is_members(form: Iterable[tuple[str, str]]) -> bool:
    """Whether the assertion in a form says that it is a member's; nothing is verified by that."""
    text = next((value for name, value in form if name == "client_assertion"), "")
    try:
        return _TYP in unb64u(text.partition(".")[0][:1024]).replace(b" ", b"")
    except ValueError:
        return False


async def answer(
    database: Database,
    form: Iterable[tuple[str, str]],
    *,
    endpoint: Endpoint,
    key_of: KeyOf,
    now: int,
    entropy: Entropy,
) -> TokenResponse | OAuthError:
    """Answer `POST /oauth/token` to a member. `now`: whole POSIX seconds; steps 1 to 4 touch no table."""
    pairs = list(form)
    try:
        member, jti, exp = _prove(pairs, endpoint, key_of, now)
    except Refused as refused:
        return refusal(refused)
    return await database.write(lambda c: _grant(c, member, jti, exp, endpoint, now, entropy))


def _prove(pairs: list[tuple[str, str]], endpoint: Endpoint, key_of: KeyOf, now: int) -> tuple[str, str, int]:
    fields = dict(pairs)
    if len(fields) != len(pairs) or fields.keys() != _FIELDS:
        raise Refused(0, "invalid_request")
    if (fields["grant_type"], fields["client_assertion_type"]) != (GRANT, ASSERTION_TYPE):
        raise Refused(0, "invalid_request")
    assertion = client_assertion.read(fields["client_assertion"], endpoint.limits, TYP)  # 1
    member = assertion.claims.get("iss")
    if not isinstance(member, str) or not is_member(member) or assertion.alg != "Ed25519":
        raise Refused(2)
    key = key_of(member, assertion.kid, now)
    signing_input, _, signature = assertion.compact.rpartition(".")
    if key is None or not verifies("Ed25519", key, unb64u(signature), signing_input.encode("ascii")):
        raise Refused(2)
    client_assertion.check_parties(assertion.claims, member, endpoint.token_url)  # 3
    client_assertion.check_times(assertion.claims, now, endpoint.limits)  # 4
    if fields["scope"] != SCOPE:
        raise Refused(6, "invalid_scope")
    return member, client_assertion.single_use_id(assertion.claims), assertion.claims["exp"]


def _grant(
    connection: Connection, member: str, jti: str, exp: int, endpoint: Endpoint, now: int, entropy: Entropy
) -> TokenResponse | OAuthError:
    if not sql.spend(connection, _owner(member), jti, exp):  # 5
        return refusal(Refused(5))
    life = endpoint.limits.token_ttl
    token = sealed_tokens.issue(connection, {"member": member}, _owner(member), now + life, entropy)
    return TokenResponse(token, life, SCOPE)


def _owner(member: str) -> str:
    """What its rows are filed under: no client id has a slash, so neither passes for the other."""
    return f"member/{hashlib.sha256(member.encode()).hexdigest()[:48]}"


def authenticate(connection: Connection, token: str, now: int) -> str | None:
    """The member of a live member token; a client's token is none."""
    found = sealed_tokens.opened(connection, token, now)
    member = found[1].get("member") if found is not None else None
    if found is None or not isinstance(member, str) or found[0] != _owner(member):
        return None
    return member


def assertion(
    member: str, audience: str, kid: str, sign: Callable[[bytes], bytes], now: int, entropy: Entropy
) -> str:
    """Our own side: the assertion by which this member asks another for a token. Lives 60 seconds."""
    header = b64u(emit({"alg": "Ed25519", "kid": kid, "typ": TYP}))
    claims = {"iss": member, "sub": member, "aud": audience, "iat": now, "exp": now + 60}
    body = b64u(emit(claims | {"jti": b64u(entropy(16))}))
    signing_input = f"{header}.{body}"
    return f"{signing_input}.{b64u(sign(signing_input.encode('ascii')))}"
