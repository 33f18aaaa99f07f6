"""Public JWKs, their RFC 7638 thumbprints, and the guards through which every key enters (envelope.md 13).

A JWK has exactly its required members: OKP `crv kty x` (RFC 8037), AKP `alg kty pub` (RFC 9964, and the
HPKE KEM keys of draft-ietf-jose-hpke-pq). Everything else (`d`, `priv`, `use`, `x5c`, …) is refused.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from keys import algorithms
from keys.errors import KeyRefused
from keys.interface import Jwk
from keys.syntax import SyntaxRefused, b64u, emit, unb64u

_P = 2**255 - 19
# Edwards y of the points of order 1, 2, 4 and 8. The primitive takes them, and a signature of identity and
# zeros then verifies for most messages (C2SP CCTV, ed25519).
_SMALL_ORDER = frozenset(
    (
        0,
        1,
        _P - 1,
        int.from_bytes(
            bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
        ),
        int.from_bytes(
            bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
        ),
    )
)


@dataclass(frozen=True, slots=True)
class PublicHalf:
    """A public key that passed the guards. `kid` is the thumbprint, base64url; `raw` the key bytes."""

    kid: str
    alg: str
    raw: bytes


def jwk_from_public(alg: str, raw: bytes) -> Jwk:
    """The JWK of raw public bytes, without judging them."""
    if alg == "Ed25519":
        return {"crv": "Ed25519", "kty": "OKP", "x": b64u(raw)}
    return {"alg": alg, "kty": "AKP", "pub": b64u(raw)}


def jwk_from_seed(alg: str, seed: bytes) -> Jwk:
    """The public JWK of a 32-byte seed."""
    return jwk_from_public(alg, algorithms.public_from_seed(alg, seed))


def thumbprint(jwk: Jwk) -> bytes:
    """RFC 7638 SHA-256 thumbprint, 32 bytes. All members of our JWKs are required ones."""
    return hashlib.sha256(emit(dict(jwk))).digest()


def kid_from_jwk(jwk: Jwk) -> str:
    """The key id: base64url of the thumbprint."""
    return b64u(thumbprint(jwk))


def public_from_jwk(jwk: object, *, encapsulate: bool = True) -> PublicHalf:
    """The key in a JWK, guarded; `KeyRefused` otherwise.

    A KEM key is tried with one encapsulation (`encapsulate=False` only where the caller does that later).
    """
    alg, raw = _shape(jwk)
    if alg == "Ed25519":
        _refuse_weak_ed25519(raw)
    if alg == algorithms.KEM and encapsulate:
        algorithms.wrap_to(raw, bytes(32), b"carepact/import\0")
    return PublicHalf(kid_from_jwk(jwk_from_public(alg, raw)), alg, raw)


def _shape(jwk: object) -> tuple[str, bytes]:
    """Algorithm and raw bytes of a JWK with exact members, types and length."""
    if not isinstance(jwk, dict):
        raise KeyRefused("not a public JWK")
    members: dict[str, Any] = jwk
    try:
        if members.keys() == {"crv", "kty", "x"} and (members["kty"], members["crv"]) == ("OKP", "Ed25519"):
            return "Ed25519", unb64u(members["x"], 32)
        if members.keys() == {"alg", "kty", "pub"} and members["kty"] == "AKP":
            alg = members["alg"]
            return alg, unb64u(members["pub"], _public_length(alg))
    except SyntaxRefused:
        pass
    raise KeyRefused("not a public JWK that we take")


def _public_length(alg: object) -> int:
    if alg == algorithms.KEM:
        return algorithms.KEM_PUBLIC
    row = algorithms.SIGNATURES.get(alg) if isinstance(alg, str) else None
    if row is None or row.kind != "AKP":
        raise KeyRefused("algorithm outside the table")
    return row.public_length


def _refuse_weak_ed25519(raw: bytes) -> None:
    """Guard 1: bit 255 is the sign of x; what remains must be a reduced y of large order."""
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= _P or y in _SMALL_ORDER:
        raise KeyRefused("a weak Ed25519 key")
