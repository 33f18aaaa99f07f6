"""Whom an envelope is sealed for, and who opens it: directory keys, reply keys, registered clients' keys."""

import hashlib
from dataclasses import dataclass, field
from typing import Protocol

from keys.algorithms import KEM, SUITES, live_suite, unwrap_with
from keys.envelope.manifest import Manifest
from keys.errors import UnknownKey
from keys.interface import Entropy, Jwk, KeyStore
from keys.jwk import PublicHalf, jwk_from_seed, kid_from_jwk, public_from_jwk
from keys.lifecycle import LONGEST_MESSAGE
from keys.syntax import b64u
from keys.trust import TrustList


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address, and the KEM key: of the directory, of a client's registration, or the reply key."""

    address: str
    key: PublicHalf


class KemKey(Protocol):
    """A private KEM key behind its store. `open` raises `UnknownKey` if it does not open."""

    @property
    def kid(self) -> str: ...

    @property
    def alg(self) -> str: ...

    @property
    def nbf(self) -> int: ...

    @property
    def exp(self) -> int: ...

    def open(self, sealed: bytes, info: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class ReplyKey:
    """The private half of one request's `rkey`: in memory until the response completed or `exp`."""

    kid: str
    alg: str
    nbf: int
    exp: int
    jwk: Jwk
    _seed: bytes = field(repr=False)

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """HPKE single-shot open of enc ‖ ciphertext."""
        plain = unwrap_with(self._seed, sealed, info, self.alg)
        if plain is None:
            raise UnknownKey("does not open with this key")
        return plain


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An `enc` key of a `KeyStore`."""

    kid: str
    alg: str
    nbf: int
    exp: int
    _store: KeyStore = field(repr=False)

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """HPKE single-shot open of enc ‖ ciphertext."""
        return self._store.open(self.kid, sealed, info)


def make_reply_key(entropy: Entropy, *, now: int, exp: int, suite: int = 3) -> ReplyKey:
    """A fresh reply key for one request of this suite, never reused (envelope.md 9)."""
    return reply_key_from_seed(entropy(32), now=now, exp=exp, alg=SUITES[suite].kem)


def reply_key_from_seed(seed: bytes, *, now: int, exp: int, alg: str = KEM) -> ReplyKey:
    """The reply key of a seed that somebody kept: an outbox, a file."""
    jwk = jwk_from_seed(alg, seed)
    return ReplyKey(kid_from_jwk(jwk), alg, now, exp, jwk, seed)


def kem_keys_from_store(store: KeyStore, *, now: int) -> tuple[StoredKey, ...]:
    """Every `enc` key that may still open something: begun, and not longer past than the longest message."""
    return tuple(
        StoredKey(key.kid, key.alg, key.nbf, key.exp, store)
        for key in store.public()
        if key.use == "enc" and key.nbf - 60 <= now < key.exp + LONGEST_MESSAGE
    )


def recipient_from_trust(trust: TrustList, address: str, *, at: int, suite: int = 3) -> Recipient:
    """The newest live KEM key of an address in the list for this suite; `UnknownKey` if it has none."""
    key = trust.kem_key(address, SUITES[suite].kem, at)
    if key is None:
        raise UnknownKey("no live KEM key for this address")
    return Recipient(address, PublicHalf(key.kid, key.alg, key.raw))


def recipient_from_request(request: Manifest) -> Recipient:
    """The issuer of a verified request, under its reply key alone."""
    return Recipient(request.iss, public_from_jwk(dict(request.rkey or {}), use="enc"))


def choose_suite(trust: TrustList, me: str, peer: str) -> int:
    """The highest suite that both records and the federation list.

    `UnknownKey` if there is none, or a record is missing.
    """
    mine, theirs = trust.member(me), trust.member(peer)
    if mine is None or theirs is None:
        raise UnknownKey("no record of one of the two")
    common = {n for n in mine.suites if n in theirs.suites and n in trust.suites and live_suite(n)}
    if not common or max(common) < max(mine.min_suite, theirs.min_suite):
        raise UnknownKey("no suite in common")
    return max(common)


def http_request_digest(method: str, target: str, nonce: bytes, body: bytes) -> bytes:
    """What a keyed client's plain request is called in `req` (envelope.md 11): 32 bytes.

    `target` is the request-target exactly as sent, `nonce` the 16 bytes behind `Carepact-Nonce`.
    """
    if len(nonce) != 16:
        raise ValueError("a nonce is 16 bytes")
    lines = (f"{method} {target}", b64u(nonce))
    head = b"".join(line.encode("ascii") + b"\n" for line in lines)
    return hashlib.sha256(b"carepact/http\0" + head + hashlib.sha256(body).digest()).digest()
