"""The register of health systems: who may ask for a token, and for what at most (http-api.md 2).

Registration is an operator's act on the node itself; no client registers over HTTP.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from consent.vocabulary import PURPOSE_PARENTS
from gateway.authn import scopes
from gateway.authn.client_keys import ClientKey, keys_from_jwks
from gateway.authn.errors import RegistrationRefused
from keys.interface import PublicKey

Reach = Literal["local", "federation"]
Audience = Literal["token_url", "issuer"]
Sealed = Literal["required", "offered", "off"]
Status = Literal["enabled", "disabled"]

CLIENT_ID = re.compile(r"[a-z0-9-]{1,64}")
_ORGANISATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,127}")
_ROLE = re.compile(r"[!-~]{1,256}")


@dataclass(frozen=True, slots=True)
class Client:
    """One registered health system. Its last-hop address is `<member>/<id>` (envelope.md 11)."""

    id: str
    organisation: str
    keys: tuple[ClientKey, ...]
    scopes: tuple[scopes.Scope, ...]
    purposes: tuple[str, ...]
    """v3 ActReason codes, as listed: no descendant comes along. One with PATRQT is a portal."""
    roles: tuple[str, ...] = ()
    reach: Reach = "local"
    may_declare_emergency: bool = False
    may_record_consent: bool = False
    audience: Audience = "token_url"
    sealed: Sealed = "off"
    enc: tuple[PublicKey, ...] = ()
    """KEM keys that answers are sealed to; at least one where `sealed` is not `off`."""
    status: Status = "enabled"


def client_from_registration(
    id: str,
    organisation: str,
    jwks: bytes | str,
    scope: Iterable[str],
    purposes: Iterable[str],
    *,
    roles: Iterable[str] = (),
    reach: str = "local",
    may_declare_emergency: bool = False,
    may_record_consent: bool = False,
    audience: str = "token_url",
    sealed: str = "off",
    enc: Iterable[PublicKey] = (),
) -> Client:
    """What `carepact client add` says, checked. `jwks` is a file's content; raises `RegistrationRefused`.

    A `str` is a URL, and JWKS by URL is not offered by this version.
    """
    if isinstance(jwks, str):
        raise RegistrationRefused("jwks: by URL is not offered by this version; give a file")
    client = Client(
        id=_matching("id", id, CLIENT_ID),
        organisation=_matching("organisation", organisation, _ORGANISATION),
        keys=keys_from_jwks(jwks),
        scopes=_scopes(scope),
        purposes=_purposes(purposes),
        roles=_all_matching("role", roles, _ROLE),
        reach=_choice("reach", reach, Reach),
        may_declare_emergency=may_declare_emergency,
        may_record_consent=may_record_consent,
        audience=_choice("audience", audience, Audience),
        sealed=_choice("sealed", sealed, Sealed),
        enc=tuple(enc),
    )
    _check_whole(client)
    return client


def _check_whole(client: Client) -> None:
    if (client.sealed != "off") != bool(client.enc):
        raise RegistrationRefused("sealed: offered and required need an encryption key, off takes none")
    if any(key.use != "enc" for key in client.enc):
        raise RegistrationRefused("enc: not an encryption key")
    if {key.kid for key in client.enc} & {key.kid for key in client.keys}:
        raise RegistrationRefused("enc: a key has one use")


def _matching(field: str, value: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(value):
        raise RegistrationRefused(f"{field}: not of the allowed form")
    return value


def _all_matching(field: str, values: Iterable[str], pattern: re.Pattern[str]) -> tuple[str, ...]:
    return tuple(sorted({_matching(field, value, pattern) for value in values}))


def _purposes(codes: Iterable[str]) -> tuple[str, ...]:
    found = tuple(sorted(set(codes)))
    if not found or not PURPOSE_PARENTS.keys() >= set(found):
        raise RegistrationRefused("purpose: at least one v3-ActReason code, and only such")
    return found


def _choice(field: str, value: str, kind: Any) -> Any:
    if value not in get_args(kind):
        raise RegistrationRefused(f"{field}: not one of the allowed words")
    return value


def _scopes(texts: Iterable[str]) -> tuple[scopes.Scope, ...]:
    """Unlike a request, a registration with a scope that would never be granted is refused."""
    parsed = [scopes.parse(part) for text in texts for part in text.split()]
    if not parsed or None in parsed:
        raise RegistrationRefused("scope: SMART v2 system scopes only, like system/Patient.rs")
    return tuple(sorted({scope for scope in parsed if scope}))


def document_from_client(client: Client) -> dict[str, Any]:
    """The stored form and `client show`; public material only. Status has a column of its own."""
    return {
        "organisation": client.organisation,
        "keys": [{"kid": key.kid, "alg": key.alg, "jwk": dict(key.jwk)} for key in client.keys],
        "scopes": [str(scope) for scope in client.scopes],
        "purposes": list(client.purposes),
        "roles": list(client.roles),
        "reach": client.reach,
        "may_declare_emergency": client.may_declare_emergency,
        "may_record_consent": client.may_record_consent,
        "audience": client.audience,
        "sealed": client.sealed,
        "enc": [
            {"kid": k.kid, "alg": k.alg, "nbf": k.nbf, "exp": k.exp, "jwk": dict(k.jwk)} for k in client.enc
        ],
    }


def client_from_document(id: str, status: Status, document: Mapping[str, Any]) -> Client:
    """The reverse of `document_from_client`; our own rows, so a defect is ours."""
    return Client(
        id=id,
        organisation=document["organisation"],
        keys=tuple(ClientKey(k["kid"], k["alg"], k["jwk"]) for k in document["keys"]),
        scopes=tuple(scope for text in document["scopes"] if (scope := scopes.parse(text))),
        purposes=tuple(document["purposes"]),
        roles=tuple(document["roles"]),
        reach=document["reach"],
        may_declare_emergency=document["may_declare_emergency"],
        may_record_consent=document["may_record_consent"],
        audience=document["audience"],
        sealed=document["sealed"],
        enc=tuple(
            PublicKey(k["kid"], "enc", k["alg"], k["jwk"], k["nbf"], k["exp"]) for k in document["enc"]
        ),
        status=status,
    )
