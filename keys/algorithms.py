"""The closed table of suites and algorithms: nothing outside it is computed, nothing is negotiated in band.

| name | what | standard |
|---|---|---|
| `HPKE-9-KE` | X-Wing MLKEM768-X25519 (0x647a), SHAKE256, AES-256-GCM | RFC 9180, draft-ietf-jose-hpke-pq |
| `HPKE-7-KE` | P-256, HKDF-SHA256, AES-256-GCM | RFC 9180, draft-ietf-jose-hpke |
| `Ed25519` | pure, 64-byte signature, JOSE name of RFC 9864 | RFC 8032 |
| `ES256` | ECDSA P-256 SHA-256, 64-byte `r ‖ s`, nonce of RFC 6979 | RFC 7518 section 3.4, FIPS 186-5 |
| `ML-DSA-65`, `ML-DSA-44` | empty context, keys as 32-byte seeds, JOSE names of RFC 9964 | FIPS 204 |

Every private key is one 32-byte seed; public keys, signatures and sealed boxes are raw bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from keys import p256
from keys.errors import KeyFault, KeyRefused
from keys.kem import CLASSICAL_KEM as CLASSICAL_KEM
from keys.kem import ENC as ENC
from keys.kem import KEM as KEM
from keys.kem import KEM_PUBLIC as KEM_PUBLIC
from keys.kem import KEMS as KEMS
from keys.kem import opener_from_seed as opener_from_seed
from keys.kem import unwrap_with as unwrap_with
from keys.kem import wrap_to as wrap_to

SEED = 32
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
    """Whether this version computes it."""


SUITES = {
    1: Suite(1, CLASSICAL_KEM, p256.POINT, ("ES256",), live=True),
    2: Suite(2, KEM, ENC, ("Ed25519",), live=True),
    3: Suite(3, KEM, ENC, ("Ed25519", "ML-DSA-65"), live=True),
    4: Suite(4, "HPKE-10-KE", 1665, ("ES384", "ML-DSA-87"), live=False),
}
KNOWN_SUITES = frozenset(number for number, suite in SUITES.items() if suite.live)
LIVE_SUITES = KNOWN_SUITES - {1}
"""What a node takes unless told otherwise: suite 1 is off until both members and their federation list it."""
STATEMENT_SIGNATURES = ("Ed25519", "ML-DSA-65")


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
    verifier: Callable[[bytes], Callable[[bytes, bytes], None]]
    """Raw public key -> what raises unless (signature, data) hold. A malformed key is a `ValueError`."""


def _ed25519_public(seed: bytes) -> bytes:
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _ed25519_signer(seed: bytes) -> Callable[[bytes], bytes]:
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).sign


def _ed25519_verifier(public: bytes) -> Callable[[bytes, bytes], None]:
    return ed25519.Ed25519PublicKey.from_public_bytes(public).verify


def _mldsa65_public(seed: bytes) -> bytes:
    return mldsa.MLDSA65PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()


def _mldsa65_signer(seed: bytes) -> Callable[[bytes], bytes]:
    return mldsa.MLDSA65PrivateKey.from_seed_bytes(seed).sign


def _mldsa65_verifier(public: bytes) -> Callable[[bytes, bytes], None]:
    return mldsa.MLDSA65PublicKey.from_public_bytes(public).verify


def _mldsa44_public(seed: bytes) -> bytes:
    return mldsa.MLDSA44PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()


def _mldsa44_signer(seed: bytes) -> Callable[[bytes], bytes]:
    return mldsa.MLDSA44PrivateKey.from_seed_bytes(seed).sign


def _mldsa44_verifier(public: bytes) -> Callable[[bytes, bytes], None]:
    return mldsa.MLDSA44PublicKey.from_public_bytes(public).verify


SIGNATURES = {
    row.name: row
    for row in (
        SignatureAlgorithm("Ed25519", "OKP", 32, 64, _ed25519_public, _ed25519_signer, _ed25519_verifier),
        SignatureAlgorithm(
            "ML-DSA-65", "AKP", 1952, 3309, _mldsa65_public, _mldsa65_signer, _mldsa65_verifier
        ),
        SignatureAlgorithm(
            "ES256", "EC", p256.POINT, p256.SIGNATURE,
            p256.point_from_seed, p256.signer_from_seed, p256.verifier,
        ),
        SignatureAlgorithm(
            "ML-DSA-44", "AKP", 1312, 2420, _mldsa44_public, _mldsa44_signer, _mldsa44_verifier
        ),
    )
}  # fmt: skip


def live_suite(number: int) -> Suite | None:
    """The row of a suite that this version computes, else None: reserved and unknown numbers alike."""
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
        _verifier(alg, public)(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=256)
def _verifier(alg: str, public: bytes) -> Callable[[bytes, bytes], None]:
    """Reading a lattice key costs a tenth of a verification, and members' keys are met again and again."""
    return SIGNATURES[alg].verifier(public)


def public_from_seed(alg: str, seed: bytes) -> bytes:
    """Raw public key of a 32-byte seed."""
    if len(seed) != SEED:
        raise KeyFault("a seed is 32 bytes")
    row = KEMS.get(alg)
    try:
        return row.public(seed) if row is not None else signature_algorithm(alg).public(seed)
    except UnsupportedAlgorithm:
        raise KeyFault("a required algorithm is missing from this build") from None
