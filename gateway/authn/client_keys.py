"""Public keys of clients: one key, one pinned algorithm (SMART Backend Services; RFC 7517, RFC 8725 3.1).

A key that could verify under two algorithms invites confusion, so the algorithm is fixed when the key is
registered and the assertion's `alg` must equal it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwk
from joserfc.errors import JoseError

from adapters.codec import BadJSON, decode
from gateway.authn.errors import RegistrationRefused
from keys.algorithms import KEM
from keys.errors import KeyRefused
from keys.interface import PublicKey
from keys.jwk import public_from_jwk

ALGORITHMS = ("ES384", "RS384", "Ed25519")
JWKS_BYTES = 64 * 1024
JWKS_KEYS = 20
RSA_MIN_BITS = 3072

_ALG_OF = {("EC", "P-384"): "ES384", ("OKP", "Ed25519"): "Ed25519", ("RSA", None): "RS384"}
_MEMBERS = {"ES384": ("crv", "kty", "x", "y"), "RS384": ("e", "kty", "n"), "Ed25519": ("crv", "kty", "x")}
_PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"))


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A registered signature key: `jwk` holds the public members alone."""

    kid: str
    alg: str
    jwk: Mapping[str, str]


def keys_from_jwks(data: bytes) -> tuple[ClientKey, ...]:
    """A JWK Set as a file holds it. Raises `RegistrationRefused` for anything but usable public keys."""
    if len(data) > JWKS_BYTES:
        raise RegistrationRefused("jwks: larger than 64 KiB")
    try:
        document = decode(data, max_depth=6)
    except BadJSON:
        raise RegistrationRefused("jwks: not strict JSON") from None
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not 1 <= len(entries) <= JWKS_KEYS:
        raise RegistrationRefused("jwks: needs 1 to 20 members in keys")
    found = tuple(key_from_jwk(entry) for entry in entries)
    if len({key.kid for key in found}) != len(found):
        raise RegistrationRefused("jwks: two keys with one kid")
    return found


def key_from_jwk(entry: object) -> ClientKey:
    """One public JWK with a `kid`; `alg`, where given, must be the one its type and curve stand for."""
    if not isinstance(entry, Mapping):
        raise RegistrationRefused("jwks: a key is not an object")
    if _PRIVATE & entry.keys():
        raise RegistrationRefused("jwks: holds a private or symmetric key")
    kid = entry.get("kid")
    if not isinstance(kid, str) or not 1 <= len(kid) <= 256:
        raise RegistrationRefused("jwks: a key needs a kid")
    alg = _pinned(entry)
    public = {name: entry.get(name) for name in _MEMBERS[alg]}
    if not all(isinstance(value, str) for value in public.values()):
        raise RegistrationRefused("jwks: a member of a key is missing")
    key = ClientKey(kid, alg, {name: str(value) for name, value in public.items()})
    check_usable(key)
    return key


def _pinned(entry: Mapping[str, Any]) -> str:
    kind, curve = entry.get("kty"), entry.get("crv")
    known = isinstance(kind, str) and (curve is None or isinstance(curve, str))
    alg = _ALG_OF.get((str(kind), curve)) if known else None
    if alg is None:
        raise RegistrationRefused("jwks: key types are EC P-384, RSA and OKP Ed25519")
    if entry.get("alg", alg) != alg or entry.get("use", "sig") != "sig":
        raise RegistrationRefused("jwks: alg or use does not fit the key")
    return alg


def check_usable(key: ClientKey) -> None:
    """Load the key once: a point off its curve, a short modulus or a small-order key never registers."""
    try:
        loaded = jwk.import_key(dict(key.jwk))
        loaded.get_op_key("verify")
        if key.alg == "Ed25519":
            public_from_jwk(dict(key.jwk))
    except (JoseError, ValueError, TypeError, KeyRefused):
        raise RegistrationRefused("jwks: a key does not load") from None
    if key.alg == "RS384" and loaded.raw_value.key_size < RSA_MIN_BITS:  # type: ignore[union-attr]
        raise RegistrationRefused("jwks: RSA keys are at least 3072 bits")


def enc_key_from_jwk(data: bytes, *, nbf: int, exp: int) -> PublicKey:
    """The KEM key that answers to this client are sealed to (envelope.md 11): one public X-Wing JWK, as JSON.

    `nbf`..`exp`: its life, whole POSIX seconds. Raises `RegistrationRefused`.
    """
    if len(data) > JWKS_BYTES:
        raise RegistrationRefused("enc: larger than 64 KiB")
    try:
        document = decode(data, max_depth=4)
        half = public_from_jwk({name: document.get(name) for name in ("alg", "kty", "pub")})
    except (BadJSON, KeyRefused, AttributeError):
        raise RegistrationRefused("enc: not a public key of the KEM in use") from None
    if half.alg != KEM or _PRIVATE & document.keys():
        raise RegistrationRefused("enc: not a public key of the KEM in use")
    if not nbf < exp:
        raise RegistrationRefused("enc: its life ends before it begins")
    jwk_members = {name: str(document[name]) for name in ("alg", "kty", "pub")}
    return PublicKey(half.kid, "enc", half.alg, jwk_members, nbf, exp)
