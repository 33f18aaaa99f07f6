"""G11: sealing and opening one envelope of suite 3, against the bare primitives on the same bytes.

Seal: SHA-256, AES-256-GCM in one piece, one HPKE wrap, Ed25519 and ML-DSA-65 over what the manifest signs.
Open: SHA-256, AES-256-GCM, one HPKE unwrap, both verifications. All keys are parsed before.
"""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.clock import ms_of, p50
from benchmarks.report import Result
from keys.envelope.binding import ExpectResponse, Opening
from keys.envelope.draft import Claims, draft
from keys.envelope.events import Opened
from keys.envelope.manifest import FHIR_JSON
from keys.envelope.open import open_envelope
from keys.envelope.recipient import Recipient, StoredKey
from keys.envelope.seal import Sealed, finish, signers_for_suite
from keys.interface import KeyStore
from keys.jwk import public_from_jwk
from keys.member import member_from_store
from keys.store.memory import MemoryKeyStore, MemoryReplay
from keys.syntax import b64u
from keys.trust import TrustList, trust_list

SIZES = (10_000, 100_000, 1_000_000)
GOALS = {10_000: (1.5, 1.8), 100_000: (1.3, 1.6), 1_000_000: (1.3, 1.4)}
SUITE = 3
"""The default."""
FROM, TO = "sender.example", "receiver.example/desk"
REQUEST = b64u(bytes(32))


def run(*, sizes: tuple[int, ...] = SIZES, rounds: int = 100) -> list[Result]:
    """Two lines for each size."""
    held = parties(int(time.time()))
    return [line for size in sizes for line in _of_size(held, size, rounds)]


@dataclass(frozen=True, slots=True)
class Parties:
    """A sender with its keys, a receiver with hers, and the list that makes them known."""

    now: int
    sender: KeyStore
    receiver: KeyStore
    trust: TrustList
    mine: StoredKey

    def seal(self, content: bytes) -> Sealed:
        claims = Claims("response", FROM, FHIR_JSON, self.now + 600, req=REQUEST)
        (kem,) = self.receiver.public()
        to = Recipient(TO, public_from_jwk(dict(kem.jwk), encapsulate=False))
        made = draft(claims, content, [to], suite=SUITE, now=self.now, entropy=os.urandom)
        return finish(made, signers_for_suite(self.sender, SUITE, at=self.now))

    def open(self, envelope: bytes) -> Opened:
        expect = ExpectResponse(FROM, bytes(32), self.mine.kid, SUITE)
        opened = open_envelope(
            envelope,
            Opening(TO, self.trust, (self.mine,), expect, MemoryReplay(), self.now, acknowledged=False),
        )
        assert isinstance(opened, Opened)
        return opened


def parties(now: int) -> Parties:
    sender, receiver = MemoryKeyStore(os.urandom), MemoryKeyStore(os.urandom)
    for alg in ("Ed25519", "ML-DSA-65"):
        sender.create("sig", alg, nbf=now - 60, exp=now + 86_400)
    sender.create("enc", "HPKE-9-KE", nbf=now - 60, exp=now + 3_600)
    receiver.create("enc", "HPKE-9-KE", nbf=now - 60, exp=now + 3_600)
    trust = trust_list(1, now + 86_400, [member_from_store(sender, FROM, federation="local")])
    (kem,) = receiver.public()
    return Parties(now, sender, receiver, trust, StoredKey(kem.kid, kem.alg, kem.nbf, kem.exp, receiver))


def _of_size(held: Parties, size: int, rounds: int) -> list[Result]:
    content = os.urandom(size)
    sealed = held.seal(content)
    assert held.open(sealed.envelope).content == content
    bare_seal, bare_open = primitives(content, sealed.jws)
    works: tuple[Callable[[], object], ...] = (
        lambda: held.seal(content),
        bare_seal,
        lambda: held.open(sealed.envelope),
        bare_open,
    )
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for kept, work in zip(times, works, strict=True):
            kept.append(ms_of(work))
    medians = [p50(kept) for kept in times]
    return [
        _line("seal", size, medians[0], medians[1], GOALS.get(size, (None, None))[0]),
        _line("open", size, medians[2], medians[3], GOALS.get(size, (None, None))[1]),
    ]


def _line(what: str, size: int, ours: float, bare: float, goal: float | None) -> Result:
    figure = f"{ours:.2f} ms, primitives {bare:.2f} ms" + (f", goal {goal}" if goal else "")
    passed = None if goal is None else ours / bare <= goal
    return Result(f"G11 {what} {size // 1000} kB", figure, ours / bare, passed)


def primitives(content: bytes, signed: bytes) -> tuple[Callable[[], None], Callable[[], None]]:
    curve, lattice = ed25519.Ed25519PrivateKey.generate(), mldsa.MLDSA65PrivateKey.generate()
    signatures = curve.sign(signed), lattice.sign(signed)
    publics = curve.public_key(), lattice.public_key()
    halves = mlkem.MLKEM768PrivateKey.generate(), x25519.X25519PrivateKey.generate()
    kem = hpke.MLKEM768X25519PrivateKey(*halves)
    to = hpke.MLKEM768X25519PublicKey(halves[0].public_key(), halves[1].public_key())
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.SHAKE256, hpke.AEAD.AES_256_GCM)
    key, nonce = os.urandom(32), bytes(12)
    wrapped, body = suite.encrypt(key, to, b"bare"), AESGCM(key).encrypt(nonce, content, None)

    def seal() -> None:
        hashlib.sha256(content).digest()
        curve.sign(signed)
        lattice.sign(signed)
        suite.encrypt(key, to, b"bare")
        AESGCM(key).encrypt(nonce, content, None)

    def open_() -> None:
        AESGCM(suite.decrypt(wrapped, kem, b"bare")).decrypt(nonce, body, None)
        publics[0].verify(signatures[0], signed)
        publics[1].verify(signatures[1], signed)
        hashlib.sha256(content).digest()

    return seal, open_
