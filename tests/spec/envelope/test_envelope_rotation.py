"""Keys change while messages are on their way: none is lost, and none of a key that ended too early counts."""

import os
from dataclasses import replace
from types import MappingProxyType

import pytest

from keys.algorithms import SUITES
from keys.envelope.binding import ExpectRequest
from keys.envelope.open import open_envelope
from keys.envelope.recipient import kem_keys_from_store
from keys.envelope.verify import verify_manifest
from keys.errors import EnvelopeRefused, UnknownKey
from keys.lifecycle import DAY, LONGEST_MESSAGE, due
from keys.member import member_from_store
from keys.store.file import FileKeyStore
from keys.store.wrapper import RawWrapper
from keys.trust import trust_list
from tests.spec.envelope.conftest import NOW, World

A, B = "a.example", "b.example"


@pytest.fixture
def stores(tmp_path):
    """Two nodes with key files, as they run."""
    wrapper = RawWrapper(os.urandom(32), os.urandom)
    made = {name: FileKeyStore(tmp_path / name, wrapper) for name in (A, B)}
    for store in made.values():
        for use, alg, life in (("sig", "Ed25519", 365), ("sig", "ML-DSA-65", 365), ("enc", "HPKE-9-KE", 1)):
            store.create(use, alg, nbf=NOW - 60, exp=NOW - 60 + life * DAY)
    return made


def listed(stores, now, before=None):
    """The members list at an instant: every node publishes what it has, and what it had."""
    members = [
        member_from_store(store, name, previous=before.members[name] if before else None, at=now)
        for name, store in stores.items()
    ]
    return trust_list(2 if before else 1, now + 30 * DAY, members)


def rotate(store, at):
    """What `carepact keys rotate` does for both uses, and the old ones retired at once."""
    old = store.public()
    for use, alg, life in (("sig", "Ed25519", 365), ("sig", "ML-DSA-65", 365), ("enc", "HPKE-9-KE", 1)):
        store.create(use, alg, nbf=at, exp=at + life * DAY)
    for key in old:
        store.end(key.kid, at=at)
    return [key.kid for key in old]


def in_flight(count, stores, trust, world):
    """Requests that were sealed and have not arrived."""
    return [world.request(f"request {n}".encode())[0].envelope for n in range(count)]


def exchanged_across_a_rotation(stores, count):
    """Seal with the old keys, change all keys of both, open with what is there then; how many opened."""
    before = listed(stores, NOW)
    world = World(dict(stores), before)
    sealed = in_flight(count, stores, before, world)
    rotate(stores[A], NOW + 5)
    rotate(stores[B], NOW + 5)
    after = World(dict(stores), listed(stores, NOW + 5, before), now=NOW + 30)
    keys = kem_keys_from_store(stores[B], now=NOW + 30)
    opened = [open_envelope(one, after.opening(B, ExpectRequest(), keys=keys)) for one in sealed]
    assert [one.content for one in opened] == [f"request {n}".encode() for n in range(count)]
    fresh = after.request(b"after")[0]
    assert open_envelope(fresh.envelope, after.opening(B, ExpectRequest(), keys=keys)).content == b"after"
    return len(opened)


def test_what_was_on_its_way_opens_after_a_rotation(stores):
    """100 requests sealed under the old keys of both sides open after both changed all of them."""
    assert exchanged_across_a_rotation(stores, 100) == 100


@pytest.mark.soak
def test_a_thousand_in_flight_survive_a_rotation(stores):
    """1 000 requests in flight while every key of both sides is changed: none fails."""
    assert exchanged_across_a_rotation(stores, 1000) == 1000


def test_nothing_new_is_made_with_a_key_that_was_retired(stores):
    """After the rotation the list gives the new keys alone, and what is sealed to the old one later is refused."""
    before = listed(stores, NOW)
    old = World(dict(stores), before, now=NOW + 400)
    rotate(stores[B], NOW + 5)
    late = old.request(b"late")[0].envelope  # a sender whose list is older than the rotation
    after = World(dict(stores), listed(stores, NOW + 5, before), now=NOW + 400)
    with pytest.raises(EnvelopeRefused) as caught:
        open_envelope(
            late, after.opening(B, ExpectRequest(), keys=kem_keys_from_store(stores[B], now=NOW + 400))
        )
    assert caught.value.reason == "time"
    assert len({key.kid for key in after.trust.members[B].live("sig", "Ed25519", NOW + 400)}) == 1


def test_a_revoked_key_signs_nothing_that_is_accepted(stores):
    """Revoked, it is refused for new messages and for those before it; kept evidence says so too."""
    trust = listed(stores, NOW)
    world = World(dict(stores), trust)
    sealed = world.request(b"x")[0]
    for alg in SUITES[3].signatures:
        kid = next(key.kid for key in trust.members[A].keys if key.alg == alg)
        member = replace(trust.members[A], revoked=MappingProxyType({kid: NOW}))
        revoked = replace(trust, members=MappingProxyType({**trust.members, A: member}))
        for at in (NOW, NOW + 60):
            opening = replace(world.opening(B, ExpectRequest(), trust=revoked), now=at)
            with pytest.raises(EnvelopeRefused) as caught:
                open_envelope(sealed.envelope, opening)
            assert caught.value.reason == "issuer"
        with pytest.raises(EnvelopeRefused):
            verify_manifest(sealed.jws, SUITES[3], revoked)


def test_a_destroyed_key_opens_nothing_and_evidence_stays(stores):
    """When the last message may have come the seed goes: nothing opens any more, signatures of then still hold."""
    trust = listed(stores, NOW)
    world = World(dict(stores), trust)
    sealed = world.request(b"x")[0]
    at = NOW + DAY + LONGEST_MESSAGE
    for name, store in stores.items():
        for kid in due(store.public(), at).destroy:
            store.retire(kid, at=at)
        assert [key.alg for key in store.public() if key.destroyed] == ["HPKE-9-KE"], name
    stale = world.opening(B, ExpectRequest(), keys=kem_keys_from_store(stores[B], now=NOW))
    with pytest.raises(EnvelopeRefused) as caught:
        open_envelope(sealed.envelope, stale)
    assert caught.value.reason == "stanza"
    assert verify_manifest(sealed.jws, SUITES[3], trust)[0].iss == A


def test_stolen_long_term_keys_open_no_captured_response(stores):
    """ENV-17: with every key file of both nodes, of now and of later, the response under its `rkey` stays shut."""
    world = World(dict(stores), listed(stores, NOW))
    request, made, reply = world.opened_request(b"{}")
    response = world.response(request, b"secret")[0].envelope
    rotate(stores[A], NOW + 5)
    header = 12 + int.from_bytes(response[8:12], "big")
    sealed = response[header + 32 : header + 32 + 1120 + 48]
    tried = 0
    for store in stores.values():
        for key in kem_keys_from_store(store, now=NOW + 10):
            with pytest.raises(UnknownKey):
                key.open(sealed, b"carepact/cek\0")
            with pytest.raises(EnvelopeRefused) as caught:
                open_envelope(response, world.opening(A, world.awaiting(made, reply), keys=[key]))
            assert caught.value.reason == "key"
            tried += 1
    assert tried == 3
