"""The closed table of suites and algorithms: nothing outside it is computed, nothing is negotiated in band.

| name | what | standard |
|---|---|---|
| `HPKE-9-KE` | X-Wing MLKEM768-X25519 (0x647a), SHAKE256, AES-256-GCM | RFC 9180, draft-ietf-jose-hpke-pq |
| `Ed25519` | pure, 64-byte signature, JOSE name of RFC 9864 | RFC 8032 |
| `ML-DSA-65`, `ML-DSA-44` | empty context, keys as 32-byte seeds, JOSE names of RFC 9964 | FIPS 204 |

Every private key is one 32-byte seed; public keys, signatures and sealed boxes are raw bytes.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa, mlkem, x25519

from keys.errors import KeyFault, KeyRefused

SEED = 32
KEM_PUBLIC = 1184 + 32
ENC = 1120
TAG = 16


@dataclass(frozen=True, slots=True)
class Suite:
    """One row of envelope.md section 3. `signatures`: exactly these, in this order."""

    number: int
    kem: str
    enc: int
    """Length of the HPKE encapsulated key, bytes."""
    signatures: tuple[str, ...]
    live: bool


SUITES = {
    # Off unless both members and the federation switch it on; this version has no way to switch it on.
    1: Suite(1, "HPKE-7-KE", 65, ("ES256",), live=False),
    2: Suite(2, "HPKE-9-KE", ENC, ("Ed25519",), live=True),
    3: Suite(3, "HPKE-9-KE", ENC, ("Ed25519", "ML-DSA-65"), live=True),
    4: Suite(4, "HPKE-10-KE", 1665, ("ES384", "ML-DSA-87"), live=False),
}
LIVE_SUITES = frozenset(number for number, suite in SUITES.items() if suite.live)
STATEMENT_SIGNATURES = ("Ed25519", "ML-DSA-65")
KEM = "HPKE-9-KE"


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """Raw operations of one algorithm. `kind`: JWK `kty`."""

    name: str
    kind: str
    public_length: int
    signature_length: int
    public: Callable[[bytes], bytes]
    signer: Callable[[bytes], Callable[[bytes], bytes]]
    """Seed -> what signs with it; expanding an ML-DSA seed costs a third of a signature."""
    verify: Callable[[bytes, bytes, bytes], None]


def _ed25519_public(seed: bytes) -> bytes:
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _ed25519_signer(seed: bytes) -> Callable[[bytes], bytes]:
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).sign


def _ed25519_verify(public: bytes, signature: bytes, data: bytes) -> None:
    ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, data)


def _mldsa65_public(seed: bytes) -> bytes:
    return mldsa.MLDSA65PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()


def _mldsa65_signer(seed: bytes) -> Callable[[bytes], bytes]:
    return mldsa.MLDSA65PrivateKey.from_seed_bytes(seed).sign


def _mldsa65_verify(public: bytes, signature: bytes, data: bytes) -> None:
    mldsa.MLDSA65PublicKey.from_public_bytes(public).verify(signature, data)


def _mldsa44_public(seed: bytes) -> bytes:
    return mldsa.MLDSA44PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()


def _mldsa44_signer(seed: bytes) -> Callable[[bytes], bytes]:
    return mldsa.MLDSA44PrivateKey.from_seed_bytes(seed).sign


def _mldsa44_verify(public: bytes, signature: bytes, data: bytes) -> None:
    mldsa.MLDSA44PublicKey.from_public_bytes(public).verify(signature, data)


SIGNATURES = {
    row.name: row
    for row in (
        SignatureAlgorithm("Ed25519", "OKP", 32, 64, _ed25519_public, _ed25519_signer, _ed25519_verify),
        SignatureAlgorithm("ML-DSA-65", "AKP", 1952, 3309, _mldsa65_public, _mldsa65_signer, _mldsa65_verify),
        SignatureAlgorithm("ML-DSA-44", "AKP", 1312, 2420, _mldsa44_public, _mldsa44_signer, _mldsa44_verify),
    )
}


def live_suite(number: int) -> Suite | None:
    """The row of a suite that is in use, else None: reserved and unknown numbers alike."""
    suite = SUITES.get(number)
    return suite if suite is not None and suite.live else None


def signature_algorithm(name: str) -> SignatureAlgorithm:
    """The row of a signature algorithm; `KeyRefused` outside the table."""
    row = SIGNATURES.get(name)
    if row is None:
        raise KeyRefused("algorithm outside the table")
    return row


def signer_from_seed(alg: str, seed: bytes) -> Callable[[bytes], bytes]:
    """What signs raw with this seed, again and again; `KeyFault` where this build lacks the algorithm."""
    try:
        return signature_algorithm(alg).signer(seed)
    except UnsupportedAlgorithm:
        raise KeyFault("a required algorithm is missing from this build") from None


def sign_raw(alg: str, seed: bytes, data: bytes) -> bytes:
    """Raw signature bytes; `KeyFault` where this build lacks the algorithm."""
    return signer_from_seed(alg, seed)(data)


def verifies(alg: str, public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether a raw signature holds; False for an algorithm outside the table and for any malformed input."""
    row = SIGNATURES.get(alg)
    if row is None or len(public) != row.public_length or len(signature) != row.signature_length:
        return False
    try:
        row.verify(public, signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_from_seed(alg: str, seed: bytes) -> bytes:
    """Raw public key of a 32-byte seed."""
    if len(seed) != SEED:
        raise KeyFault("a seed is 32 bytes")
    try:
        return _kem_public(seed) if alg == KEM else signature_algorithm(alg).public(seed)
    except UnsupportedAlgorithm:
        raise KeyFault("a required algorithm is missing from this build") from None


def _kem_halves(seed: bytes) -> tuple[mlkem.MLKEM768PrivateKey, x25519.X25519PrivateKey]:
    """X-Wing: one seed, expanded by SHAKE256 to the ML-KEM seed and the X25519 scalar."""
    expanded = hashlib.shake_256(seed).digest(96)
    return (
        mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
        x25519.X25519PrivateKey.from_private_bytes(expanded[64:]),
    )


def _kem_public(seed: bytes) -> bytes:
    lattice, curve = _kem_halves(seed)
    return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def _hpke() -> hpke.Suite:
    return hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.SHAKE256, hpke.AEAD.AES_256_GCM)


def wrap_to(public: bytes, plain: bytes, info: bytes) -> bytes:
    """HPKE base mode, single shot, empty AAD: enc ‖ ciphertext. `KeyRefused` if it cannot be."""
    if len(public) != KEM_PUBLIC:
        raise KeyRefused("not a key of this KEM")
    try:
        key = hpke.MLKEM768X25519PublicKey(
            mlkem.MLKEM768PublicKey.from_public_bytes(public[:1184]),
            x25519.X25519PublicKey.from_public_bytes(public[1184:]),
        )
        return _hpke().encrypt(plain, key, info)
    except ValueError:
        # The library refuses zero shares and unreduced ML-KEM keys at different moments; both end here.
        raise KeyRefused("not a key of this KEM") from None


def opener_from_seed(seed: bytes) -> Callable[[bytes, bytes], bytes | None]:
    """What opens (sealed, info) with this seed, again and again: expanding it costs as much as opening."""
    key = hpke.MLKEM768X25519PrivateKey(*_kem_halves(seed))

    def opens(sealed: bytes, info: bytes) -> bytes | None:
        try:
            return _hpke().decrypt(sealed, key, info)
        except (InvalidTag, ValueError):
            return None

    return opens


def unwrap_with(seed: bytes, sealed: bytes, info: bytes) -> bytes | None:
    """HPKE single-shot open of enc ‖ ciphertext; None if it does not open."""
    return opener_from_seed(seed)(sealed, info)
