"""Three members, a client of one, and the road between them: everything an envelope needs, from fixed seeds."""

import hashlib
import os
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import pytest

from keys.algorithms import KEM
from keys.envelope.binding import ExpectAck, ExpectRequest, ExpectResponse
from keys.envelope.open import Opened, Opening, open_envelope
from keys.envelope.recipient import (
    ReplyKey,
    kem_keys_from_store,
    make_reply_key,
    recipient_from_request,
    recipient_from_trust,
)
from keys.envelope.seal import Claims, Draft, Sealed, draft, finish, signers_for_suite
from keys.member import member_from_store
from keys.store.memory import MemoryKeyStore, MemoryReplay
from keys.syntax import b64u
from keys.trust import TrustList, trust_list

NOW = 1_767_225_600
A, B, C = "a.example", "b.example", "c.example"
WARD = "a.example/ward"


def store_from_name(name: str) -> MemoryKeyStore:
    """A store whose keys follow from its name: one signing pair, one KEM key."""
    store = MemoryKeyStore(os.urandom)
    for use, alg, life in (
        ("sig", "Ed25519", 86_400 * 365),
        ("sig", "ML-DSA-65", 86_400 * 365),
        ("enc", KEM, 86_400),
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
        reply = make_reply_key(os.urandom, now=self.now, exp=self.now + 300)
        said = {"exp": self.now + 300, "pou": "TREAT", "agr": "gp-hospital@3", "rkey": reply.jwk} | claims
        made = draft(
            Claims(kind="request", iss=iss, typ="application/vnd.carepact.request+json", **said),
            content,
            [recipient_from_trust(self.trust, to, at=self.now)],
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


@pytest.fixture(scope="session")
def _world() -> World:
    stores = {name: store_from_name(name) for name in (A, B, C, WARD)}
    members = [member_from_store(store, name, min_suite=2) for name, store in stores.items()]
    return World(stores, trust_list(7, NOW + 86_400, members))


@pytest.fixture
def world(_world: World) -> World:
    """A fresh federation over the same keys: nothing replayed yet."""
    return World(dict(_world.stores), _world.trust)


@pytest.fixture
def with_member():
    """A trust list with one record changed."""

    def change(trust: TrustList, address: str, **changes: Any) -> TrustList:
        changed = replace(trust.members[address], **changes)
        return replace(trust, members=MappingProxyType({**trust.members, address: changed}))

    return change


__all__ = ["ExpectAck"]
