"""AES-256-GCM for what is kept: record bodies, ledger details, wrapped keys (envelope.md 12). Pure."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keys.errors import KeyFault

KEY = 32
NONCE = 12


def seal_at_rest(key: bytes, plain: bytes, aad: bytes, nonce: bytes) -> bytes:
    """nonce ‖ ciphertext ‖ tag. `nonce`: 12 fresh random bytes; `aad` binds the bytes to their place."""
    if len(key) != KEY or len(nonce) != NONCE:
        raise ValueError("a key is 32 bytes, a nonce 12")
    return nonce + AESGCM(key).encrypt(nonce, plain, aad)


def open_at_rest(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """What `seal_at_rest` sealed; `KeyFault` for another key, another place, or altered bytes."""
    if len(key) != KEY:
        raise ValueError("a key is 32 bytes")
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], aad)
    except (InvalidTag, ValueError):
        raise KeyFault("what is stored does not open: another key, or altered") from None
