"""Keys of a `KeyStore` as TUF signers: a pair signs metadata, and no private key leaves its store."""

import hashlib

from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa
from securesystemslib.signer import Key, Signature, Signer, SSlibKey

from keys.errors import KeyRefused
from keys.interface import Jwk, KeyStore, PublicKey
from keys.jwk import public_from_jwk
from keys.lifecycle import newest

PAIR = ("Ed25519", "ML-DSA-65")


class StoreSigner(Signer):
    """Signs with one key of a store; `public_key` as TUF writes it."""

    def __init__(self, store: KeyStore, key: PublicKey) -> None:
        self._store = store
        self._key = key
        self._public = tuf_key(dict(key.jwk))

    @property
    def public_key(self) -> SSlibKey:
        return self._public

    @property
    def jwk(self) -> Jwk:
        """The public half as JWK."""
        return self._key.jwk

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: object = None
    ) -> "Signer":
        """No key comes from an address."""
        raise ValueError("a key comes from its store alone")

    def sign(self, payload: bytes) -> Signature:
        """A signature over metadata; ML-DSA signs a digest of it (TAP 21)."""
        data = payload if self._key.alg == "Ed25519" else mldsa_payload(payload)
        return Signature(self._public.keyid, self._store.sign(self._key.kid, data).hex())


def mldsa_payload(payload: bytes) -> bytes:
    """What an ML-DSA key signs in TUF: `tuf`, key version 1, SHA-512 (TAP 21)."""
    return b"tuf\x01" + hashlib.sha512(payload).digest()


def tuf_key(jwk: object) -> SSlibKey:
    """A public key as TUF writes it; its id follows from it. `KeyRefused` for one of another kind."""
    half = public_from_jwk(jwk)
    if half.alg == "Ed25519":
        return SSlibKey.from_crypto(ed25519.Ed25519PublicKey.from_public_bytes(half.raw))
    if half.alg == "ML-DSA-65":
        return SSlibKey.from_crypto(mldsa.MLDSA65PublicKey.from_public_bytes(half.raw))
    raise KeyRefused("not a key of a role")


def pair_from_store(store: KeyStore, *, at: int) -> tuple[StoreSigner, StoreSigner]:
    """The newest live `directory` pair of a store. Raises `UnknownKey`."""
    public = store.public()
    first, second = (StoreSigner(store, newest(public, "directory", alg, at)) for alg in PAIR)
    return first, second


def online_from_store(store: KeyStore, *, at: int) -> StoreSigner:
    """The newest live Ed25519 `directory` key: what a publisher signs snapshot and timestamp with."""
    return StoreSigner(store, newest(store.public(), "directory", "Ed25519", at))
