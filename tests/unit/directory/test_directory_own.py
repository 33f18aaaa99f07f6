"""A new node's keys and its own record in a first members file."""

import random

import pytest

from gateway.directory.members import MembersFile
from gateway.directory.own import found_member
from keys.jws import signers_from_store
from keys.store.memory import MemoryKeyStore

NOW = 1_767_225_600


def test_a_new_node_can_sign_and_is_its_own_member(tmp_path):
    """After founding the node has live keys for every statement, and a members file that trusts them."""
    store = MemoryKeyStore(random.Random(1).randbytes)
    path = tmp_path / "members.json"
    found_member(store, path, "a.example", NOW)
    assert [signer.alg for signer in signers_from_store(store, at=NOW)] == ["Ed25519", "ML-DSA-65"]
    member = MembersFile(path).current.trust.member("a.example")
    assert {key.kid for key in member.keys} == {key.kid for key in store.public()}
    assert len(member.log_vkeys) == 2 and path.stat().st_mode & 0o077 == 0


def test_founding_again_changes_nothing(tmp_path):
    """Keys are never made beside others, and a members file that is there is never touched."""
    store = MemoryKeyStore(random.Random(1).randbytes)
    path = tmp_path / "members.json"
    found_member(store, path, "a.example", NOW)
    before = (path.read_bytes(), store.public())
    found_member(store, path, "a.example", NOW + 5)
    assert (path.read_bytes(), store.public()) == before


def test_a_members_file_of_a_federation_is_kept(tmp_path):
    """A new node with a list from elsewhere makes keys, and leaves the list to whoever owns it."""
    store = MemoryKeyStore(random.Random(1).randbytes)
    path = tmp_path / "members.json"
    path.write_bytes(b"somebody's list")
    found_member(store, path, "a.example", NOW)
    assert path.read_bytes() == b"somebody's list" and store.public()


@pytest.mark.parametrize("member", ["a.example", "b.example"])
def test_the_record_bears_the_members_own_log_name(tmp_path, member):
    """Origin and key name of the ledger are the member's."""
    store = MemoryKeyStore(random.Random(2).randbytes)
    found_member(store, tmp_path / "m.json", member, NOW)
    record = MembersFile(tmp_path / "m.json").current.trust.member(member)
    assert record.log_vkeys[0].startswith(f"{member}/ledger+")
