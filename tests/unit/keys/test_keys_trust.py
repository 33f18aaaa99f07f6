"""The trust list: a value that only good records enter (trust-and-ledger.md 2)."""

import json
import os
from dataclasses import replace

import pytest

from keys.address import is_address, is_member, member_of
from keys.algorithms import KEM
from keys.errors import KeyRefused, NotReady
from keys.member import member_from_store
from keys.store.memory import MemoryKeyStore
from keys.syntax import b64u
from keys.trust import trust_list, trust_list_from_json, trust_list_to_json

NOW = 1_767_225_600
DAY = 86_400


def store_of_a_member(enc_life: int = DAY) -> MemoryKeyStore:
    """A signing pair and a KEM key."""
    store = MemoryKeyStore(os.urandom)
    store.create("sig", "Ed25519", nbf=NOW, exp=NOW + 365 * DAY)
    store.create("sig", "ML-DSA-65", nbf=NOW, exp=NOW + 365 * DAY)
    store.create("enc", KEM, nbf=NOW, exp=NOW + enc_life)
    return store


@pytest.fixture(scope="module")
def stores():
    """Two members and a client, whose KEM key lives a year."""
    return {"a.example": store_of_a_member(), "b.example": store_of_a_member(),
            "b.example/ward": store_of_a_member(365 * DAY)}  # fmt: skip


@pytest.fixture
def document(stores):
    """The members file of all three, as JSON that a test may bend."""
    members = [
        member_from_store(store, name, endpoints={"exchange": "https://x"}) for name, store in stores.items()
    ]
    return json.loads(trust_list_to_json(trust_list(3, NOW + DAY, members)))


def read(document):
    """The list in a members file, indented as a person would leave it."""
    return trust_list_from_json(json.dumps(document, indent=2).encode())


def test_a_members_file_reads_back(document):
    """What is written is read to an equal list; nothing is disabled."""
    trust = read(document)
    assert list(trust.members) == ["a.example", "b.example", "b.example/ward"] and not trust.disabled
    assert (trust.version, trust.expires) == (3, NOW + DAY)
    assert trust_list_from_json(trust_list_to_json(trust)) == trust
    assert trust.members["a.example"].endpoints["exchange"] == "https://x"


def test_look_up_needs_issuer_algorithm_kid_use_and_life(document):
    """A key answers only for its member, its algorithm, its use, inside its life."""
    trust = read(document)
    key = next(key for key in trust.members["a.example"].keys if key.alg == "Ed25519")
    assert trust.key("a.example", "Ed25519", key.kid, at=NOW) == key
    assert trust.resolver("a.example", NOW)("Ed25519", key.kid) == key.raw
    assert trust.owner(key.kid) == "a.example" and trust.owner("x") is None
    for iss, alg, use, at in (
        ("b.example", "Ed25519", "sig", NOW), ("x.example", "Ed25519", "sig", NOW), ("a.example", "ML-DSA-65", "sig", NOW),
        ("a.example", "Ed25519", "enc", NOW), ("a.example", "Ed25519", "sig", NOW - 1), ("a.example", "Ed25519", "sig", key.exp),
    ):  # fmt: skip
        assert trust.key(iss, alg, key.kid, use=use, at=at) is None


def test_revoked_is_refused_whatever_the_date(document):
    """DIR-07: a revoked key answers at no instant, not even before the revocation."""
    kid = read(document).members["a.example"].keys[0].kid
    document["members"][0]["revoked"] = [{"kid": kid, "from": NOW + 99, "why": "compromised"}]
    trust = read(document)
    key = next(key for key in trust.members["a.example"].keys if key.kid == kid)
    assert trust.key("a.example", key.alg, kid, use=key.use, at=NOW) is None
    assert trust_list_from_json(trust_list_to_json(trust)) == trust


def test_the_newest_live_kem_key_is_chosen(stores):
    """Of several epochs the newest that has begun; none after the last."""
    store = store_of_a_member()
    later = store.create("enc", KEM, nbf=NOW + 100, exp=NOW + 100 + DAY)
    trust = trust_list(1, NOW + DAY, [member_from_store(store, "a.example")])
    assert trust.kem_key("a.example", KEM, NOW + 99).kid != later
    assert trust.kem_key("a.example", KEM, NOW + 100).kid == later
    assert (
        trust.kem_key("a.example", KEM, NOW + 3 * DAY) is None
        and trust.kem_key("x.example", KEM, NOW) is None
    )


def bend_key(**changes):
    """Change the first signing key of the first record."""
    return lambda record: next(key for key in record["keys"] if key["use"] == "sig").update(changes)


@pytest.mark.parametrize(
    "bend",
    [
        lambda r: r.update(v=2), lambda r: r.update(id="A.example"), lambda r: r.update(id="../a"), lambda r: r.update(name="x"),
        lambda r: r.pop("revoked"), lambda r: r.update(suites=[]), lambda r: r.update(suites=[4]), lambda r: r.update(suites=[3, 3]),
        lambda r: r.update(min_suite=4), lambda r: r.update(suites="3"), lambda r: r["keys"].append(r["keys"][0]),
        lambda r: r.update(revoked=[{"kid": "x", "from": 1, "why": ""}]), lambda r: r.update(endpoints={"shell": "x"}),
        lambda r: r.update(endpoints={"exchange": 1}), lambda r: r.update(log={"origin": 5}), lambda r: r.update(keys=None),
        bend_key(use="ssh"), bend_key(use="enc"), bend_key(nbf=NOW, exp=NOW), bend_key(exp="1"), bend_key(pop=""),
        bend_key(pop=b64u(bytes(64))), bend_key(pop="!"), bend_key(jwk={}), bend_key(kid="claimed"),
        lambda r: next(k for k in r["keys"] if k["use"] == "enc").update(exp=NOW + 2 * DAY + 1),
        lambda r: next(k for k in r["keys"] if k["use"] == "enc").update(pop="AA"),
    ],
)  # fmt: skip
def test_one_bad_record_disables_that_member_only(document, bend):
    """DIR-03: every rule of the record; the others go on, and the list says who is missing."""
    bend(document["members"][0])
    trust = read(document)
    assert list(trust.members) == ["b.example", "b.example/ward"] and len(trust.disabled) == 1


def test_proof_of_possession_is_bound_to_federation_and_member(document):
    """A record copied under another id, or to another federation, proves nothing."""
    moved = json.loads(json.dumps(document))
    moved["members"][0]["id"] = "c.example"
    assert "c.example" not in read(moved).members
    assert not read(document | {"id": "elsewhere"}).members


def test_a_key_under_two_members_disables_the_later(document, stores):
    """DIR-03: a thumbprint that somebody has registered belongs to the first; so does an id."""
    stolen = member_from_store(stores["a.example"], "c.example")
    first = read(document)
    trust = trust_list(1, NOW, [*first.members.values(), stolen, first.members["b.example"]])
    assert set(trust.members) == set(first.members) and [name for name, _ in trust.disabled] == [
        "c.example",
        "b.example",
    ]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"v":1}', '{"id":"ü"}'.encode()])
def test_a_file_that_is_none_is_refused_whole(data):
    """Not JSON, not an object, members missing: `KeyRefused`, nothing is guessed."""
    with pytest.raises(KeyRefused):
        trust_list_from_json(data)


def test_members_of_the_wrong_type_are_named_by_position(document):
    """An entry that is no object is disabled as `#n`."""
    document["members"].insert(1, 7)
    assert read(document).disabled[0][0] == "#1" and len(read(document).members) == 3


def test_expiry_is_exact(document):
    """DIR-04: fresh to the last second, and not at it."""
    trust = read(document)
    trust.require_fresh(trust.expires - 1)
    with pytest.raises(NotReady):
        trust.require_fresh(trust.expires)


def test_retired_keys_stay_published_for_old_evidence(stores):
    """A record made after a retirement keeps the key that signed before it."""
    store = store_of_a_member()
    before = member_from_store(store, "a.example")
    retired = store.public()[0].kid
    store.retire(retired, at=NOW + 5)
    after = member_from_store(store, "a.example", previous=before)
    assert {key.kid for key in after.keys} >= {key.kid for key in before.keys if key.use == "sig"}
    assert replace(after, keys=()) == replace(before, keys=())


@pytest.mark.parametrize(
    ("text", "member", "address"),
    [("a.example", True, True), ("a.example/ward-3", False, True), ("a", False, False), ("a.b", True, True), ("-a.b", False, False),
     ("a..b", False, False), ("a.b/", False, False), ("a.b/c/d", False, False), ("A.b", False, False), ("a.b\n", False, False),
     ("a" * 64 + ".b", False, False), (".".join(["a" * 60] * 3), False, False), (None, False, False)],
)  # fmt: skip
def test_addresses(text, member, address):
    """Labels, lengths and the one slash of a client; nothing is trimmed or folded."""
    assert is_member(text) is member and is_address(text) is address
    if address:
        assert member_of(text) == text.split("/")[0]
