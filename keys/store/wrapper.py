"""The key-encryption key (KEK) and where it is: `file:PATH`, `env:NAME`, `passphrase:NAME`, `exec:PATH`.

What is wrapped says for itself all that unwrapping needs, for it also lies apart from any header (the keys of
patients, data keys): nonce 12 ‖ AES-256-GCM, and under a passphrase its 16-byte salt in front.
PKCS#8 with `BestAvailableEncryption` is not used: 2 048 rounds of PBKDF2.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from keys.atrest import open_at_rest, seal_at_rest
from keys.errors import KeyFault
from keys.interface import Entropy, KeyWrapper
from keys.store.file import read_private, write_private_once
from keys.store.provider import ProvidedWrapper, provider_at
from keys.syntax import SyntaxRefused, b64u, unb64u

KEK = 32
SALT = 16
MEMORY_KIB, PASSES, LANES = 65_536, 3, 4
SHORTEST_PASSPHRASE = 12


class RawWrapper:
    """A KEK of 32 random bytes. `kek` names it in headers: a hash from which nothing can be guessed."""

    kdf = "none"

    def __init__(self, key: bytes, entropy: Entropy) -> None:
        if len(key) != KEK:
            raise KeyFault("a KEK is 32 bytes")
        self._key = key
        self._entropy = entropy
        self.kek = b64u(hashlib.sha256(b"carepact/kek\0" + key).digest()[:12])

    def wrap(self, plain: bytes, aad: bytes) -> bytes:
        return seal_at_rest(self._key, plain, aad, self._entropy(12))

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        return open_at_rest(self._key, wrapped, aad)


class PassphraseWrapper:
    """A KEK by Argon2id (64 MiB, 3 passes, 4 lanes), derived once for each salt that is met."""

    kek = "passphrase"
    kdf = f"argon2id,m={MEMORY_KIB},t={PASSES},p={LANES}"

    def __init__(self, passphrase: bytes, entropy: Entropy) -> None:
        if len(passphrase) < SHORTEST_PASSPHRASE:
            raise KeyFault("a passphrase of fewer than 12 bytes")
        self._passphrase = passphrase
        self._entropy = entropy
        self._salt: bytes | None = None
        self._keys: dict[bytes, bytes] = {}

    def wrap(self, plain: bytes, aad: bytes) -> bytes:
        # The salt met first is used on: one derivation for the whole store, not one for each key.
        salt = self._salt = self._salt or self._entropy(SALT)
        return salt + seal_at_rest(self._derived(salt), plain, aad + salt, self._entropy(12))

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        salt = wrapped[:SALT]
        if len(salt) != SALT:
            raise KeyFault("what is stored does not open: another key, or altered")
        plain = open_at_rest(self._derived(salt), wrapped[SALT:], aad + salt)
        self._salt = self._salt or salt
        return plain

    def met(self, wrapped: bytes) -> bool:
        """Whether trying costs no derivation."""
        return wrapped[:SALT] in self._keys

    def _derived(self, salt: bytes) -> bytes:
        if salt not in self._keys:
            kdf = Argon2id(salt=salt, length=KEK, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)
            self._keys[salt] = kdf.derive(self._passphrase)
        return self._keys[salt]


def wrapper_from(
    setting: str, *, entropy: Entropy = os.urandom, environ: Mapping[str, str] = os.environ
) -> KeyWrapper:
    """The wrapper that a setting names; `KeyFault` if it is not there, exposed or malformed.

    `file:PATH` 32 raw bytes, mode 0600 · `env:NAME` b64u of 32 bytes · `passphrase:NAME` an environment
    variable that holds the passphrase (never the passphrase itself) · `exec:PATH` a provider of its own
    process (`keys.store.provider`).
    """
    kind, _, where = setting.partition(":")
    match kind:
        case "file" if where:
            return RawWrapper(_kek_from_file(Path(where)), entropy)
        case "env" if where:
            return RawWrapper(_kek_from_text(environ.get(where)), entropy)
        case "passphrase" if where:
            return PassphraseWrapper((environ.get(where) or "").encode("utf-8"), entropy)
        case "exec" if where:
            return ProvidedWrapper(provider_at(where))
    raise KeyFault("a KEK setting is file:PATH, env:NAME, passphrase:NAME or exec:PATH")


def create_kek_file(path: Path, entropy: Entropy = os.urandom) -> None:
    """32 random bytes in a new 0600 file; `KeyFault` if the file is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private_once(path, entropy(KEK))


def _kek_from_file(path: Path) -> bytes:
    if not path.exists():
        raise KeyFault("the KEK file is not there")
    return read_private(path)


def _kek_from_text(text: str | None) -> bytes:
    try:
        return unb64u(text, KEK)
    except SyntaxRefused:
        raise KeyFault("the KEK variable does not hold b64u of 32 bytes") from None
