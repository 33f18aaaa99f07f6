"""The curve P-256 of suite 1 (FIPS 186-5, RFC 9180 section 7.1): for hardware that has nothing else.

A private key is a 32-byte seed like every other of ours; `DeriveKeyPair` of RFC 9180 section 7.1.3 makes the
scalar of it. Public keys are uncompressed points, 65 bytes: `4 ‖ x ‖ y`; a signature is `r ‖ s`, 64 bytes
(RFC 7518 section 3.4). Signing draws no nonce (RFC 6979): a bad one would give the key away.
"""

import hmac
from collections.abc import Callable
from hashlib import sha256

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

POINT = 65
SIGNATURE = 64
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_LABEL = b"HPKE-v1KEM\x00\x10"


def scalar_from_seed(seed: bytes) -> int:
    """RFC 9180, DeriveKeyPair for DHKEM(P-256, HKDF-SHA256)."""
    extracted = hmac.digest(bytes(32), _LABEL + b"dkp_prk" + seed, sha256)
    for counter in range(256):
        # One block of HKDF-Expand is the 32 bytes that are wanted.
        labelled = b"\x00\x20" + _LABEL + b"candidate" + bytes((counter,)) + b"\x01"
        scalar = int.from_bytes(hmac.digest(extracted, labelled, sha256), "big")
        if 0 < scalar < ORDER:
            return scalar
    raise ValueError("no scalar")  # 2^-8192: RFC 9180 calls it DeriveKeyPairError


def private_from_seed(seed: bytes) -> ec.EllipticCurvePrivateKey:
    """The private key of a seed."""
    return ec.derive_private_key(scalar_from_seed(seed), ec.SECP256R1())


def point_from_seed(seed: bytes) -> bytes:
    """The public key of a seed."""
    public = private_from_seed(seed).public_key()
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def public_from_point(point: bytes) -> ec.EllipticCurvePublicKey:
    """The key of an uncompressed point; `ValueError` if it is none, or not on the curve."""
    if len(point) != POINT or point[0] != 4:
        raise ValueError("not an uncompressed point")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def signer_from_seed(seed: bytes) -> Callable[[bytes], bytes]:
    """What signs with ES256, again and again."""
    private = private_from_seed(seed)
    how = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)

    def sign(data: bytes) -> bytes:
        return signature_from_der(private.sign(data, how))

    return sign


def signature_from_der(der: bytes) -> bytes:
    """`r ‖ s` of an ASN.1 signature, as libraries and hardware make them."""
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verifier(public: bytes) -> Callable[[bytes, bytes], None]:
    """What raises `InvalidSignature` or `ValueError` unless the 64 bytes hold. `ValueError` for no point."""
    key, how = public_from_point(public), ec.ECDSA(hashes.SHA256())

    def verify(signature: bytes, data: bytes) -> None:
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        key.verify(encode_dss_signature(r, s), data, how)

    return verify
