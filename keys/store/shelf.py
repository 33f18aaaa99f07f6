"""What every store has in common: named byte strings on a shelf, and a `KeyStore` and `SecretStore` over one.

A store unwraps lazily and remembers what it unwrapped for as long as it lives.
"""

import re
from collections.abc import Callable, Iterable
from typing import Protocol

from keys.algorithms import opener_from_seed, signer_from_seed
from keys.errors import KeyFault, UnknownKey
from keys.interface import Entropy, KeyWrapper, PublicKey, Use
from keys.store.record import (
    Record,
    record_from_bytes,
    record_from_seed,
    record_retired,
    record_rewrapped,
    seed_from_record,
)

_SECRET = re.compile(r"[a-z][a-z0-9_]{0,31}").fullmatch
SIGNING_USES = frozenset(("sig", "log", "witness", "directory"))


class Shelf(Protocol):
    """Where bytes lie. Every write is durable, or part of the caller's transaction, when it returns."""

    def names(self) -> Iterable[str]: ...

    def read(self, name: str) -> bytes | None: ...

    def add(self, name: str, data: bytes) -> bool:
        """Write once: False if the name is taken."""
        ...

    def replace(self, name: str, data: bytes) -> None: ...


class ShelfKeyStore:
    """A `KeyStore` over a shelf. Private seeds never leave it."""

    def __init__(self, shelf: Shelf, wrapper: KeyWrapper, entropy: Entropy) -> None:
        self._shelf = shelf
        self._wrapper = wrapper
        self._entropy = entropy
        self._seeds: dict[str, tuple[PublicKey, bytes]] = {}
        self._signers: dict[str, Callable[[bytes], bytes]] = {}
        self._openers: dict[str, Callable[[bytes, bytes], bytes | None]] = {}
        self._records: dict[str, Record] = {}

    def create(self, use: Use, alg: str, *, nbf: int, exp: int) -> str:
        """Make a key and return its kid. `KeyFault` for an algorithm that this use never has."""
        return self.adopt(use, alg, self._entropy(32), nbf=nbf, exp=exp)

    def adopt(self, use: Use, alg: str, seed: bytes, *, nbf: int, exp: int) -> str:
        """Take in a seed that was made elsewhere (tests, a client's own key); return its kid."""
        record = record_from_seed(use, alg, seed, nbf=nbf, exp=exp, wrapper=self._wrapper)
        if not self._shelf.add(record.public.kid, record.data):
            raise KeyFault("this key is here already")
        return record.public.kid

    def sign(self, kid: str, data: bytes) -> bytes:
        """Raw signature bytes."""
        if kid not in self._signers:
            public, seed = self._private(kid)
            if public.use not in SIGNING_USES:
                raise UnknownKey("not a signing key")
            self._signers[kid] = signer_from_seed(public.alg, seed)
        return self._signers[kid](data)

    def open(self, kid: str, sealed: bytes, info: bytes) -> bytes:
        """HPKE single-shot open of enc ‖ ciphertext."""
        if kid not in self._openers:
            public, seed = self._private(kid)
            if public.use != "enc":
                raise UnknownKey("does not open with this key")
            self._openers[kid] = opener_from_seed(seed, public.alg)
        plain = self._openers[kid](sealed, info)
        if plain is None:
            raise UnknownKey("does not open with this key")
        return plain

    def public(self) -> tuple[PublicKey, ...]:
        """Every key that was ever made, retired ones too (their `exp` is when they were), oldest first."""
        found = [self._record(name).published() for name in self._shelf.names()]
        return tuple(sorted(found, key=lambda key: (key.nbf, key.kid)))

    def retire(self, kid: str, *, at: int) -> None:
        """Destroy the seed; the public half stays. Retiring twice changes nothing."""
        record = self._record(kid)
        if seed_from_record(record, self._wrapper) is not None:
            self._shelf.replace(kid, record_retired(record, at, self._wrapper).data)
        self._seeds.pop(kid, None)
        self._signers.pop(kid, None)
        self._openers.pop(kid, None)

    def rewrap(self, wrapper: KeyWrapper) -> None:
        """Put every key under another KEK."""
        for name in tuple(self._shelf.names()):
            self._shelf.replace(name, record_rewrapped(self._record(name), self._wrapper, wrapper).data)
        self._wrapper = wrapper

    def check(self) -> None:
        """Unwrap every key once: a wrong KEK or an altered record is found at the start. `KeyFault`."""
        for name in self._shelf.names():
            seed_from_record(self._record(name), self._wrapper)

    def _record(self, kid: str) -> Record:
        data = self._shelf.read(kid)
        if data is None:
            raise UnknownKey("no such key")
        known = self._records.get(kid)
        if known is not None and known.data == data:
            return known
        record = record_from_bytes(data)
        if record.public.kid != kid:
            raise KeyFault("a key under another key's name")
        self._records[kid] = record
        return record

    def _private(self, kid: str) -> tuple[PublicKey, bytes]:
        if kid not in self._seeds:
            record = self._record(kid)
            seed = seed_from_record(record, self._wrapper)
            if seed is None:
                raise UnknownKey("this key is retired")
            self._seeds[kid] = record.public, seed
        return self._seeds[kid]


class ShelfSecretStore:
    """A `SecretStore` over a shelf: 32 random bytes a name, made on first use, wrapped like keys."""

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

    def _read(self, name: str) -> bytes:
        aad = b"carepact/secret\0" + name.encode("ascii")
        stored = self._shelf.read(name)
        if stored is None:
            # Of two first users one adds, and both read what was added.
            self._shelf.add(name, self._wrapper.wrap(self._entropy(32), aad))
            stored = self._shelf.read(name)
        value = self._wrapper.unwrap(stored or b"", aad)
        if len(value) != 32:
            raise KeyFault("a secret is 32 bytes")
        return value
