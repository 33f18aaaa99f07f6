"""DIR-03: whatever has another form than the closed one is refused, the whole file or that one member."""

import json

import pytest
from tuf.api.metadata import DelegatedRole, Metadata

from keys.errors import TrustRefused
from keys.federation.advance import begin
from keys.federation.author import snapshot_files
from keys.federation.metadata import bytes_from_metadata
from keys.syntax import b64u

NOW = 1_900_000_000
A, B = "a.example", "b.example"
SMALL_ORDER = b64u(bytes([1] + 31 * [0]))


def forged_targets(federation, change):
    """The operator's role changed by `change` and rightly signed: only its form is wrong."""
    path = "metadata/3.targets.json"
    targets = Metadata.from_bytes(federation.files[path])
    targets.signatures.clear()
    change(targets.signed)
    targets.signed.version = 4
    for signer in federation.pair(federation.operator):
        targets.sign(signer, append=True)
    versions = {"targets.json": 4, f"{A}.json": 1, f"{B}.json": 1}
    new = snapshot_files(
        versions, 9, federation.now, federation.online(), timestamp_life=86_400, second=federation.now + 100
    )
    return {**federation.files, "metadata/4.targets.json": bytes_from_metadata(targets), **new}


def _renamed(name):
    def change(targets):
        role = targets.delegations.roles.pop(A)
        role.name = name
        targets.delegations.roles[name] = role

    return change


def _role(**changes):
    def change(targets):
        role = targets.delegations.roles[A]
        for name, value in changes.items():
            setattr(role, name, value)

    return change


def _doubled_key(targets):
    """One public value under a second key id."""
    first, _ = targets.delegations.roles[A].keyids
    data = targets.delegations.keys[first].to_dict()
    key = type(targets.delegations.keys[first]).from_dict("00" * 32, data)
    targets.delegations.keys["00" * 32] = key
    targets.delegations.roles[A].keyids = [first, "00" * 32]


def _foreign_key_type(targets):
    """An algorithm that stands in no table of ours."""
    first = targets.delegations.roles[A].keyids[0]
    targets.delegations.keys[first].scheme = "rsassa-pss-sha256"


def _unlisted_key(targets):
    targets.delegations.roles[A].keyids[0] = "11" * 32


def _one_more_file(targets):
    targets.targets["other.json"] = targets.targets["registry.json"]


def _deeper(targets):
    role = DelegatedRole("x.example", targets.delegations.roles[A].keyids, 2, False, paths=["*"])
    targets.delegations.roles["x.example"] = role


SHAPES = {
    "role ../a": _renamed("../a"),
    "role targets": _renamed("a"),
    "role bin-0": _renamed("bin-0"),
    "threshold 1": _role(threshold=1),
    "not terminating": _role(terminating=False),
    "paths of all": _role(paths=["members/*"]),
    "paths of another": _role(paths=[f"members/{B}/*"]),
    "no paths": _role(paths=[]),
    "hash prefixes": _role(paths=None, path_hash_prefixes=["0"]),
    "doubled key": _doubled_key,
    "foreign key type": _foreign_key_type,
    "unlisted key": _unlisted_key,
    "one more file": _one_more_file,
    "a deeper role": _deeper,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_DIR_03_a_delegation_of_another_form_makes_the_file_refused(federation, shape):
    """Signed by the operator itself and all the same refused, as a whole; the old list stays as it is."""
    federation.admit(A)
    federation.admit(B)
    state = federation.state()
    assert set(federation.refresh(state, files=forged_targets(federation, lambda _: None)).trust.members) == {
        A,
        B,
    }
    with pytest.raises(TrustRefused) as caught:
        federation.refresh(state, files=forged_targets(federation, SHAPES[shape]))
    assert (caught.value.reason, caught.value.about) in (("shape", "targets"), ("format", "targets"))


def _without_pop(record):
    del next(key for key in record["keys"] if key["use"] == "sig")["pop"]


def _small_order(record):
    key = next(key for key in record["keys"] if key["jwk"].get("crv") == "Ed25519" and key["use"] == "sig")
    key["jwk"]["x"] = SMALL_ORDER


def _long_kem(record):
    key = next(key for key in record["keys"] if key["use"] == "enc")
    key["exp"] = key["nbf"] + 49 * 3600


def _set(**changes):
    return lambda record: record.update(changes)


RECORDS = {
    "no proof of possession": _without_pop,
    "small-order key": _small_order,
    "KEM key of 49 hours": _long_kem,
    "a suite that the federation has not": _set(suites=[1, 2], min_suite=1),
    "below the least suite": _set(min_suite=1),
    "credentials in a URL": _set(endpoints={"directory": "https://me:you@b.example/directory"}),
    "plain HTTP": _set(endpoints={"directory": "http://b.example/directory"}),
    "a file": _set(endpoints={"exchange": "file:///etc/passwd"}),
    "a query": _set(endpoints={"exchange": "https://b.example/?x=1"}),
    "an unknown endpoint": _set(endpoints={"admin": "https://b.example/"}),
    "a name of its own": _set(name="General Hospital"),
    "another version": _set(v=2),
}


@pytest.mark.parametrize("what", RECORDS)
def test_DIR_03_a_bad_record_disables_its_member_alone(federation, keys_of, what):
    """Each rule of a record, broken on purpose and rightly signed: that member is named, the other believed."""
    federation.admit(A)
    federation.stores[B] = keys_of(B)
    record = json.loads(federation.record(B))
    good = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
    RECORDS[what](record)
    bad = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
    assert bad != good
    federation.admit(B, record=bad)
    got = federation.refresh(begin(federation.first, federation.pin))
    assert set(got.trust.members) == {A} and [id for id, _ in got.trust.disabled] == [B]
