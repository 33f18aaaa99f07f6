"""Many members: sixteen bins above five hundred, and nobody is verified before somebody needs him."""

import json
import time
from collections import Counter

import pytest
from tuf.api.metadata import Metadata

import keys.federation.author
from keys.errors import TrustRefused
from keys.federation.advance import begin
from keys.federation.author import member_files
from keys.federation.documents import Registered
from keys.federation.metadata import bytes_from_metadata
from keys.federation.repository import advance_over

NOW = 1_900_000_000
DAY = 86_400


def admit_many(federation, keys_of, count, first=0):
    """`count` members at once, each with keys of its own."""
    changes, added = {}, {}
    for number in range(first, first + count):
        id = f"m{number:04d}.example"
        federation.stores[id] = keys_of(id)
        pair = federation.pair(federation.stores[id])
        added |= member_files(id, federation.record(id), 1, federation.now, pair)
        public = tuple(signer.public_key for signer in pair)
        changes[id] = (Registered(id, "gp", (), federation.now + number), public)
    federation.add(
        federation.repository().register(
            changes, federation.pair(federation.operator), federation.online(), federation.now, added=added
        )
    )


@pytest.fixture
def counted(monkeypatch):
    """How many signatures were verified, by kind: of metadata and of possession."""
    import tuf.api._payload as payload

    import keys.member

    seen = Counter()
    signed, proven = payload.Key.verify_signature, keys.member.verifies

    def count(name, inner):
        def counting(*given, **named):
            seen[name] += 1
            return inner(*given, **named)

        return counting

    for kind in payload.Key.__subclasses__():
        if "verify_signature" in vars(kind):
            monkeypatch.setattr(kind, "verify_signature", count("metadata", kind.verify_signature))
    assert signed is payload.Key.verify_signature
    monkeypatch.setattr(keys.member, "verifies", count("possession", proven))
    return seen


def test_six_hundred_members_lie_in_bins_and_are_verified_when_needed(federation, keys_of, counted):
    """Depth two; a stored list of 600 loads within its bins' signatures; one member costs its own and no other's."""
    admit_many(federation, keys_of, 600)
    bins = [path for path in federation.files if ".bin-" in path]
    assert len(bins) == 16
    stored = federation.refresh(begin(federation.first, federation.pin)).state.files
    counted.clear()
    before = time.perf_counter()
    held = advance_over(stored, begin(federation.first, federation.pin), None)
    took = time.perf_counter() - before
    # Root by itself, six of holders twice (old and new threshold are one), operator, publisher twice, bins.
    assert counted["metadata"] <= 2 * (10 + 16) and not counted["possession"], (counted, took)
    counted.clear()
    member = held.trust.member("m0321.example")
    assert member is not None and member.id == "m0321.example"
    assert counted["metadata"] == 2 and counted["possession"] == 3
    key = member.live("sig", "Ed25519", NOW)[0]
    assert held.trust.owner(key.kid) == "m0321.example" and held.trust.owner("x" * 43) is None
    assert counted["metadata"] == 2, "who does not claim a key is not verified for it"
    assert len(held.trust.members) == 600 and not held.trust.disabled


def test_five_hundred_members_load_within_ten_pairs(federation, keys_of, counted):
    """Without bins: root, operator and publisher are all that is verified of a stored list."""
    admit_many(federation, keys_of, 500)
    assert not [path for path in federation.files if ".bin-" in path]
    stored = federation.refresh(begin(federation.first, federation.pin)).state.files
    counted.clear()
    advance_over(stored, begin(federation.first, federation.pin), None)
    assert counted["metadata"] <= 20 and not counted["possession"]


@pytest.fixture
def binned(federation, keys_of, monkeypatch):
    """A federation of few members that stand in bins all the same."""
    monkeypatch.setattr(keys.federation.author, "BIN_ABOVE", 3)
    admit_many(federation, keys_of, 5)
    return federation


def test_one_more_member_signs_one_bin_anew(binned, keys_of):
    """Admitting somebody leaves the other fifteen as they are; a member's update and a removal go through bins."""
    before = {path for path in binned.files if ".bin-" in path}
    admit_many(binned, keys_of, 1, first=5)
    assert len({path for path in binned.files if ".bin-" in path} - before) == 1
    id = "m0002.example"
    own = member_files(id, binned.record(id), 2, binned.now, binned.pair(binned.stores[id]))
    binned.add(binned.repository().put_member(id, own, binned.online(), binned.now))
    state = binned.state()
    assert f"metadata/2.{id}.json" in state.files
    binned.add(
        binned.repository().register({id: None}, binned.pair(binned.operator), binned.online(), binned.now)
    )
    assert id not in binned.refresh(state).trust.members
    assert len(binned.refresh(state).trust.members) == 5


def test_bins_expire_and_are_signed_by_the_operator_alone(binned):
    """A bin is the operator's word: past its end nothing is believed, and nobody else's signature makes one."""
    start = begin(binned.first, binned.pin)
    assert binned.refresh(start).trust.expires <= NOW + 90 * DAY
    path = next(path for path in binned.files if ".bin-" in path)
    bin = Metadata.from_bytes(binned.files[path])
    for forge in ("signature", "shape"):
        forged = Metadata.from_bytes(binned.files[path])
        forged.signatures.clear()
        if forge == "signature":
            forged.sign(binned.online())
        else:
            roles = {id: role for p in binned.files if ".bin-" in p and p != path
                     for id, role in Metadata.from_bytes(binned.files[p]).signed.delegations.roles.items()}  # fmt: skip
            forged.signed.delegations.roles.update(roles)
            for p in binned.files:
                if ".bin-" in p:
                    forged.signed.delegations.keys.update(
                        Metadata.from_bytes(binned.files[p]).signed.delegations.keys
                    )
            for signer in binned.pair(binned.operator):
                forged.sign(signer, append=True)
        with pytest.raises(TrustRefused, match=forge):
            binned.refresh(start, files={**binned.files, path: bytes_from_metadata(forged)})
    assert bin.signed.targets == {}


def test_the_reference_client_walks_the_bins(make_federation, keys_of, monkeypatch):
    """`tuf.ngclient` finds a member's record through its bin, as `advance` does."""
    import tempfile

    from tuf.api.exceptions import DownloadHTTPError
    from tuf.ngclient import FetcherInterface, Updater

    monkeypatch.setattr(keys.federation.author, "BIN_ABOVE", 0)
    federation = make_federation(now=int(time.time()) - 5)
    admit_many(federation, keys_of, 2)

    class Serving(FetcherInterface):
        def _fetch(self, url):
            path = url.removeprefix("https://mirror.invalid/")
            if path not in federation.files:
                raise DownloadHTTPError("no such file", 404)
            return iter([federation.files[path]])

    with tempfile.TemporaryDirectory() as folder:
        updater = Updater(folder, "https://mirror.invalid/metadata/", folder, "https://mirror.invalid/targets/",
                          fetcher=Serving(), bootstrap=federation.first)  # fmt: skip
        updater.refresh()
        assert updater.get_targetinfo("members/m0001.example/member.json") is not None


def test_what_did_not_change_is_not_verified_again(federation, keys_of, counted):
    """A refresh with one member's news verifies that member; the others are carried over."""
    admit_many(federation, keys_of, 6)
    held = federation.refresh(begin(federation.first, federation.pin))
    assert len(held.trust.members) == 6
    id = "m0003.example"
    federation.now += 60
    own = member_files(id, federation.record(id), 2, federation.now, federation.pair(federation.stores[id]))
    federation.add(federation.repository().put_member(id, own, federation.online(), federation.now))
    counted.clear()
    after = federation.refresh(held.state)
    assert len(after.trust.members) == 6 and counted["possession"] == 3


def test_a_member_with_new_role_keys_is_judged_by_them(federation, keys_of, store_of):
    """Carried over is only who has the same delegation: role keys that the operator replaced count at once."""
    admit_many(federation, keys_of, 2)
    held = federation.refresh(begin(federation.first, federation.pin))
    assert len(held.trust.members) == 2
    id = "m0000.example"
    other = federation.pair(store_of("other role"))
    public = tuple(signer.public_key for signer in other)
    federation.now += 60
    federation.add(
        federation.repository().register(
            {id: (Registered(id, "gp", (), NOW), public)}, federation.pair(federation.operator),
            federation.online(), federation.now,
        )
    )  # fmt: skip
    after = federation.refresh(held.state)
    assert dict(after.trust.disabled) == {id: f"signature {id}"}


def test_the_second_holder_of_a_key_is_disabled_whoever_is_asked_first(federation, keys_of):
    """Two members with one key: the one admitted later is none, also if nobody asked for the other yet."""
    admit_many(federation, keys_of, 1)
    late = "late.example"
    federation.stores[late] = federation.stores["m0000.example"]
    federation.admit(late, pair=federation.pair(keys_of("late role")), admitted=NOW + 9)
    for first in (late, "m0000.example"):
        trust = federation.refresh(begin(federation.first, federation.pin)).trust
        trust.member(first)
        assert trust.member(late) is None and trust.member("m0000.example") is not None
        assert dict(trust.disabled) == {late: "a key of another member"}
        assert json.loads(federation.record(late))["id"] == late
