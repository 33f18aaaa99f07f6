"""From one verified state of the member list to the next (TUF 5.3 to 5.6, trust-and-ledger.md 4).

`advance` does no input or output: it is a generator that yields the file it wants (`Wanted`) and is sent its
bytes, or None where there is no such file. The numbers are those of the page:

1. Root: N+1, N+2, … each signed by the old and the new threshold; the last must not be expired. 2. Changed
keys of timestamp or snapshot: both are forgotten (recovery from a fast-forward attack). 3. Timestamp: no
rollback, not expired, not ahead of the clock. 4. Snapshot: as the timestamp says; no version decreases, no
file disappears. 5. Targets, federation and registry. 6. Members, each for itself. 7. The caller stores all
of the new state, or keeps the old one: a failed refresh loosens nothing.

Refuses with `TrustRefused`.
"""

import hashlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from keys.errors import TrustRefused
from keys.federation.documents import Federation, Registry, federation_from_json, registry_from_json
from keys.federation.members import Listed, read_bins, read_members
from keys.federation.metadata import (
    LIMITS,
    MAX_ROOTS,
    REGISTRY_LIMIT,
    bytes_from_metadata,
    expiry,
    metadata_from_bytes,
    require_fresh,
    require_listed,
    require_signed,
    target_path,
)
from keys.federation.roll import Roll
from keys.federation.shape import require_root_shape, require_targets_shape
from keys.trust import BACKWARDS, TrustList

_FIRST = "metadata/1.root.json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file by its path in the repository, and the most bytes that are worth reading."""

    path: str
    limit: int


@dataclass(frozen=True, slots=True)
class TrustState:
    """What verified last. `files`: every file of it by path, so that the state is itself a mirror."""

    root: Metadata[Root]
    files: Mapping[str, bytes] = field(repr=False)
    timestamp: Metadata[Timestamp] | None = None
    snapshot: Metadata[Snapshot] | None = None
    roll: Roll | None = field(default=None, repr=False)
    """Who was verified already."""


Asking = Generator[Wanted, bytes | None, "Advanced"]
_Files = Generator[Wanted, bytes | None, bytes]


@dataclass(frozen=True, slots=True)
class Advanced:
    """The next state, and the list that it means. `federation`, `registry`: who says so, and who is who."""

    state: TrustState
    trust: TrustList
    federation: Federation
    registry: Registry


def begin(first_root: bytes, sha256: str) -> TrustState:
    """Start from the pinned root; `sha256` is the hex fingerprint of its bytes. Refuses `pin`."""
    if hashlib.sha256(first_root).hexdigest() != sha256.lower():
        raise TrustRefused("pin", "root")
    root = metadata_from_bytes(first_root, Root, "root", LIMITS["root"])
    _require_root(root, 1)
    require_signed(root.signed, "root", root)
    return TrustState(root, MappingProxyType({_FIRST: first_root}))


def advance(state: TrustState, now: int | None) -> Asking:
    """Steps 1 to 6. `now` in POSIX seconds; None reads back what was verified before, whatever its age."""
    files = dict(state.files)
    root = yield from _roots(state.root, files)  # 1
    require_fresh(root, "root", now)
    if _online_keys(root.signed) != _online_keys(state.root.signed):  # 2
        state = replace(state, timestamp=None, snapshot=None)
    timestamp, data = yield from _timestamp(state, root.signed, now)  # 3
    kept = {path: data for path, data in files.items() if path.endswith(".root.json")}
    kept["metadata/timestamp.json"] = data
    snapshot = yield from _snapshot(state, root.signed, timestamp.signed, files, kept, now)  # 4
    targets = yield from _targets(root.signed, snapshot.signed, files, kept, now)  # 5
    federation = federation_from_json((yield from _target(targets, "federation.json", files, kept)))
    registry = registry_from_json((yield from _target(targets, "registry.json", files, kept)))
    _require_life(timestamp, federation)

    def get(path: str, limit: int) -> _Files:
        return (yield from _get(path, limit, files, {}))

    keep = kept.__setitem__
    bins = yield from read_bins(get, keep, targets.signed, snapshot.signed, now)
    listed = Listed(targets.signed, snapshot.signed, federation, registry, bins)
    # What is read back was verified before it was kept.
    known = state.files.__contains__ if now is not None else lambda path: True
    roll = yield from read_members(get, keep, known, listed, now, state.roll)  # 6
    ends = (expiry(root), expiry(timestamp), expiry(snapshot), expiry(targets), *listed.ends())
    trust = _trust(timestamp.signed.version, min(ends), roll, federation)
    new = TrustState(root, MappingProxyType(kept), timestamp, snapshot, roll)
    return Advanced(new, trust, federation, registry)


def _trust(version: int, expires: int, roll: Roll, federation: Federation) -> TrustList:
    return TrustList(
        version, expires, roll, federation.id, roll.refused, frozenset(federation.suites),
        signed=version, grace=federation.grace, _owners=roll.owners,
    )  # fmt: skip


def _roots(root: Metadata[Root], files: dict[str, bytes]) -> Generator[Wanted, bytes | None, Metadata[Root]]:
    """Step 1. No version is skipped, and each is signed by the one before it and by itself."""
    for _ in range(MAX_ROOTS):
        version = root.signed.version + 1
        path = f"metadata/{version}.root.json"
        data = yield Wanted(path, LIMITS["root"])
        if data is None:
            return root
        found = metadata_from_bytes(data, Root, "root", LIMITS["root"])
        _require_root(found, version)
        require_signed(root.signed, "root", found)
        require_signed(found.signed, "root", found)
        root, files[path] = found, data
    raise TrustRefused("limit", "root")


def _require_root(root: Metadata[Root], version: int) -> None:
    require_root_shape(root.signed)
    if root.signed.version != version:
        raise TrustRefused("version", "root")


def _online_keys(root: Root) -> dict[str, object]:
    roles = {name: root.roles[name].keyids for name in ("timestamp", "snapshot")}
    return {name: {id: root.keys[id].keyval for id in ids} for name, ids in roles.items()}


def _timestamp(
    state: TrustState, root: Root, now: int | None
) -> Generator[Wanted, bytes | None, tuple[Metadata[Timestamp], bytes]]:
    """Step 3. Its version is the POSIX second of its signing."""
    data = yield Wanted("metadata/timestamp.json", LIMITS["timestamp"])
    found = metadata_from_bytes(data, Timestamp, "timestamp", LIMITS["timestamp"])
    require_signed(root, "timestamp", found)
    if state.timestamp is not None:
        known = state.timestamp.signed
        if found.signed.version < known.version:
            raise TrustRefused("version", "timestamp")
        if found.signed.snapshot_meta.version < known.snapshot_meta.version:
            raise TrustRefused("version", "snapshot")
    require_fresh(found, "timestamp", now)
    if now is not None and now < found.signed.version - BACKWARDS:
        raise TrustRefused("clock", "timestamp")
    assert data is not None  # `metadata_from_bytes` refused it otherwise
    return found, data


def _require_life(timestamp: Metadata[Timestamp], federation: Federation) -> None:
    """A publisher's stolen key signs no timestamp that outlives what the operator allows."""
    if expiry(timestamp) - timestamp.signed.version > federation.timestamp_life:
        raise TrustRefused("expired", "timestamp")


def _snapshot(
    state: TrustState,
    root: Root,
    timestamp: Timestamp,
    files: Mapping[str, bytes],
    kept: dict[str, bytes],
    now: int | None,
) -> Generator[Wanted, bytes | None, Metadata[Snapshot]]:
    """Step 4."""
    listed = timestamp.snapshot_meta
    data = yield from _get(f"metadata/{listed.version}.snapshot.json", LIMITS["snapshot"], files, kept)
    require_listed(data, listed, "snapshot")
    found = metadata_from_bytes(data, Snapshot, "snapshot", LIMITS["snapshot"])
    require_signed(root, "snapshot", found)
    if found.signed.version != listed.version:
        raise TrustRefused("version", "snapshot")
    for name, known in (state.snapshot.signed.meta if state.snapshot is not None else {}).items():
        # A member that was removed stays listed, undelegated.
        if name not in found.signed.meta or found.signed.meta[name].version < known.version:
            raise TrustRefused("version", "snapshot")
    require_fresh(found, "snapshot", now)
    return found


def _targets(
    root: Root, snapshot: Snapshot, files: Mapping[str, bytes], kept: dict[str, bytes], now: int | None
) -> Generator[Wanted, bytes | None, Metadata[Targets]]:
    """Step 5."""
    listed = snapshot.meta.get("targets.json")
    if listed is None:
        raise TrustRefused("missing", "targets")
    data = yield from _get(f"metadata/{listed.version}.targets.json", LIMITS["targets"], files, kept)
    require_listed(data, listed, "targets")
    found = metadata_from_bytes(data, Targets, "targets", LIMITS["targets"])
    require_signed(root, "targets", found)
    if found.signed.version != listed.version:
        raise TrustRefused("version", "targets")
    require_targets_shape(found.signed)
    require_fresh(found, "targets", now)
    return found


def _target(
    targets: Metadata[Targets], path: str, files: Mapping[str, bytes], kept: dict[str, bytes]
) -> _Files:
    listed = targets.signed.targets[path]
    data = yield from _get(target_path(path, listed), min(listed.length, REGISTRY_LIMIT), files, kept)
    require_listed(data, listed, path)
    return data


def _get(path: str, limit: int, files: Mapping[str, bytes], kept: dict[str, bytes]) -> _Files:
    """A file whose name fixes its version or hash: one that was verified before is not asked for again."""
    data = files.get(path)
    if data is None:
        data = yield Wanted(path, limit)
    name = path.rpartition("/")[2]
    if data is None:
        raise TrustRefused("missing", name)
    if len(data) > limit:
        raise TrustRefused("limit", name)
    kept[path] = data
    return data


__all__ = ["Advanced", "TrustState", "Wanted", "advance", "begin", "bytes_from_metadata"]
