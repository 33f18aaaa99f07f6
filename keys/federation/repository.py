"""A repository as its operator and publishers change it: files in, the files to add out, all of it pure.

Whatever is published was advanced over first, exactly as a member would: a change that members would refuse
is refused here, before anything is written.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from securesystemslib.signer import SSlibKey
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from keys.errors import TrustRefused
from keys.federation.advance import Advanced, TrustState, Wanted, advance
from keys.federation.author import (
    Keyring,
    Pair,
    Signers,
    finished_root,
    member_files,
    new_root,
    sign_root,
    snapshot_files,
    targets_files,
    timestamp_file,
)
from keys.federation.documents import Federation, Registered, json_from_federation, json_from_registry
from keys.federation.metadata import LIMITS, MEMBER_LIMIT, expiry, metadata_from_bytes, require_signed
from keys.federation.shape import bin_of, require_member_shape
from keys.federation.signer import StoreSigner

Files = Mapping[str, bytes]


def advance_over(files: Files, state: TrustState, now: int | None) -> Advanced:
    """Run `advance` over files that are at hand."""
    return advance_by(lambda wanted: files.get(wanted.path), state, now)


def advance_by(read: Callable[[Wanted], bytes | None], state: TrustState, now: int | None) -> Advanced:
    """Run `advance` over whatever `read` finds: None where there is no such file."""
    asking = advance(state, now)
    try:
        wanted = next(asking)
        while True:
            wanted = asking.send(read(wanted))
    except StopIteration as done:
        advanced: Advanced = done.value
        return advanced


def found(
    federation: Federation, keyring: Keyring, holders: list[Signers], operator: Signers, now: int
) -> dict[str, bytes]:
    """The first root, signed by every holder, and an empty registry; a snapshot comes with `publish`."""
    root = new_root(keyring, 1, now)
    for signers in holders:
        sign_root(root, signers)
    documents = {"federation.json": json_from_federation(federation), "registry.json": json_from_registry({})}
    return finished_root(root, None) | targets_files(documents, {}, 1, now, operator)


@dataclass(frozen=True, slots=True)
class Repository:
    """What is published now, and who publishes. Every change gives the files to add to it."""

    files: Files
    state: TrustState
    """From the pinned root: what is published is checked against it."""

    def current(self) -> Advanced:
        """What a member reads of it. Expiry is not judged: an operator must be able to mend what expired."""
        return advance_over(self.files, self.state, None)

    def register(
        self,
        changes: Mapping[str, tuple[Registered, Pair | None] | None],
        operator: Signers,
        publisher: StoreSigner,
        now: int,
        *,
        added: Files = MappingProxyType({}),
    ) -> dict[str, bytes]:
        """Members admitted, changed (pair None: as it is) or removed (None), by the operator.

        `added`: a new member's own files.
        """
        held = self.current()
        registry, pairs = dict(held.registry), self.pairs()
        for id, change in changes.items():
            if change is None:
                registry.pop(id, None)
                pairs.pop(id, None)
                continue
            registry[id], pair = change
            if pair is not None:
                pairs[id] = pair
        documents = {
            "federation.json": json_from_federation(held.federation),
            "registry.json": json_from_registry(registry),
        }
        version = self._targets().signed.version + 1
        new = targets_files(documents, pairs, version, now, operator, bins=self._kept_bins(operator))
        return self._published(new | dict(added), publisher, now)

    def put_member(self, id: str, own: Files, publisher: StoreSigner, now: int) -> dict[str, bytes]:
        """A member's newer role and record. Refuses `signature version shape`."""
        role = _own_role(id, own)
        targets = self._targets().signed
        known = self._snapshot().signed.meta.get(f"{id}.json")
        require_member_shape(role.signed, id)
        name = bin_of(targets, id)
        require_signed(targets if name is None else self.bins()[name], id, role)
        if known is not None and role.signed.version <= known.version:
            raise TrustRefused("version", "member metadata")
        return self._published(own, publisher, now)

    def publish(self, publisher: StoreSigner, now: int) -> dict[str, bytes]:
        """A new snapshot and timestamp over what is there: at first, after a new root, before one expires."""
        return self._published({}, publisher, now)

    def stamp(self, publisher: StoreSigner, now: int) -> dict[str, bytes]:
        """The timestamp again, over the newest snapshot that verified; an older one is never signed."""
        held = self.current()
        snapshot = self._snapshot()
        version = snapshot.signed.version
        data = held.state.files[f"metadata/{version}.snapshot.json"]
        life = held.federation.timestamp_life
        return timestamp_file(version, data, now, publisher, life=life, second=self._second(now))

    def targets_expiry(self) -> int:
        """POSIX seconds at which the operator's role ends."""
        return expiry(self._targets())

    def snapshot_expiry(self) -> int:
        """POSIX seconds at which the newest snapshot ends."""
        return expiry(self._snapshot())

    def _published(self, new: Files, publisher: StoreSigner, now: int) -> dict[str, bytes]:
        files = dict(self.files) | dict(new)
        life = self._federation(files).timestamp_life
        versions = _versions(files)
        before = _newest(files, "snapshot.json")
        known = self._listed(before)
        versions |= {name: max(number, versions.get(name, 0)) for name, number in known.items()}
        added = snapshot_files(
            versions, before + 1, now, publisher, timestamp_life=life, second=self._second(now)
        )
        advance_over(files | added, replace(self.state, timestamp=None, snapshot=None), now)
        return dict(new) | added

    def _second(self, now: int) -> int:
        """The next timestamp's version: the clock, and never that of the last one."""
        data = self.files.get("metadata/timestamp.json")
        if data is None:
            return now
        last = metadata_from_bytes(data, Timestamp, "timestamp", LIMITS["timestamp"])
        return max(now, last.signed.version + 1)

    def _federation(self, files: Files) -> Federation:
        from keys.federation.documents import federation_from_json
        from keys.federation.metadata import target_path

        listed = self._targets(files).signed.targets["federation.json"]
        return federation_from_json(files[target_path("federation.json", listed)])

    def _listed(self, version: int) -> dict[str, int]:
        if version == 0:
            return {}
        data = self.files[f"metadata/{version}.snapshot.json"]
        snapshot = metadata_from_bytes(data, Snapshot, "snapshot", LIMITS["snapshot"])
        return {name: meta.version for name, meta in snapshot.signed.meta.items()}

    def _snapshot(self) -> Metadata[Snapshot]:
        data = self.files.get(f"metadata/{_newest(self.files, 'snapshot.json')}.snapshot.json")
        return metadata_from_bytes(data, Snapshot, "snapshot", LIMITS["snapshot"])

    def _targets(self, files: Files | None = None) -> Metadata[Targets]:
        held = self.files if files is None else files
        data = held.get(f"metadata/{_newest(held, 'targets.json')}.targets.json")
        return metadata_from_bytes(data, Targets, "targets", LIMITS["targets"])

    def root(self) -> Metadata[Root]:
        """The newest root, as published."""
        data = self.files.get(f"metadata/{_newest(self.files, 'root.json')}.root.json")
        return metadata_from_bytes(data, Root, "root", LIMITS["root"])

    def pairs(self) -> dict[str, Pair]:
        """The role keys of every member that was admitted."""
        found: dict[str, Pair] = {}
        for delegator in (self._targets().signed, *self.bins().values()):
            delegations = delegator.delegations
            for id, role in (delegations.roles or {}).items() if delegations is not None else ():
                assert delegations is not None
                first, second = (delegations.keys[keyid] for keyid in role.keyids)
                assert isinstance(first, SSlibKey)
                assert isinstance(second, SSlibKey)
                found[id] = (first, second)
        return found

    def _kept_bins(self, operator: Signers) -> dict[str, Targets]:
        """Bins that need not be signed again, unless the operator's keys are others now."""
        delegations = self._targets().signed.delegations
        same = (
            delegations is not None
            and delegations.succinct_roles is not None
            and set(delegations.succinct_roles.keyids) == {signer.public_key.keyid for signer in operator}
        )
        return self.bins() if same else {}

    def bins(self) -> dict[str, Targets]:
        """The hashed bins, as published; none below 500 members."""
        delegations = self._targets().signed.delegations
        succinct = delegations.succinct_roles if delegations is not None else None
        found = {}
        for name in succinct.get_roles() if succinct is not None else ():
            data = self.files.get(f"metadata/{_newest(self.files, f'{name}.json')}.{name}.json")
            found[name] = metadata_from_bytes(data, Targets, "bin", LIMITS["targets"]).signed
        return found


def _own_role(id: str, own: Files) -> Metadata[Targets]:
    paths = [path for path in own if path.startswith("metadata/") and path.endswith(f".{id}.json")]
    if len(paths) != 1:
        raise TrustRefused("missing", "member metadata")
    return metadata_from_bytes(own[paths[0]], Targets, "member metadata", MEMBER_LIMIT)


def _newest(files: Files, name: str) -> int:
    """The highest version of a top-level role among the files; 0 if there is none."""
    versions = (path.removeprefix("metadata/").removesuffix(f".{name}") for path in files)
    return max((int(text) for text in versions if text.isdigit()), default=0)


def _versions(files: Files) -> dict[str, int]:
    """The newest version of everything that a snapshot lists."""
    found: dict[str, int] = {}
    for path in files:
        version, _, name = path.removeprefix("metadata/").partition(".")
        listed = path.startswith("metadata/") and version.isdigit()
        if listed and name not in ("root.json", "snapshot.json"):
            found[name] = max(found.get(name, 0), int(version))
    return found


__all__ = ["Repository", "advance_over", "found", "member_files"]
