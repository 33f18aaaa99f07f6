"""DIR-02: the root changes by the old and the new threshold, one version at a time, and nobody else changes it."""

import hashlib
import tempfile
import time

import pytest
from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.ngclient import FetcherInterface, Updater

from keys.errors import TrustRefused
from keys.federation.advance import begin
from keys.federation.author import finished_root, new_root, sign_root
from keys.federation.repository import advance_over

NOW = 1_900_000_000
DAY = 86_400


def rotated(federation, signing, *, version=2, **changes):
    """A root of this version by these signers, as a file."""
    from keys.federation.metadata import bytes_from_metadata

    root = new_root(federation.keyring(**changes), version, federation.now)
    for held in signing:
        sign_root(root, held)
    return {f"metadata/{version}.root.json": bytes_from_metadata(root)}


def refused(federation, files):
    with pytest.raises(TrustRefused) as caught:
        advance_over({**federation.files, **files}, begin(federation.first, federation.pin), federation.now)
    return caught.value.reason


def test_two_of_three_change_the_root_for_a_node_that_slept(federation, store_of):
    """Three rotations while a node slept: it walks them one by one, and reads the list under the last."""
    federation.admit("a.example")
    slept = federation.state()
    for version, lost in ((2, 0), (3, 1), (4, 2)):
        staying = [federation.pair(one) for n, one in enumerate(federation.root_stores) if n != lost]
        federation.root_stores[lost] = store_of(f"new-{version}")
        federation.add(rotated(federation, staying, version=version))
    got = federation.refresh(slept)
    assert got.state.root.signed.version == 4 and set(got.trust.members) == {"a.example"}


def test_a_root_without_both_thresholds_is_refused(federation, store_of):
    """One holder's pair, three Ed25519 keys without a lattice key, only new holders, only old ones: refused."""
    old = [federation.pair(one) for one in federation.root_stores]
    assert refused(federation, rotated(federation, [])) == "signature"
    assert refused(federation, rotated(federation, old[:1])) == "signature"
    assert refused(federation, rotated(federation, [pair[:1] for pair in old])) == "signature"
    assert refused(federation, rotated(federation, [old[0], old[1][:1]])) == "signature"
    federation.root_stores = [store_of(f"thief-{n}") for n in range(3)]
    thieves = [federation.pair(one) for one in federation.root_stores]
    assert refused(federation, rotated(federation, thieves)) == "signature"
    assert refused(federation, rotated(federation, old)) == "signature"
    assert advance_over({**federation.files, **rotated(federation, [*old[:2], *thieves[:2]])},
                        begin(federation.first, federation.pin), federation.now)  # fmt: skip


def test_no_version_of_the_root_is_skipped(federation):
    """Version 3 in the place of 2 is refused; where 2 is missing, 3 is not looked for."""
    signers = [federation.pair(one) for one in federation.root_stores]
    third = rotated(federation, signers, version=3)["metadata/3.root.json"]
    assert refused(federation, {"metadata/2.root.json": third}) == "version"
    files = {**federation.files, "metadata/3.root.json": third}
    assert advance_over(files, begin(federation.first, federation.pin), NOW).state.root.signed.version == 1


def test_endless_roots_end(federation):
    """A mirror that always has one more root is left after 64 steps."""
    signers = [federation.pair(one) for one in federation.root_stores[:2]]
    files = {}
    for version in range(2, 67):
        files |= rotated(federation, signers, version=version)
    assert refused(federation, files) == "limit"


def test_new_online_keys_recover_from_a_fast_forward(federation, store_of):
    """A stolen publisher key signed far ahead: a root with another publisher makes nodes forget that."""
    federation.admit("a.example")
    far = federation.now + 5 * DAY
    from keys.federation.author import snapshot_files

    ahead = snapshot_files(
        {"targets.json": 2, "a.example.json": 1}, 900, far, federation.online(), timestamp_life=DAY
    )
    poisoned = federation.refresh(federation.state(), far, {**federation.files, **ahead}).state
    signers = [federation.pair(one) for one in federation.root_stores[:2]]
    federation.publisher = store_of("publisher-2")
    federation.add(rotated(federation, signers))
    federation.add(federation.repository().publish(federation.online(), far))
    assert federation.refresh(poisoned, far).trust.members


@pytest.mark.parametrize(
    "changes",
    [
        {"wanted": 1}, {"holders": []}, {"operator": "publishers"}, {"publishers": []}, {"publishers": "operator"},
        {"holders": "doubled"},
    ],
)  # fmt: skip
def test_a_root_of_another_shape_is_not_made(federation, changes):
    """DIR-03: one of three, nobody, an operator without a pair, a lattice key online, one holder twice."""
    public = federation.keyring()
    named = {
        "publishers": (public.publishers[0], public.publishers[0]),
        "operator": public.operator,
        "doubled": [public.holders[0], public.holders[0]],
    }
    given = {
        name: named.get(value, value) if isinstance(value, str) else value for name, value in changes.items()
    }
    with pytest.raises(TrustRefused, match="shape"):
        new_root(federation.keyring(**given), 1, NOW)


def test_a_finished_root_is_checked_before_it_is_published(federation):
    """`finish` refuses what members would refuse: under-signed, or not the next version."""
    before = federation.state().root
    for version, signers, word in ((2, 1, "signature"), (3, 3, "version")):
        root = new_root(federation.keyring(), version, NOW)
        for held in federation.root_stores[:signers]:
            sign_root(root, federation.pair(held))
        with pytest.raises(TrustRefused, match=word):
            finished_root(root, before)


class Serving(FetcherInterface):
    """The files of a federation, for the reference client."""

    def __init__(self, files):
        super().__init__()
        self.files = files

    def _fetch(self, url):
        path = url.removeprefix("https://mirror.invalid/")
        if path not in self.files:
            raise DownloadHTTPError("no such file", 404)
        return iter([self.files[path]])


def reference_takes(files, first):
    """Whether `tuf.ngclient` takes these files now, down to every member's record."""
    with tempfile.TemporaryDirectory() as folder:
        updater = Updater(folder, "https://mirror.invalid/metadata/", folder, "https://mirror.invalid/targets/",
                          fetcher=Serving(files), bootstrap=first)  # fmt: skip
        try:
            updater.refresh()
            return updater.get_targetinfo("members/a.example/member.json") is not None
        except (RepositoryError, DownloadError):
            return False


@pytest.mark.parametrize("what", ["honest", "timestamp", "snapshot", "targets", "member", "rotated", "thief"])
def test_the_reference_client_agrees(make_federation, what):
    """DIR-01: the same files through `tuf.ngclient` end as through `advance`."""
    federation = make_federation(now=int(time.time()) - 5)
    federation.admit("a.example")
    signers = [federation.pair(one) for one in federation.root_stores]
    if what == "rotated":
        federation.add(rotated(federation, signers[1:]))
        federation.add(federation.repository().publish(federation.online(), federation.now))
    elif what == "thief":
        federation.add(rotated(federation, signers[:1]))
    elif what != "honest":
        path = {"timestamp": "metadata/timestamp.json", "snapshot": "metadata/2.snapshot.json",
                "targets": "metadata/2.targets.json", "member": "metadata/1.a.example.json"}[what]  # fmt: skip
        federation.add({path: federation.files[path].replace(b'"version":', b'"version":1')})
    try:
        ours = (
            "a.example"
            in federation.refresh(begin(federation.first, federation.pin), int(time.time())).trust.members
        )
    except TrustRefused:
        ours = False
    assert ours is (what in ("honest", "rotated"))
    assert reference_takes(federation.files, federation.first) is ours


def test_the_fingerprint_is_of_the_bytes(federation):
    """What is read aloud is SHA-256 of `1.root.json` as it lies there."""
    assert hashlib.sha256(federation.first).hexdigest() == federation.pin
