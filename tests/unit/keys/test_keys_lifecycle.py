"""The life of a key from `nbf`, `exp` and the clock; encryption at rest; padding."""

import os

import pytest

from keys.atrest import open_at_rest, seal_at_rest
from keys.envelope.padding import FLOOR, longest_accepted, padded_length, padme
from keys.errors import KeyFault, UnknownKey
from keys.interface import PublicKey
from keys.lifecycle import DAY, due, live, newest, state
from keys.member import member_from_store
from keys.store.memory import MemoryKeyStore
from keys.trust import trust_list, trust_list_from_json, trust_list_to_json

SIG = PublicKey("sig", "sig", "Ed25519", {}, 1000, 1000 + 365 * DAY)
ENC = PublicKey("enc", "enc", "HPKE-9-KE", {}, 1000, 1000 + DAY)


@pytest.mark.parametrize(
    ("key", "at", "expected"),
    [
        (SIG, 999, "pending"), (SIG, 1000, "active"), (SIG, SIG.exp - 30 * DAY - 1, "active"), (SIG, SIG.exp - 30 * DAY, "retiring"),
        (SIG, SIG.exp - 1, "retiring"), (SIG, SIG.exp, "destroyed"), (ENC, 999, "pending"), (ENC, ENC.exp - 1, "active"),
        (ENC, ENC.exp, "retiring"), (ENC, ENC.exp + 7 * DAY - 1, "retiring"), (ENC, ENC.exp + 7 * DAY, "destroyed"),
    ],
)  # fmt: skip
def test_state_at_every_border(key, at, expected):
    """Each state begins at exactly its second; compromise beats all of them."""
    assert state(key, at) == expected and state(key, at, compromised=True) == "compromised"


def test_nothing_new_is_made_with_a_key_outside_its_life():
    """`newest` picks a live key or says `UnknownKey`."""
    assert live(SIG, 1000) and not live(SIG, 999) and not live(SIG, SIG.exp)
    assert newest((SIG, ENC), "enc", "HPKE-9-KE", 1000) == ENC
    for at in (999, ENC.exp):
        with pytest.raises(UnknownKey):
            newest((SIG, ENC), "enc", "HPKE-9-KE", at)


def test_at_rest_is_bound_to_key_and_place():
    """Another key, another place, a flip or a cut: `KeyFault`."""
    sealed = seal_at_rest(bytes(32), b"plain", b"place", bytes(12))
    assert open_at_rest(bytes(32), sealed, b"place") == b"plain"
    bad = [
        (b"\1" * 32, sealed, b"place"),
        (bytes(32), sealed, b"other"),
        (bytes(32), sealed[:-1], b"place"),
        (bytes(32), b"", b"place"),
    ]
    for arguments in bad:
        with pytest.raises(KeyFault):
            open_at_rest(*arguments)
    with pytest.raises(ValueError):
        seal_at_rest(bytes(31), b"", b"", bytes(12))


def test_padme_of_the_paper():
    """Sizes of the PURBs paper's rule, computed by hand: low bits of the mantissa are zero."""
    assert [padme(n) for n in (0, 1, 2, 8, 9, 16, 17, 100, 1000, 10_000, 1_000_000)] == [
        0, 1, 2, 8, 10, 16, 18, 104, 1024, 10_240, 1_015_808,
    ]  # fmt: skip
    assert padded_length(10) == FLOOR and padded_length(20_000, 0) == padme(20_000)
    assert longest_accepted(10) == 1 << 20 and longest_accepted(5 << 20) == padme(5 << 20)
    with pytest.raises(ValueError):
        padded_length(10, (1 << 20) + 1)


def test_due_keeps_a_node_in_keys_for_two_years():
    """Hour by hour: always a live key of each kind, three epochs ahead, at most 8 KEM keys to publish, none twice."""
    store, begin = MemoryKeyStore(os.urandom), 1_767_225_600
    for day in [*range(12), 334, 335, 336, 364, 365, 366, 700, 731]:
        at = begin + day * DAY
        wanted = due(store.public(), at)
        for key in wanted.make:
            store.create(key.use, key.alg, nbf=key.nbf, exp=key.exp)
        for kid in wanted.destroy:
            store.retire(kid, at=at)
        assert due(store.public(), at).make == ()
        for use, alg in (("sig", "Ed25519"), ("sig", "ML-DSA-65"), ("log", "Ed25519"), ("enc", "HPKE-9-KE")):
            assert newest(store.public(), use, alg, at)
        published = member_from_store(store, "a.example", at=at)
        enc = [key for key in published.keys if key.use == "enc"]
        assert len(enc) <= 4 and max(key.exp for key in enc) >= at + 3 * DAY
        assert not trust_list_from_json(trust_list_to_json(trust_list(1, at + 1, [published]))).disabled


def test_due_destroys_at_the_end_of_use():
    """A KEM seed seven days past its end, a signing seed at its end; not a second before."""
    assert (
        due((SIG, ENC), ENC.exp + 7 * DAY).destroy == ("enc",)
        and due((SIG, ENC), ENC.exp + 7 * DAY - 1).destroy == ()
    )
    assert due((SIG,), SIG.exp).destroy == ("sig",) and due((SIG,), SIG.exp - 1).destroy == ()


def test_due_says_what_others_cannot_know_and_what_fades():
    """`publish`: live or coming keys that the record lacks; `retire`: those that have begun to fade."""
    late = PublicKey("late", "sig", "Ed25519", {}, 5000, 5000 + 365 * DAY)
    found = due((SIG, ENC, late), 1500, published={"sig"})
    assert set(found.publish) == {"enc", "late"} and found.retire == ()
    assert due((SIG, ENC, late), 1500).publish == ()
    assert due((SIG, ENC), ENC.exp, published=()).retire == ("enc",)
    assert due((SIG, ENC), ENC.exp, published=()).publish == ("sig",)
    assert due((SIG,), SIG.exp - DAY, published={"sig"}).retire == ("sig",)


def test_due_makes_keys_of_suite_1_where_it_is_on():
    """Asked for, or because the node has some: ES256 and three days of P-256 KEM keys; else none at all."""
    more = {(key.use, key.alg) for key in due((), 1000, suites=(3, 2, 1)).make}
    wanted = more - {(key.use, key.alg) for key in due((), 1000).make}
    assert wanted == {("sig", "ES256"), ("enc", "HPKE-7-KE")}
    assert not {key.alg for key in due((), 1000).make} & {"ES256", "HPKE-7-KE"}
    old = PublicKey("old", "sig", "ES256", {}, 1000, 1000 + 365 * DAY)
    assert "HPKE-7-KE" in {key.alg for key in due((old,), 1500).make}
    assert "HPKE-7-KE" not in {key.alg for key in due((old,), old.exp + 2 * DAY).make}


def test_a_destroyed_key_is_destroyed_whatever_its_times_say():
    """The private half is gone: no state of the clock brings it back, and its successor is due."""
    from dataclasses import replace

    gone = replace(SIG, destroyed=1200, exp=1200)
    assert {state(gone, at) for at in (999, 1100, 5000)} == {"destroyed"}
    assert ("sig", "Ed25519") in {(key.use, key.alg) for key in due((gone,), 1300).make}
    assert due((gone,), 10**12).destroy == ()
