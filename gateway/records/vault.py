"""Keys of data at rest (envelope.md 12, trust-and-ledger.md 9): whoever loses the key has erased the data.

Two kinds of key, both 32 random bytes, wrapped by the KEK, in one store (table `subject_key`):
* `Patient/<index id>`: K_s of a person. K_wrap seals her records and details, K_tag chains her ledger leaves;
* any other name (an original, a resource that is nobody's): a data key, used as it is. One that belongs to a
  person is `attached` to her, and erased with her.

What is sealed: nonce 12 ‖ AES-256-GCM(key, plain, aad). The `aad` names the place, so nothing can be moved.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.records.interface import KeyErased, SealBroken
from keys.interface import Entropy, KeyWrapper
from keys.leaf import subject_keys

_NONCE = 12
_PLACE = b"carepact/subject_key\0"


def place_of_key(name: str) -> bytes:
    """What binds a wrapped key to its name."""
    return _PLACE + name.encode()


class KeyRows(Protocol):
    """Where wrapped keys are. `None` for an erased one."""

    def get(self, names: Iterable[str]) -> Mapping[str, bytes | None]: ...

    def add(self, name: str, wrapped: bytes) -> bool:
        """Keep a key unless there is one of that name already; whether it was kept."""
        ...

    def attach(self, name: str, person: str) -> None: ...

    def erase(self, person: str) -> int:
        """Forget the key of the person and all that are attached to her; their names stay. How many."""
        ...


class Vault:
    """Seals and opens under named keys; made for one unit of work. Implements `consent.interface.Cipher`."""

    def __init__(self, rows: KeyRows, wrapper: KeyWrapper, entropy: Entropy) -> None:
        self._rows = rows
        self._wrapper = wrapper
        self._entropy = entropy
        self._keys: dict[str, bytes] = {}
        self._wraps: dict[str, AESGCM] = {}

    def seal(self, subject: str, plain: bytes, aad: bytes) -> bytes:
        """Seal under the key of that name, made on first use. Raises `KeyErased`."""
        nonce = self._entropy(_NONCE)
        return nonce + self._cipher(subject, make=True).encrypt(nonce, plain, aad)

    def open(self, subject: str, sealed: bytes, aad: bytes) -> bytes:
        """Raises `SealBroken` when it was altered or moved, or there is no such key (any more)."""
        cipher = self._cipher(subject, make=False)
        try:
            return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], aad)
        except (InvalidTag, ValueError):
            raise SealBroken from None

    def load(self, names: Iterable[str]) -> None:
        """Fetch many keys in one query before opening many things."""
        wanted = [name for name in dict.fromkeys(names) if name not in self._keys]
        for name, wrapped in self._rows.get(wanted).items() if wanted else ():
            if wrapped is not None:
                self._keys[name] = self._unwrap(name, wrapped)

    def tag_key(self, person: str) -> bytes:
        """K_tag: chains the leaves of one person in the ledger."""
        return subject_keys(self._key(person, make=True)).tag

    def erased(self, name: str) -> bool:
        """Whether the key of that name was destroyed on purpose."""
        found = self._rows.get((name,))
        return name in found and found[name] is None

    def attach(self, name: str, person: str) -> None:
        """The data key `name` is about this person: erasing her erases it."""
        self._rows.attach(name, person)

    def forget(self) -> None:
        """A savepoint was rolled back: keys that were made inside it are not stored, so none is used."""
        self._keys.clear()
        self._wraps.clear()

    def erase(self, person: str) -> int:
        """Destroy the key of a person and those attached. What they sealed never opens again."""
        self.forget()
        return self._rows.erase(person)

    def _cipher(self, name: str, *, make: bool) -> AESGCM:
        if name not in self._wraps:
            key = self._key(name, make=make)
            self._wraps[name] = AESGCM(subject_keys(key).wrap if name.startswith("Patient/") else key)
        return self._wraps[name]

    def _key(self, name: str, *, make: bool) -> bytes:
        if name not in self._keys:
            found = self._rows.get((name,))
            if name not in found:
                if not make:
                    raise SealBroken
                key = self._entropy(32)
                if self._rows.add(name, self._wrapper.wrap(key, place_of_key(name))):
                    return self._keys.setdefault(name, key)
                # Another worker was first: its key counts.
                found = self._rows.get((name,))
            wrapped = found[name]
            if wrapped is None:
                raise KeyErased
            self._keys[name] = self._unwrap(name, wrapped)
        return self._keys[name]

    def _unwrap(self, name: str, wrapped: bytes) -> bytes:
        try:
            return self._wrapper.unwrap(wrapped, place_of_key(name))
        except Exception:
            raise SealBroken from None
