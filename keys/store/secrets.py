"""Node secrets on a shelf: 32 random bytes a name, made on first use, wrapped like keys (envelope.md 12)."""

import re

from keys.errors import KeyFault
from keys.interface import Entropy, KeyWrapper
from keys.store.shelf import Shelf

_SECRET = re.compile(r"[a-z][a-z0-9_]{0,31}").fullmatch


class ShelfSecretStore:
    """A `SecretStore` over a shelf."""

    def __init__(self, shelf: Shelf, wrapper: KeyWrapper, entropy: Entropy) -> None:
        self._shelf = shelf
        self._wrapper = wrapper
        self._entropy = entropy
        self._known: dict[str, bytes] = {}

    def has(self, name: str) -> bool:
        """Whether it was made before; `secret` would make it."""
        return self._shelf.read(name) is not None

    def secret(self, name: str) -> bytes:
        """The secret of that name, always the same; `KeyFault` for a wrong KEK or altered bytes."""
        if not _SECRET(name):
            raise KeyFault("not a name of a secret")
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def check(self) -> None:
        """Unwrap every secret once, at the start. `KeyFault`."""
        for name in tuple(self._shelf.names()):
            self.secret(name)

    def rewrap(self, wrapper: KeyWrapper) -> int:
        """Put every secret under another KEK, one by one; how many were not yet."""
        turned = 0
        for name in tuple(self._shelf.names()):
            stored, aad = self._shelf.read(name) or b"", _aad(name)
            if not _opens(stored, aad, wrapper):
                self._shelf.replace(name, wrapper.wrap(self._wrapper.unwrap(stored, aad), aad))
                turned += 1
        self._wrapper = wrapper
        return turned

    def _read(self, name: str) -> bytes:
        stored, aad = self._shelf.read(name), _aad(name)
        if stored is None:
            # Of two first users one adds, and both read what was added.
            self._shelf.add(name, self._wrapper.wrap(self._entropy(32), aad))
            stored = self._shelf.read(name)
        value = self._wrapper.unwrap(stored or b"", aad)
        if len(value) != 32:
            raise KeyFault("a secret is 32 bytes")
        return value


def _aad(name: str) -> bytes:
    return b"carepact/secret\0" + name.encode("ascii")


def _opens(stored: bytes, aad: bytes, wrapper: KeyWrapper) -> bool:
    try:
        wrapper.unwrap(stored, aad)
    except KeyFault:
        return False
    return True
