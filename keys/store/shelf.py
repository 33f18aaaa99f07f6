"""What every store has in common: named byte strings on a shelf, and a `KeyStore` over one.

A store unwraps lazily and remembers what it unwrapped for as long as it lives.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from keys.algorithms import KEMS, opener_from_seed, signer_from_seed, verifies
from keys.errors import KeyFault, UnknownKey
from keys.interface import Entropy, KeyWrapper, PublicKey, SignerProvider, Use
from keys.jwk import jwk_from_public, public_from_jwk
from keys.store.record import (
    Elsewhere,
    Record,
    opens_under,
    record_ended,
    record_from_bytes,
    record_from_label,
    record_from_seed,
    record_retired,
    record_rewrapped,
    seed_from_record,
)

SIGNING_USES = frozenset(("sig", "log", "witness", "directory"))
_PROOF = b"carepact/enrolment\0"


class Shelf(Protocol):
    """Where bytes lie. Every write is durable, or part of the caller's transaction, when it returns."""

    def names(self) -> Iterable[str]: ...

    def read(self, name: str) -> bytes | None: ...

    def add(self, name: str, data: bytes) -> bool:
        """Write once: False if the name is taken."""
        ...

    def replace(self, name: str, data: bytes) -> None: ...

    def stamp(self) -> int | None:
        """What changes with every write of anybody; None where that cannot be told (now)."""
        ...


class ShelfKeyStore:
    """A `KeyStore` over a shelf. Private seeds never leave it; some keys may live with a `provider`."""

    def __init__(
        self, shelf: Shelf, wrapper: KeyWrapper, entropy: Entropy, provider: SignerProvider | None = None
    ) -> None:
        self._shelf = shelf
        self._wrapper = wrapper
        self._entropy = entropy
        self._provider = provider
        self._signers: dict[str, Callable[[bytes], bytes]] = {}
        self._openers: dict[str, Callable[[bytes, bytes], bytes | None]] = {}
        self._records: dict[str, Record] = {}
        self._stamp: int | None = None
        self._published: tuple[PublicKey, ...] = ()

    def create(self, use: Use, alg: str, *, nbf: int, exp: int) -> str:
        """Make a key and return its kid. `KeyFault` for an algorithm that this use never has."""
        return self.adopt(use, alg, self._entropy(32), nbf=nbf, exp=exp)

    def adopt(self, use: Use, alg: str, seed: bytes, *, nbf: int, exp: int) -> str:
        """Take in a seed that was made elsewhere (tests, a client's own key); return its kid."""
        return self._add(record_from_seed(use, alg, seed, nbf=nbf, exp=exp, wrapper=self._wrapper))

    def enrol(self, use: Use, label: str, *, nbf: int, exp: int) -> str:
        """Take in a signing key that stays with the provider, once it has shown that it signs; its kid.

        KEM keys are never taken: HPKE opens in this process (envelope.md 12).
        """
        if self._provider is None:
            raise KeyFault("no provider of signing keys is set")
        alg, raw = self._provider.public(label)
        if use not in SIGNING_USES or alg in KEMS or (alg == "ES256" and use != "sig"):
            raise KeyFault("not an algorithm for this use")
        half = public_from_jwk(dict(jwk_from_public(alg, raw)), use=use)
        public = PublicKey(half.kid, use, alg, jwk_from_public(alg, raw), nbf, exp)
        self._elsewhere(public, label)(_PROOF + self._entropy(32))
        return self._add(record_from_label(public, label, self._wrapper))

    def sign(self, kid: str, data: bytes) -> bytes:
        """Raw signature bytes."""
        self._forget(kid)
        if kid not in self._signers:
            public, private = self._private(kid)
            if public.use not in SIGNING_USES:
                raise UnknownKey("not a signing key")
            self._signers[kid] = (
                self._elsewhere(public, private.label)
                if isinstance(private, Elsewhere)
                else signer_from_seed(public.alg, private)
            )
        return self._signers[kid](data)

    def open(self, kid: str, sealed: bytes, info: bytes) -> bytes:
        """HPKE single-shot open of enc ‖ ciphertext."""
        self._forget(kid)
        if kid not in self._openers:
            public, private = self._private(kid)
            if public.use != "enc" or isinstance(private, Elsewhere):
                raise UnknownKey("does not open with this key")
            self._openers[kid] = opener_from_seed(private, public.alg)
        plain = self._openers[kid](sealed, info)
        if plain is None:
            raise UnknownKey("does not open with this key")
        return plain

    def public(self) -> tuple[PublicKey, ...]:
        """Every key that was ever made, retired ones too (their `exp` is when they were), oldest first."""
        stamp = self._shelf.stamp()
        if stamp is None or stamp != self._stamp:
            found = [self._record(name).published() for name in self._shelf.names()]
            self._published = tuple(sorted(found, key=lambda key: (key.nbf, key.kid)))
            self._stamp = stamp
        return self._published

    def end(self, kid: str, *, at: int) -> None:
        """Cut the life of a key at `at`: nothing new is made with it; its private half stays until due."""
        record = self._record(kid)
        if record.retired is None and record.public.exp > at:
            self._shelf.replace(kid, record_ended(record, at, self._wrapper).data)

    def retire(self, kid: str, *, at: int) -> None:
        """Destroy the seed; the public half stays. Retiring twice changes nothing."""
        record = self._record(kid)
        if seed_from_record(record, self._wrapper) is not None:
            self._shelf.replace(kid, record_retired(record, at, self._wrapper).data)
        self._signers.pop(kid, None)
        self._openers.pop(kid, None)

    def rewrap(self, wrapper: KeyWrapper) -> int:
        """Put every key under another KEK, one by one; how many were not yet. Once stopped, it goes on."""
        turned = 0
        for name in tuple(self._shelf.names()):
            record = self._record(name)
            if not opens_under(record, wrapper):
                self._shelf.replace(name, record_rewrapped(record, self._wrapper, wrapper).data)
                turned += 1
        self._wrapper = wrapper
        return turned

    def check(self) -> None:
        """Unwrap every key once: a wrong KEK or an altered record is found at the start. `KeyFault`."""
        for name in self._shelf.names():
            seed_from_record(self._record(name), self._wrapper)

    def _add(self, record: Record) -> str:
        if not self._shelf.add(record.public.kid, record.data):
            raise KeyFault("this key is here already")
        return record.public.kid

    def _elsewhere(self, public: PublicKey, label: str) -> Callable[[bytes], bytes]:
        """Signs with the provider; what it gives is checked, for a faulty one must not speak for us."""
        provider = self._provider
        if provider is None:
            raise KeyFault("this key lives with a provider, and none is set")
        raw = public_from_jwk(dict(public.jwk), use=public.use).raw

        def sign(data: bytes) -> bytes:
            signature = provider.sign(label, data)
            if not verifies(public.alg, raw, signature, data):
                raise KeyFault("the provider of signing keys made a signature that does not hold")
            return signature

        return sign

    def _forget(self, kid: str) -> None:
        """Another process may have destroyed this key: then nothing of it is left here either."""
        stamp = self._shelf.stamp()
        if (kid in self._signers or kid in self._openers) and (stamp is None or stamp != self._stamp):
            if self._record(kid).retired is not None:
                self._signers.pop(kid, None)
                self._openers.pop(kid, None)
            elif stamp is not None:
                self.public()

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

    def _private(self, kid: str) -> tuple[PublicKey, bytes | Elsewhere]:
        record = self._record(kid)
        private = seed_from_record(record, self._wrapper)
        if private is None:
            raise UnknownKey("this key is retired")
        return record.public, private
