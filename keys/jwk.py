"""Public JWKs, their RFC 7638 thumbprints, and the guards through which every key enters (envelope.md 13).

A JWK has exactly its required members: OKP `crv kty x` (RFC 8037), AKP `alg kty pub` (RFC 9964, and the
HPKE KEM keys of draft-ietf-jose-hpke-pq), EC `crv kty x y` (RFC 7518 section 6.2). Everything else (`d`,
`priv`, `use`, `x5c`, …) is refused. An EC key does not say what it is for: who reads it must.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from keys import algorithms, p256
from keys.errors import KeyRefused
from keys.interface import Jwk, Use
from keys.syntax import SyntaxRefused, b64u, emit_unread, unb64u

_CURVE: dict[Use, str] = {"sig": "ES256", "enc": algorithms.CLASSICAL_KEM}
"""What a P-256 key is, by its use."""
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
    if alg in _CURVE.values():
        return {"crv": "P-256", "kty": "EC", "x": b64u(raw[1:33]), "y": b64u(raw[33:])}
    return {"alg": alg, "kty": "AKP", "pub": b64u(raw)}


def jwk_from_seed(alg: str, seed: bytes) -> Jwk:
    """The public JWK of a 32-byte seed."""
    return jwk_from_public(alg, algorithms.public_from_seed(alg, seed))


def thumbprint(jwk: Jwk) -> bytes:
    """RFC 7638 SHA-256 thumbprint, 32 bytes. All members of our JWKs are required ones."""
    return hashlib.sha256(emit_unread(dict(jwk))).digest()


def kid_from_jwk(jwk: Jwk) -> str:
    """The key id: base64url of the thumbprint."""
    return b64u(thumbprint(jwk))


def public_from_jwk(jwk: object, *, encapsulate: bool = True, use: Use | None = None) -> PublicHalf:
    """The key in a JWK, guarded; `KeyRefused` otherwise.

    A KEM key is tried with one encapsulation (`encapsulate=False` only where the caller does that later).
    `use`: what the key is for; without it an EC key, which does not say so itself, is refused.
    """
    members, alg, raw = _shape(jwk, use)
    if alg == "Ed25519":
        _refuse_weak_ed25519(raw)
    if alg == "ES256":
        _refuse_foreign_point(raw)
    if alg in algorithms.KEMS and encapsulate:
        algorithms.wrap_to(raw, bytes(32), b"carepact/import\0", alg)
    return PublicHalf(kid_from_jwk(members), alg, raw)


def _shape(jwk: object, use: Use | None) -> tuple[Jwk, str, bytes]:
    """The JWK, its algorithm and raw bytes, once members, types, spelling and length are exact."""
    if not isinstance(jwk, dict):
        raise KeyRefused("not a public JWK")
    members: dict[str, Any] = jwk
    try:
        if members.keys() == {"crv", "kty", "x"} and (members["kty"], members["crv"]) == ("OKP", "Ed25519"):
            return members, "Ed25519", unb64u(members["x"], 32)
        if members.keys() == {"alg", "kty", "pub"} and members["kty"] == "AKP":
            alg = members["alg"]
            return members, alg, unb64u(members["pub"], _public_length(alg))
        named = (members.get("kty"), members.get("crv"))
        if use in _CURVE and members.keys() == {"crv", "kty", "x", "y"} and named == ("EC", "P-256"):
            point = b"\x04" + unb64u(members["x"], 32) + unb64u(members["y"], 32)
            return members, _CURVE[use], point
    except SyntaxRefused:
        pass
    raise KeyRefused("not a public JWK that we take")


def _public_length(alg: object) -> int:
    if not isinstance(alg, str):
        raise KeyRefused("algorithm outside the table")
    row = algorithms.KEMS.get(alg) or algorithms.SIGNATURES.get(alg)
    if row is None or row.kind != "AKP":
        raise KeyRefused("algorithm outside the table")
    return row.public_length


def _refuse_weak_ed25519(raw: bytes) -> None:
    """Guard 1: bit 255 is the sign of x; what remains must be a reduced y of large order."""
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= _P or y in _SMALL_ORDER:
        raise KeyRefused("a weak Ed25519 key")


def _refuse_foreign_point(raw: bytes) -> None:
    """Guard 2, for what only verifies: on the curve."""
    try:
        p256.public_from_point(raw)
    except ValueError:
        raise KeyRefused("not a point of the curve") from None
