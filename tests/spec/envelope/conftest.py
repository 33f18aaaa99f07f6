"""Three members, a client of one, and the road between them: everything an envelope needs, from fixed seeds."""

import hashlib
import json
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import pytest
from cryptography.cobblestone import Cobblestone256Encryptor

from keys.algorithms import CLASSICAL_KEM, KEM, SUITES, wrap_to
from keys.envelope.binding import ExpectAck, ExpectRequest, ExpectResponse, Opening
from keys.envelope.draft import Claims, Draft, draft
from keys.envelope.events import Opened
from keys.envelope.open import open_envelope
from keys.envelope.recipient import (
    ReplyKey,
    kem_keys_from_store,
    make_reply_key,
    recipient_from_request,
    recipient_from_trust,
)
from keys.envelope.seal import Sealed, finish, signers_for_suite
from keys.errors import EnvelopeRefused
from keys.jwk import PublicHalf
from keys.member import member_from_store
from keys.store.memory import MemoryKeyStore, MemoryReplay
from keys.syntax import b64u, unb64u
from keys.trust import TrustList, trust_list

NOW = 1_767_225_600
A, B, C = "a.example", "b.example", "c.example"
WARD = "a.example/ward"


def store_from_name(name: str) -> MemoryKeyStore:
    """A store whose keys follow from its name: a signing pair and a KEM key, and a pair of suite 1."""
    store = MemoryKeyStore(os.urandom)
    for use, alg, life in (
        ("sig", "Ed25519", 86_400 * 365),
        ("sig", "ML-DSA-65", 86_400 * 365),
        ("enc", KEM, 86_400),
        ("sig", "ES256", 86_400 * 365),
        ("enc", CLASSICAL_KEM, 86_400),
    ):
        seed = hashlib.sha256(f"carepact test {name} {alg}".encode()).digest()
        store.adopt(use, alg, seed, nbf=NOW - 3600, exp=NOW - 3600 + life)
    return store


@dataclass
class World:
    """A federation at one instant. Every method returns what a real caller would have in hand."""

    stores: dict[str, MemoryKeyStore]
    trust: TrustList
    now: int = NOW
    replays: dict[str, MemoryReplay] = field(default_factory=dict)

    def opening(self, me: str, expect: Any, **changes: Any) -> Opening:
        replay = self.replays.setdefault(me, MemoryReplay())
        given = {"keys": kem_keys_from_store(self.stores[me], now=self.now), "now": self.now} | changes
        return Opening(
            me=me,
            trust=given.pop("trust", self.trust),
            expect=expect,
            replay=given.pop("replay", replay),
            **given,
        )

    def signers(self, who: str, suite: int = 3) -> Any:
        return signers_for_suite(self.stores[who], suite, at=self.now)

    def request(
        self, content: bytes = b"{}", *, suite: int = 3, iss: str = A, to: str = B, **claims: Any
    ) -> tuple[Sealed, Draft, ReplyKey]:
        reply = make_reply_key(os.urandom, now=self.now, exp=self.now + 300, suite=suite)
        said = {"exp": self.now + 300, "pou": "TREAT", "agr": "gp-hospital@3", "rkey": reply.jwk} | claims
        made = draft(
            Claims(kind="request", iss=iss, typ="application/vnd.carepact.request+json", **said),
            content,
            [recipient_from_trust(self.trust, to, at=self.now, suite=suite)],
            suite=suite,
            now=self.now,
            entropy=os.urandom,
        )
        return finish(made, self.signers(iss, suite)), made, reply

    def response(
        self, request: Opened, content: bytes, *, iss: str = B, **claims: Any
    ) -> tuple[Sealed, Draft]:
        said = {"exp": request.manifest.exp, "req": b64u(request.md)} | claims
        made = draft(
            Claims(kind="response", iss=iss, typ="application/fhir+json", **said),
            content,
            [recipient_from_request(request.manifest)],
            suite=request.suite,
            now=self.now,
            entropy=os.urandom,
        )
        return finish(made, self.signers(iss, request.suite)), made

    def opened_request(self, content: bytes = b"{}", **given: Any) -> tuple[Opened, Draft, ReplyKey]:
        sealed, made, reply = self.request(content, **given)
        opened = open_envelope(sealed.envelope, self.opening(B, ExpectRequest()))
        assert isinstance(opened, Opened)
        return opened, made, reply

    def awaiting(self, made: Draft, reply: ReplyKey, **changes: Any) -> ExpectResponse:
        awaited = ExpectResponse(B, made.md, reply.kid, made.suite.number, made.manifest.exp)
        return replace(awaited, **changes)


def forge(
    world: World,
    *,
    suite: int = 3,
    iss: str = A,
    to: tuple[str, ...] = (B,),
    keys: list[PublicHalf] | None = None,
    exp: int | None = None,
    header: Callable[[dict], dict] = lambda header: header,
    claims: Callable[[dict], dict] = lambda claims: claims,
    payload: Callable[[bytes], bytes] = lambda payload: payload,
    signers: Any = None,
    signed: Callable[[bytes], bytes] = lambda signed: signed,
    content: bytes = b"{}",
    length: int | None = None,
    padding: bytes = bytes(16_384),
    plain: Callable[[bytes], bytes] = lambda plain: plain,
    stanzas: Callable[[list[bytes]], list[bytes]] = lambda stanzas: stanzas,
) -> bytes:
    """An envelope by somebody who knows the format and keeps no rule of it: every layer can be bent.

    It has its own code for every layer, so that a mistake in `seal` cannot hide one in `open`.
    """
    kem = suite if suite in SUITES else 3
    chosen = keys or [recipient_from_trust(world.trust, one, at=world.now, suite=kem).key for one in to]
    exp = exp or world.now + 300
    mid, blind, cek = b64u(os.urandom(16)), os.urandom(32), os.urandom(32)
    head = compact(header({"exp": exp, "mid": mid, "to": list(to)}))
    prefix = b"CPX1" + struct.pack(">HHI", suite, len(chosen), len(head)) + head
    ph = hashlib.sha256(prefix).digest()
    said = {
        "v": 1, "kind": "request", "iss": iss, "aud": list(to), "jti": mid, "iat": world.now, "exp": exp,
        "hdr": b64u(ph), "rcp": [key.kid for key in chosen], "log": "",
        "cnt": {
            "typ": "application/vnd.carepact.request+json", "enc": "identity", "len": len(content),
            "raw": len(content), "sha256": b64u(hashlib.sha256(blind + content).digest()),
        },
        "pou": "TREAT", "agr": "gp-hospital@3",
        "rkey": dict(make_reply_key(os.urandom, now=world.now, exp=exp, suite=kem).jwk),
    }  # fmt: skip
    body = payload(compact(claims(said)))
    jws_bytes = signed(join(body, signers or world.signers(iss, suite)))
    rows = []
    for key in chosen:
        kid = unb64u(key.kid)
        info = b"carepact/cek\0" + struct.pack(">H", suite) + kid + ph
        rows.append(kid + wrap_to(key.raw, cek, info, key.alg))
    before = prefix + b"".join(stanzas(rows))
    stream = Cobblestone256Encryptor(cek, b"carepact/body\0" + hashlib.sha256(before).digest())
    inside = plain(
        struct.pack(">I", length if length is not None else len(jws_bytes))
        + jws_bytes
        + blind
        + content
        + padding
    )
    return before + stream.update(inside) + stream.finalize()


def compact(value: Any) -> bytes:
    """JSON as the format wants it, without asking whether the value is allowed."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def join(payload: bytes, signers: Any, typ: str = "carepact-manifest+json") -> bytes:
    """A General JSON JWS over any payload by any signers."""
    signatures = []
    for signer in signers:
        protected = b64u(compact({"alg": signer.alg, "kid": signer.kid, "typ": typ}))
        value = b64u(signer.sign(f"{protected}.{b64u(payload)}".encode()))
        signatures.append({"protected": protected, "signature": value})
    return compact({"payload": b64u(payload), "signatures": signatures})


@pytest.fixture
def forged(world) -> Callable[..., bytes]:
    """`forge` over this federation."""
    return partial(forge, world)


@pytest.fixture
def refused(world) -> Callable[..., str]:
    """Open at b.example as a request (or as told) and return the reason of the refusal."""

    def reason(envelope: bytes, expect: Any = None, me: str = B, **changes: Any) -> str:
        with pytest.raises(EnvelopeRefused) as caught:
            open_envelope(envelope, world.opening(me, expect or ExpectRequest(), **changes))
        return caught.value.reason

    return reason


@pytest.fixture(scope="session")
def _world() -> World:
    stores = {name: store_from_name(name) for name in (A, B, C, WARD)}
    members = [member_from_store(store, name, min_suite=2) for name, store in stores.items()]
    return World(stores, trust_list(7, NOW + 30 * 86_400, members))


@pytest.fixture
def world(_world: World) -> World:
    """A fresh federation over the same keys: nothing replayed yet."""
    return World(dict(_world.stores), _world.trust)


def with_suite_1(stores: dict[str, MemoryKeyStore]) -> World:
    """A federation that switched suite 1 on, of members that take it too."""
    members = [
        member_from_store(store, name, suites=(3, 2, 1), min_suite=1) for name, store in stores.items()
    ]
    return World(dict(stores), trust_list(8, NOW + 30 * 86_400, members, suites=(3, 2, 1)))


@pytest.fixture
def old_world(_world: World) -> World:
    """The federation of suite 1, over the same keys."""
    return with_suite_1(_world.stores)


@pytest.fixture
def with_member():
    """A trust list with one record changed."""

    def change(trust: TrustList, address: str, **changes: Any) -> TrustList:
        changed = replace(trust.members[address], **changes)
        return replace(trust, members=MappingProxyType({**trust.members, address: changed}))

    return change


__all__ = ["ExpectAck"]
