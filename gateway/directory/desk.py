"""The operator's desk of a federation: its keys, and what it publishes (trust-and-ledger.md 6).

    <desk>/repository/           what mirrors serve: metadata/, targets/
    <desk>/operator/, publisher/ keys under the node's KEK
    <desk>/holders/<n>/          keys of one root holder under a KEK of their own: to be taken offline

Every change is advanced over before a file is written, as a member would: what members refuse stays here.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from gateway.directory.folder import files_from_folder, write_files
from gateway.directory.interface import DirectoryRefused, DirectoryStale
from keys.errors import TrustRefused
from keys.federation.advance import begin
from keys.federation.author import SNAPSHOT_LIFE, TARGETS_LIFE, Keyring, Pair
from keys.federation.documents import Federation, Registered, Registry
from keys.federation.repository import Repository, advance_over, found
from keys.federation.signer import PAIR, StoreSigner, online_from_store, pair_from_store
from keys.interface import Entropy, KeyStore, KeyWrapper
from keys.store.file import FileKeyStore
from keys.store.wrapper import create_kek_file, wrapper_from

YEAR = 365 * 86_400
FIRST = "metadata/1.root.json"


class Desk:
    """The desk of one folder. Methods raise `DirectoryRefused` with a constant text."""

    def __init__(self, folder: Path, wrapper: KeyWrapper, entropy: Entropy) -> None:
        self._folder = folder
        self._wrapper = wrapper
        self._entropy = entropy

    @property
    def folder(self) -> Path:
        """Where the desk stands."""
        return self._folder

    @property
    def repository_folder(self) -> Path:
        """What is served to members."""
        return self._folder / "repository"

    def exists(self) -> bool:
        """Whether a federation was founded here."""
        return (self.repository_folder / FIRST).exists()

    def fingerprint(self) -> str:
        """SHA-256 of `1.root.json`, hex: what applicants pin."""
        return hashlib.sha256((self.repository_folder / FIRST).read_bytes()).hexdigest()

    def found(self, federation: Federation, holders: int, wanted: int, now: int) -> str:
        """Keys of every role, the first metadata; the fingerprint of the root."""
        if self._folder.exists():
            raise DirectoryRefused("a federation was founded here already")
        stores = [self.new_holder(str(number), now) for number in range(1, holders + 1)]
        for name in ("operator", "publisher"):
            make_pair(self.store(name), now)
        keyring = Keyring(
            [_public(store, now) for store in stores],
            wanted,
            _public(self.store("operator"), now),
            [self._publisher(now).public_key],
        )
        files = found(
            federation, keyring, [pair_from_store(one, at=now) for one in stores], self._operator(now), now
        )
        write_files(self.repository_folder, files)
        self._add(self.repository().publish(self._publisher(now), now))
        return self.fingerprint()

    def admit(self, id: str, registered: Registered, pair: Pair, own: Mapping[str, bytes], now: int) -> None:
        """A new member, or one that comes back with other keys, with its own files."""
        self._register({id: (registered, pair)}, now, own)

    def set_status(self, id: str, status: str, now: int) -> None:
        """Suspend or restore a member; `removed` takes it out of the registry."""
        held = self.registry().get(id)
        if held is None:
            raise DirectoryRefused("no such member")
        if status == "removed":
            self._register({id: None}, now, {})
            return
        changed = replace(held, status="active" if status == "active" else "suspended")
        self._register({id: (changed, None)}, now, {})

    def taken(self, id: str, own: Mapping[str, bytes], now: int) -> dict[str, bytes]:
        """What a member's newer role and record add to the repository. Raises `DirectoryStale` too."""
        repository = self.repository()
        try:
            new = repository.put_member(id, own, self._publisher(now), now)
        except TrustRefused as refused:
            if refused.reason == "version":
                text = "a newer one of theirs is published: let them refresh, and make it anew"
                raise DirectoryStale(text) from None
            raise DirectoryRefused(f"members would refuse this: {refused}") from None
        self._require_believed(repository, new, id, now)
        return new

    def stamped(self, now: int) -> dict[str, bytes]:
        """The timestamp again; with a new snapshot where half of the old one's life has gone."""
        repository, publisher = self.repository(), self._publisher(now)
        fading = repository.snapshot_expiry() - now < SNAPSHOT_LIFE // 2
        change = repository.publish if fading else repository.stamp
        return self._asked(lambda _: change(publisher, now))

    def add(self, files: Mapping[str, bytes]) -> None:
        """Put files into the repository, the timestamp last."""
        self._add(files)

    def _require_believed(self, repository: Repository, new: Mapping[str, bytes], id: str, now: int) -> None:
        """A bad record disables its member alone: here it is not published at all.

        Nor is one with somebody else's key: of two with one key members would disable the later, who may be
        in the right.
        """
        state = replace(repository.state, timestamp=None, snapshot=None)
        roll = advance_over({**repository.files, **new}, state, now).state.roll
        assert roll is not None
        found = roll.judged(id)
        if isinstance(found, str) and found != "suspended":
            raise DirectoryRefused(f"members would refuse this: {found}")
        if not isinstance(found, str):
            others = {other for key in found.keys for other in roll.claimants(key.kid)} - {id}
            if any(roll.holds(other, key.kid) for key in found.keys for other in others):
                raise DirectoryRefused("members would refuse this: a key of another member")

    def sign_anew(self, now: int, added: Mapping[str, bytes] = MappingProxyType({})) -> None:
        """The operator's role again, snapshot, timestamp: with a new root (`added`), or before it ends."""
        self._register({}, now, added)

    def targets_fade(self, now: int) -> bool:
        """Whether half of the life of the operator's role has gone."""
        return self.repository().targets_expiry() - now < TARGETS_LIFE // 2

    def registry(self) -> Registry:
        """Who is registered, as published."""
        return self.repository().current().registry

    def _register(
        self, changes: Mapping[str, tuple[Registered, Pair | None] | None], now: int, own: Mapping[str, bytes]
    ) -> None:
        operator, publisher = self._operator(now), self._publisher(now)
        new = self._asked(
            lambda repository: repository.register(changes, operator, publisher, now, added=own)
        )
        for id, change in changes.items():
            if change is not None and change[1] is not None:  # somebody comes, with keys of its own
                self._require_believed(self.repository(), new, id, now)
        self._add(new)

    def _asked(self, change: Callable[[Repository], dict[str, bytes]]) -> dict[str, bytes]:
        try:
            return change(self.repository())
        except TrustRefused as refused:
            raise DirectoryRefused(f"members would refuse this: {refused}") from None

    def _add(self, files: Mapping[str, bytes]) -> None:
        try:
            write_files(self.repository_folder, files)
        except OSError:
            raise DirectoryRefused("the repository cannot be written") from None

    def repository(self) -> Repository:
        """What is published now, and how to change it. Raises `DirectoryRefused`."""
        files = files_from_folder(self.repository_folder)
        if FIRST not in files:
            raise DirectoryRefused("no federation was founded here: carepact directory init")
        return Repository(files, begin(files[FIRST], hashlib.sha256(files[FIRST]).hexdigest()))

    def new_holder(self, name: str, now: int) -> FileKeyStore:
        """A root holder's keys under a KEK of their own, in a folder to be taken offline."""
        folder = self._folder / "holders" / name
        create_kek_file(folder / "kek", self._entropy)
        store = FileKeyStore(folder / "keys", wrapper_from(f"file:{folder / 'kek'}"), self._entropy)
        make_pair(store, now)
        return store

    def store(self, name: str) -> FileKeyStore:
        """Keys of the desk under the node's KEK: `operator`, `publisher`."""
        return FileKeyStore(self._folder / name, self._wrapper, self._entropy)

    def _operator(self, now: int) -> tuple[StoreSigner, StoreSigner]:
        return pair_from_store(self.store("operator"), at=now)

    def publisher(self, now: int) -> StoreSigner:
        """The key that signs snapshots and timestamps here."""
        return self._publisher(now)

    def _publisher(self, now: int) -> StoreSigner:
        return online_from_store(self.store("publisher"), at=now)


def make_pair(store: KeyStore, now: int) -> None:
    """A `directory` pair, unless the store has a live one."""
    from keys.errors import UnknownKey
    from keys.lifecycle import newest

    for alg in PAIR:
        try:
            newest(store.public(), "directory", alg, now)
        except UnknownKey:
            store.create("directory", alg, nbf=now - 60, exp=now + 5 * YEAR)


def _public(store: KeyStore, now: int) -> Pair:
    first, second = pair_from_store(store, at=now)
    return first.public_key, second.public_key
