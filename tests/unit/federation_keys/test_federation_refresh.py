"""DIR-01, DIR-03, DIR-04: from one verified member list to the next, and never back."""

import json
from dataclasses import replace

import pytest
from tuf.api.metadata import Metadata, Snapshot, Targets, Timestamp

from keys.errors import TrustRefused
from keys.federation.advance import begin
from keys.federation.author import member_files, timestamp_file
from keys.federation.documents import Registered
from keys.federation.metadata import bytes_from_metadata
from keys.federation.repository import advance_over

NOW = 1_900_000_000
DAY = 86_400
A, B = "a.example", "b.example"


def refused(federation, state, **given):
    with pytest.raises(TrustRefused) as caught:
        federation.refresh(state, **given)
    return caught.value.reason, caught.value.about


def test_members_come_with_who_they_are_and_what_they_use(federation):
    """Registry and own record together, in the order of admission, until the first of the four roles expires."""
    federation.admit(B, admitted=NOW - 5)
    federation.admit(A)
    got = federation.refresh(begin(federation.first, federation.pin))
    assert list(got.registry) == [B, A] == list(got.trust.members)
    assert got.trust.federation == "test.federation" and not got.trust.disabled
    assert got.trust.expires == NOW + federation.rules.timestamp_life
    (key,) = got.trust.member(A).live("sig", "Ed25519", NOW)
    assert got.trust.owner(key.kid) == A


def test_the_pin_is_the_beginning(federation):
    """No first-use trust: another fingerprint, or a root of which one byte differs, begins nothing."""
    for first, pin in ((federation.first, "00" * 32), (federation.first + b" ", federation.pin)):
        with pytest.raises(TrustRefused, match="pin"):
            begin(first, pin)


def test_what_was_verified_is_a_mirror_of_itself(federation):
    """A member's state serves another member, and is read back by it alone whatever its age."""
    federation.admit(A)
    state = federation.state()
    assert state.files.keys() < federation.files.keys()
    again = advance_over(state.files, begin(federation.first, federation.pin), None)
    assert again.state.files == state.files
    assert federation.refresh(begin(federation.first, federation.pin), files=state.files).trust.members


def test_nothing_that_verified_is_asked_for_again(federation):
    """A refresh without news asks for the next root and the timestamp alone."""
    federation.admit(A)
    asked = []

    class Serving(dict):
        def get(self, path):
            asked.append(path)
            return super().get(path)

    federation.refresh(federation.state(), files=Serving(federation.files))
    assert asked == ["metadata/2.root.json", "metadata/timestamp.json"]


@pytest.mark.parametrize(
    ("after", "word"),
    [(DAY - 1, None), (DAY, ("expired", "timestamp")), (8 * DAY, ("expired", "timestamp"))],
)
def test_a_frozen_list_ends_to_the_second(federation, after, word):
    """Freeze: whoever withholds newer timestamps stops everything when the last one expires, and no later."""
    federation.admit(A)
    if word is None:
        assert federation.refresh(federation.state(), NOW + after).trust.members
    else:
        assert refused(federation, federation.state(), now=NOW + after) == word


def test_each_role_expires_by_itself(federation):
    """Timestamp renewed, snapshot past; both renewed, targets past; then the root."""
    federation.admit(A)
    state = federation.state()
    for days, word in ((8, "snapshot"), (91, "targets"), (366, "root")):
        later = NOW + days * DAY
        publisher = federation.online()
        if word == "snapshot":
            federation.add(federation.repository().stamp(publisher, later))
        else:
            snapshot = Metadata.from_bytes(federation.files["metadata/2.snapshot.json"])
            assert isinstance(snapshot.signed, Snapshot)
            snapshot.signed.version, snapshot.signed.expires = 3, snapshot.signed.expires.replace(year=2100)
            snapshot.sign(publisher)
            data = bytes_from_metadata(snapshot)
            stamp = timestamp_file(3, data, later, publisher, life=DAY)
            federation.add({"metadata/3.snapshot.json": data} | stamp)
        assert refused(federation, state, now=later) == ("expired", word)


def test_a_clock_behind_the_timestamp_is_wrong(federation):
    """More than five minutes before the newest timestamp was signed: nothing is accepted."""
    assert federation.refresh(begin(federation.first, federation.pin), NOW - 300)
    assert refused(federation, begin(federation.first, federation.pin), now=NOW - 301) == (
        "clock",
        "timestamp",
    )


def test_no_version_ever_goes_back(federation):
    """Rollback of timestamp, snapshot, targets or a member: each is refused by whoever saw the newer one."""
    federation.admit(A)
    old = dict(federation.files)
    federation.now += 60
    federation.add(
        federation.repository().put_member(
            A, member_files(A, federation.record(A), 2, federation.now, federation.pair(federation.stores[A])),
            federation.online(), federation.now,
        )
    )  # fmt: skip
    state = federation.state()
    assert refused(federation, state, files=old) == ("version", "timestamp")
    publisher, later = federation.online(), federation.now + 5
    stale = timestamp_file(2, old["metadata/2.snapshot.json"], later, publisher, life=DAY)
    assert refused(federation, state, files={**federation.files, **stale}) == ("version", "snapshot")
    forged = Metadata.from_bytes(old["metadata/2.snapshot.json"])
    forged.signed.version = 9
    forged.sign(publisher)
    data = bytes_from_metadata(forged)
    ahead = {"metadata/9.snapshot.json": data} | timestamp_file(9, data, later, publisher, life=DAY)
    assert refused(federation, state, files={**federation.files, **ahead}) == ("version", "snapshot")
    del forged.signed.meta[f"{A}.json"]
    forged.sign(publisher)
    data = bytes_from_metadata(forged)
    gone = {"metadata/9.snapshot.json": data} | timestamp_file(9, data, later, publisher, life=DAY)
    assert refused(federation, state, files={**federation.files, **gone}) == ("version", "snapshot")


@pytest.mark.parametrize(
    ("path", "kind"),
    [("metadata/timestamp.json", Timestamp), ("metadata/2.snapshot.json", Snapshot), ("metadata/2.targets.json", Targets)],
)  # fmt: skip
def test_a_role_is_signed_by_its_own_keys(federation, path, kind):
    """Signatures gone, by the publisher where the operator is wanted, or by one of a pair: refused."""
    federation.admit(A)
    for signers in ((), (federation.online(federation.stores[A]),), federation.pair(federation.operator)[:1]):
        metadata = Metadata.from_bytes(federation.files[path])
        assert isinstance(metadata.signed, kind)
        metadata.signatures.clear()
        for signer in signers:
            metadata.sign(signer, append=True)
        word = refused(federation, begin(federation.first, federation.pin),
                       files={**federation.files, path: bytes_from_metadata(metadata)})  # fmt: skip
        # A file that is listed with its hash fails on that, before its signatures are looked at.
        assert word[0] == ("hash" if kind is Snapshot else "signature")


@pytest.mark.parametrize("seed", range(60))
def test_no_altered_byte_is_taken(federation, seed):
    """Any byte of any file but a member's own changed: refused, or the very same list."""
    import random

    federation.admit(A)
    rng = random.Random(seed)
    state = begin(federation.first, federation.pin)
    same = federation.refresh(state)
    paths = [path for path in same.state.files if A not in path and path != "metadata/1.root.json"]
    path = rng.choice(paths)
    data = bytearray(federation.files[path])
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    files = {**federation.files, path: bytes(data)}
    try:
        got = federation.refresh(state, files=files)
    except TrustRefused:
        return
    assert (got.trust.members, got.registry) == (same.trust.members, same.registry)


def test_a_missing_or_swollen_file_is_refused(federation):
    """A mirror that withholds or pads keeps the old list in force, and says which file."""
    federation.admit(A)
    state = begin(federation.first, federation.pin)
    for path in ("metadata/timestamp.json", "metadata/2.snapshot.json", "metadata/2.targets.json"):
        files = {key: data for key, data in federation.files.items() if key != path}
        assert refused(federation, state, files=files)[0] == "missing"
        swollen = {**federation.files, path: federation.files[path] + b" " * (5 << 20)}
        assert refused(federation, state, files=swollen)[0] == "limit"


def test_one_bad_record_disables_that_member_only(federation, keys_of):
    """DIR-03: a stolen key, another's record, a foreign signature: named, and the others stay believed."""
    federation.admit(A)
    # c puts a's signing keys into a record of its own: it cannot prove that it holds them.
    stolen = json.loads(federation.record(A)) | {"id": "c.example"}
    federation.admit(
        "c.example",
        record=json.dumps(stolen, sort_keys=True, separators=(",", ":")).encode(),
        admitted=NOW + 1,
    )
    # d publishes a's whole record.
    federation.admit("d.example", record=federation.record(A), admitted=NOW + 2)
    # e's role is signed by somebody else's pair.
    own = member_files("e.example", federation.record(A), 1, NOW, federation.pair(federation.stores[A]))
    federation.admit("e.example", own=own, admitted=NOW + 3)
    # f has a record of its own, and a's keys with it: admitted later, it loses.
    federation.stores["f.example"] = federation.stores[A]
    federation.admit("f.example", pair=federation.pair(keys_of("f-role")), admitted=NOW + 4)
    federation.admit(B, admitted=NOW + 5)
    got = federation.refresh(begin(federation.first, federation.pin))
    assert set(got.trust.members) == {A, B}
    assert dict(got.trust.disabled) == {
        "c.example": "no proof of possession",
        "d.example": "a record of another member",
        "e.example": "signature e.example",
        "f.example": "a key of another member",
    }


def test_a_member_whose_role_expired_stops_alone(federation):
    """A week without a word of it, and nothing of that member is believed; the list goes on."""
    federation.admit(A)
    federation.admit(B)
    later = NOW + 6 * DAY
    pair = federation.pair(federation.stores[B])
    federation.add(
        federation.repository().put_member(
            B, member_files(B, federation.record(B), 2, later, pair), federation.online(), later
        )
    )
    week = NOW + 7 * DAY
    federation.add(federation.repository().stamp(federation.online(), week))
    got = federation.refresh(begin(federation.first, federation.pin), week)
    assert set(got.trust.members) == {B} and dict(got.trust.disabled) == {A: "expired member metadata"}
    federation.add(federation.repository().stamp(federation.online(), week - 60))
    before = federation.refresh(begin(federation.first, federation.pin), week - 60).trust
    (key,) = before.member(A).live("sig", "Ed25519", week - 60)
    assert before.key(A, "Ed25519", key.kid, at=week - 1) and not before.key(A, "Ed25519", key.kid, at=week)
    assert before.kem_key(A, "HPKE-9-KE", week) is None


def test_suspended_restored_removed(federation):
    """The operator's registry alone says who is a member; a removed one stays listed, undelegated."""
    federation.admit(A)
    federation.admit(B)
    operator, publisher = federation.pair(federation.operator), federation.online()
    state, who = federation.state(), Registered(A, "gp", (), NOW)

    def change(what):
        federation.add(federation.repository().register({A: what}, operator, publisher, federation.now))
        return federation.refresh(state).trust

    assert dict(change((replace(who, status="suspended"), None)).disabled) == {A: "suspended"}
    assert set(change((who, None)).members) == {A, B}
    gone = change(None)
    assert set(gone.members) == {B} and not gone.disabled


def test_the_publisher_admits_nobody(federation):
    """A stolen online key re-signs what is there, and cannot add, change or keep a member for long."""
    federation.admit(A)
    with pytest.raises(TrustRefused, match="signature"):
        federation.repository().register(
            {B: (Registered(B, "gp", (), NOW), None)}, (federation.online(),), federation.online(), NOW
        )
    long = timestamp_file(
        2, federation.files["metadata/2.snapshot.json"], NOW + 9, federation.online(), life=3 * DAY
    )
    assert refused(federation, federation.state(), files={**federation.files, **long}) == (
        "expired",
        "timestamp",
    )
