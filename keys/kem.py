"""Key encapsulation: HPKE base mode, single shot, empty AAD (RFC 9180 section 6.1), for two KEMs.

| name | KEM, KDF, AEAD | public key | enc |
|---|---|---|---|
| `HPKE-9-KE` | X-Wing MLKEM768-X25519 (0x647a), SHAKE256, AES-256-GCM | 1216 | 1120 |
| `HPKE-7-KE` | P-256, HKDF-SHA256, AES-256-GCM | 65 | 65 |

A private key is one 32-byte seed; what is sealed is enc ‖ ciphertext.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

from keys import p256
from keys.errors import KeyRefused

KEM = "HPKE-9-KE"
CLASSICAL_KEM = "HPKE-7-KE"
KEM_PUBLIC = 1184 + 32
ENC = 1120


@dataclass(frozen=True, slots=True)
class KemAlgorithm:
    """Raw operations of one KEM. Lengths in bytes; `parse` raises `ValueError` for what is no key of it."""

    name: str
    kind: str
    public_length: int
    enc: int
    suite: Callable[[], hpke.Suite]
    private: Callable[[bytes], Any]
    public: Callable[[bytes], bytes]
    parse: Callable[[bytes], Any]


def _halves(seed: bytes) -> tuple[mlkem.MLKEM768PrivateKey, x25519.X25519PrivateKey]:
    """X-Wing: one seed, expanded by SHAKE256 to the ML-KEM seed and the X25519 scalar."""
    expanded = hashlib.shake_256(seed).digest(96)
    return (
        mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
        x25519.X25519PrivateKey.from_private_bytes(expanded[64:]),
    )


def _xwing_private(seed: bytes) -> hpke.MLKEM768X25519PrivateKey:
    return hpke.MLKEM768X25519PrivateKey(*_halves(seed))


def _xwing_public(seed: bytes) -> bytes:
    lattice, curve = _halves(seed)
    return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def _xwing_parsed(public: bytes) -> hpke.MLKEM768X25519PublicKey:
    return hpke.MLKEM768X25519PublicKey(
        mlkem.MLKEM768PublicKey.from_public_bytes(public[:1184]),
        x25519.X25519PublicKey.from_public_bytes(public[1184:]),
    )


@lru_cache(maxsize=1)
def _xwing_suite() -> hpke.Suite:
    return hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.SHAKE256, hpke.AEAD.AES_256_GCM)


@lru_cache(maxsize=1)
def _p256_suite() -> hpke.Suite:
    return hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


KEMS = {
    row.name: row
    for row in (
        KemAlgorithm(
            KEM, "AKP", KEM_PUBLIC, ENC, _xwing_suite, _xwing_private, _xwing_public, _xwing_parsed
        ),
        KemAlgorithm(
            CLASSICAL_KEM, "EC", p256.POINT, p256.POINT, _p256_suite,
            p256.private_from_seed, p256.point_from_seed, p256.public_from_point,
        ),
    )
}  # fmt: skip


def kem_algorithm(name: str) -> KemAlgorithm:
    """The row of a KEM; `KeyRefused` outside the table."""
    row = KEMS.get(name)
    if row is None:
        raise KeyRefused("algorithm outside the table")
    return row


def wrap_to(public: bytes, plain: bytes, info: bytes, alg: str = KEM) -> bytes:
    """enc ‖ ciphertext for this public key. `KeyRefused` if it cannot be."""
    row = kem_algorithm(alg)
    if len(public) != row.public_length:
        raise KeyRefused("not a key of this KEM")
    try:
        return row.suite().encrypt(plain, _parsed(alg, public), info)
    except ValueError:
        # The library refuses zero shares and unreduced ML-KEM keys at different moments; both end here.
        raise KeyRefused("not a key of this KEM") from None


@lru_cache(maxsize=64)
def _parsed(alg: str, public: bytes) -> Any:
    """Reading a lattice key costs half a wrap, and keys are met again; one that is refused is not kept."""
    return KEMS[alg].parse(public)


def opener_from_seed(seed: bytes, alg: str = KEM) -> Callable[[bytes, bytes], bytes | None]:
    """What opens (sealed, info) with this seed, again and again: expanding it costs as much as opening."""
    row = kem_algorithm(alg)
    key, suite = row.private(seed), row.suite()

    def opens(sealed: bytes, info: bytes) -> bytes | None:
        try:
            return suite.decrypt(sealed, key, info)
        except (InvalidTag, ValueError):
            return None

    return opens


def unwrap_with(seed: bytes, sealed: bytes, info: bytes, alg: str = KEM) -> bytes | None:
    """HPKE single-shot open of enc ‖ ciphertext; None if it does not open."""
    return opener_from_seed(seed, alg)(sealed, info)
