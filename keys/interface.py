"""The seam of keys/: a store that signs and opens, and never exports a private key.

Everything else in the package is pure: bytes, a clock reading and entropy in, frozen values out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

Use = Literal["sig", "enc", "log", "witness", "directory"]
State = Literal["pending", "active", "retiring", "destroyed", "compromised"]
Jwk = Mapping[str, str]
"""A public JWK: OKP (RFC 8037, RFC 9864), AKP (RFC 9964, ML-DSA and HPKE KEM keys)."""

Entropy = Callable[[int], bytes]
"""`n` random bytes; `os.urandom` in production, seeded in tests."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Public half with its life. `kid` is the RFC 7638 SHA-256 thumbprint, base64url without padding."""

    kid: str
    use: Use
    alg: str
    jwk: Jwk
    nbf: int
    exp: int
    destroyed: int | None = None
    """When its private half was destroyed; None while it is there."""


class KeyStore(Protocol):
    """Private keys behind a wall. Times are whole POSIX seconds. Raises `UnknownKey`, `KeyFault`."""

    def create(self, use: Use, alg: str, *, nbf: int, exp: int) -> str:
        """Make a key and return its kid. One key, one use."""
        ...

    def sign(self, kid: str, data: bytes) -> bytes:
        """Raw signature bytes (RFC 8032, FIPS 204 with empty context)."""
        ...

    def open(self, kid: str, sealed: bytes, info: bytes) -> bytes:
        """HPKE single-shot open, base mode, empty AAD (RFC 9180 6.1): `sealed` = enc ‖ ciphertext."""
        ...

    def public(self) -> tuple[PublicKey, ...]:
        """Every key that was ever made, retired ones too, oldest first."""
        ...

    def retire(self, kid: str, *, at: int) -> None:
        """End the life of a key: it signs and opens no more; the public half stays."""
        ...


class SignerProvider(Protocol):
    """Signing keys that live elsewhere: an HSM, a cloud KMS. Raises `KeyFault`. Labels are its own names."""

    def public(self, label: str) -> tuple[str, bytes]:
        """Algorithm and raw public key."""
        ...

    def sign(self, label: str, data: bytes) -> bytes:
        """Raw signature bytes, as `KeyStore.sign` gives them."""
        ...


class SecretStore(Protocol):
    """Node secrets (32 random bytes each, made on first use, wrapped like keys): `id_key`, `index_key`, …"""

    def secret(self, name: str) -> bytes: ...


class KeyWrapper(Protocol):
    """The KEK. `aad` binds what is wrapped to its place; `kek` and `kdf` name it in key headers."""

    @property
    def kek(self) -> str: ...

    @property
    def kdf(self) -> str: ...

    def wrap(self, plain: bytes, aad: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes: ...
