"""A federation of files: three holders, an operator, a publisher, members. Everything a peer could serve."""

import hashlib
import os
from dataclasses import dataclass, field, replace

import pytest

from keys.algorithms import KEM
from keys.federation.advance import begin
from keys.federation.author import Keyring, member_files
from keys.federation.documents import Federation, Registered
from keys.federation.repository import Repository, advance_over, found
from keys.federation.signer import online_from_store, pair_from_store
from keys.member import member_from_store
from keys.store.memory import MemoryKeyStore
from keys.syntax import emit
from keys.trust import json_from_member

NOW = 1_900_000_000
DAY = 86_400


def store(name, *uses):
    """Keys that follow from a name: a `directory` pair, and what `uses` says beside it."""
    made = MemoryKeyStore(os.urandom)
    rows = [("directory", "Ed25519"), ("directory", "ML-DSA-65"), *uses]
    for use, alg in rows:
        seed = hashlib.sha256(f"federation test {name} {use} {alg}".encode()).digest()
        nbf, exp = (NOW - 60, NOW + DAY) if use == "enc" else (NOW // 2, 2 * NOW)
        made.adopt(use, alg, seed, nbf=nbf, exp=exp)
    return made


def keys_of(name):
    return store(name, ("sig", "Ed25519"), ("sig", "ML-DSA-65"), ("enc", KEM), ("log", "Ed25519"))


@dataclass
class Federation_:
    """The operator's desk: `files` is what is published."""

    now: int = NOW
    holders: int = 3
    files: dict = field(default_factory=dict)
    rules: Federation = Federation("test.federation", "Testbund")
    stores: dict = field(default_factory=dict)

    def __post_init__(self):
        self.root_stores = [store(f"holder-{n}") for n in range(self.holders)]
        self.operator, self.publisher = store("operator"), store("publisher")
        if not self.files:
            self.files = found(
                self.rules, self.keyring(), [self.pair(one) for one in self.root_stores],
                self.pair(self.operator), self.now,
            )  # fmt: skip
            self.first = self.files["metadata/1.root.json"]
            self.pin = hashlib.sha256(self.first).hexdigest()
            self.add(self.repository().publish(self.online(), self.now))

    def pair(self, held):
        return pair_from_store(held, at=self.now)

    def online(self, held=None):
        return online_from_store(held or self.publisher, at=self.now)

    def keyring(self, **changes):
        public = [tuple(signer.public_key for signer in self.pair(one)) for one in self.root_stores]
        given = {
            "holders": public,
            "wanted": 2 if self.holders > 1 else 1,
            "operator": tuple(signer.public_key for signer in self.pair(self.operator)),
            "publishers": [self.online().public_key],
        }
        return Keyring(**given | changes)

    def repository(self):
        return Repository(self.files, begin(self.first, self.pin))

    def add(self, new):
        self.files = {**self.files, **new}

    def record(self, id, **changes):
        member = member_from_store(self.stores[id], id, federation=self.rules.id, min_suite=2)
        return emit(json_from_member(replace(member, **changes)))

    def admit(self, id, *, admitted=None, record=None, pair=None, own=None, publish=True):
        self.stores.setdefault(id, keys_of(id))
        signers = pair or self.pair(self.stores[id])
        added = own if own is not None else member_files(id, record or self.record(id), 1, self.now, signers)
        registered = Registered(id, "gp", (("urn:x", "1"),), admitted or self.now)
        public = tuple(signer.public_key for signer in signers)
        new = self.repository().register(
            {id: (registered, public)}, self.pair(self.operator), self.online(), self.now, added=added
        )
        if publish:
            self.add(new)
        return new

    def state(self, now=None):
        """What a member knows that refreshed at `now`."""
        return self.refresh(begin(self.first, self.pin), now).state

    def refresh(self, state, now=None, files=None):
        return advance_over(files if files is not None else self.files, state, now or self.now)


@pytest.fixture
def federation():
    """Two of three holders, one operator, one publisher, no member yet."""
    return Federation_()


@pytest.fixture
def make_federation():
    """For another number of holders."""
    return Federation_


@pytest.fixture(name="keys_of")
def keys_of_fixture():
    """All keys of a member, from a name."""
    return keys_of


@pytest.fixture(name="store_of")
def store_of_fixture():
    """A `directory` pair, from a name."""
    return store
