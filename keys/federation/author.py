"""Metadata as operator, publisher and member write it (trust-and-ledger.md 1, 6, 7): unsigned in, signed out.

Every function gives bytes by path, ready to lie in a repository beside what is there: files of metadata carry
their version in their name, targets their hash, so nothing is ever written over but `timestamp.json`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from securesystemslib.signer import SSlibKey
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)

from keys.errors import TrustRefused
from keys.federation.metadata import T, bytes_from_metadata, expires_at, require_signed, target_path
from keys.federation.shape import BIN, BIN_BITS, bin_of, require_root_shape
from keys.federation.signer import StoreSigner

DAY = 86_400
ROOT_LIFE, TARGETS_LIFE, SNAPSHOT_LIFE, MEMBER_LIFE = 365 * DAY, 90 * DAY, 7 * DAY, 7 * DAY

BIN_ABOVE = 500
"""Members that one file of the operator still names; with more of them it would grow beyond its limit."""

Pair = tuple[SSlibKey, SSlibKey]
Signers = Sequence[StoreSigner]


@dataclass(frozen=True, slots=True)
class Keyring:
    """Public keys of the top-level roles. `wanted`: how many holders must sign a root."""

    holders: Sequence[Pair]
    wanted: int
    operator: Pair
    publishers: Sequence[SSlibKey]
    stampers: Sequence[SSlibKey] = ()
    """Publishers that sign the timestamp alone: of two that wrote snapshots one would lose the other's."""


def new_root(keyring: Keyring, version: int, now: int) -> Metadata[Root]:
    """An unsigned root. Refuses `shape`: two of three holders are wanted, not one of two."""
    holders = [key for pair in keyring.holders for key in pair]
    online = [key.keyid for key in keyring.publishers]
    stamping = [*online, *(key.keyid for key in keyring.stampers)]
    keys = {key.keyid: key for key in (*holders, *keyring.operator, *keyring.publishers, *keyring.stampers)}
    try:
        root = Root(
            version=version,
            expires=expires_at(now, ROOT_LIFE),
            keys=dict(keys),
            roles={
                "root": Role([key.keyid for key in holders], 2 * keyring.wanted),
                "targets": Role([key.keyid for key in keyring.operator], 2),
                "snapshot": Role(list(online), 1),
                "timestamp": Role(stamping, 1),
            },
            consistent_snapshot=True,
        )
    except ValueError:  # a key twice in one role
        raise TrustRefused("shape", "root") from None
    require_root_shape(root)
    return Metadata(root)


def sign_root(root: Metadata[Root], signers: Signers) -> None:
    """Add signatures of one holder; those of others stay."""
    for signer in signers:
        root.sign(signer, append=True)


def finished_root(root: Metadata[Root], before: Metadata[Root] | None) -> dict[str, bytes]:
    """The file of a root that has all signatures, of the old threshold too. Refuses `signature version`."""
    require_root_shape(root.signed)
    if before is not None:
        if root.signed.version != before.signed.version + 1:
            raise TrustRefused("version", "root")
        require_signed(before.signed, "root", root)
    require_signed(root.signed, "root", root)
    return {f"metadata/{root.signed.version}.root.json": bytes_from_metadata(root)}


def targets_files(
    files: Mapping[str, bytes],
    members: Mapping[str, Pair],
    version: int,
    now: int,
    operator: Signers,
    *,
    bins: Mapping[str, Targets] = MappingProxyType({}),
) -> dict[str, bytes]:
    """The operator's role: its two files by name, and a delegation for each member.

    Above `BIN_ABOVE` members sixteen bins stand between; `bins`, those that are published: one that would say
    the same and has half of its life left is not written again.
    """
    listed = {path: _target(path, data) for path, data in files.items()}
    role = Targets(version=version, expires=expires_at(now, TARGETS_LIFE), targets=listed)
    written = {target_path(path, listed[path]): data for path, data in files.items()}
    if len(members) <= BIN_ABOVE:
        role.delegations = _delegations(members)
    else:
        keys = {signer.public_key.keyid: signer.public_key for signer in operator}
        role.delegations = Delegations(dict(keys), succinct_roles=SuccinctRoles(list(keys), 2, BIN_BITS, BIN))
        written |= _bins(role, members, version, now, operator, bins)
    return written | {f"metadata/{version}.targets.json": _signed(Metadata(role), operator)}


def _bins(
    targets: Targets, members: Mapping[str, Pair], version: int, now: int, operator: Signers,
    published: Mapping[str, Targets],
) -> dict[str, bytes]:  # fmt: skip
    assert targets.delegations is not None
    assert targets.delegations.succinct_roles is not None
    sorted_in: dict[str, dict[str, Pair]] = {
        name: {} for name in targets.delegations.succinct_roles.get_roles()
    }
    for id, pair in members.items():
        sorted_in[bin_of(targets, id) or ""][id] = pair
    written = {}
    for name, pairs in sorted_in.items():
        new = Targets(version=version, expires=expires_at(now, TARGETS_LIFE), delegations=_delegations(pairs))
        old = published.get(name)
        if old is None or old.delegations != new.delegations or _half_gone(old, now):
            written[f"metadata/{version}.{name}.json"] = _signed(Metadata(new), operator)
    return written


def _half_gone(role: Targets, now: int) -> bool:
    return role.expires.timestamp() - now < TARGETS_LIFE // 2


def _delegations(members: Mapping[str, Pair]) -> Delegations:
    keys = {key.keyid: key for pair in members.values() for key in pair}
    roles = {
        id: DelegatedRole(
            id, [key.keyid for key in pair], threshold=2, terminating=True, paths=[f"members/{id}/*"]
        )
        for id, pair in members.items()
    }
    return Delegations(dict(keys), roles)


def member_files(id: str, record: bytes, version: int, now: int, own: Signers) -> dict[str, bytes]:
    """A member's role over its record: what it hands to a publisher."""
    path = f"members/{id}/member.json"
    listed = _target(path, record)
    role = Targets(version=version, expires=expires_at(now, MEMBER_LIFE), targets={path: listed})
    return {
        f"metadata/{version}.{id}.json": _signed(Metadata(role), own),
        target_path(path, listed): record,
    }


def snapshot_files(
    versions: Mapping[str, int],
    version: int,
    now: int,
    publisher: StoreSigner,
    *,
    timestamp_life: int,
    second: int | None = None,
) -> dict[str, bytes]:
    """Snapshot over `versions` (`targets.json`, `<member>.json` to version), and the timestamp over it."""
    snapshot = Snapshot(
        version=version,
        expires=expires_at(now, SNAPSHOT_LIFE),
        meta={name: MetaFile(number) for name, number in versions.items()},
    )
    data = _signed(Metadata(snapshot), (publisher,))
    return {f"metadata/{version}.snapshot.json": data} | timestamp_file(
        version, data, now, publisher, life=timestamp_life, second=second
    )


def timestamp_file(
    version: int, snapshot: bytes, now: int, publisher: StoreSigner, *, life: int, second: int | None = None
) -> dict[str, bytes]:
    """The timestamp over a snapshot; its version is the second of its signing, or a later one: `second`."""
    meta = MetaFile(version, length=len(snapshot), hashes={"sha256": hashlib.sha256(snapshot).hexdigest()})
    timestamp = Timestamp(version=second or now, expires=expires_at(now, life), snapshot_meta=meta)
    return {"metadata/timestamp.json": _signed(Metadata(timestamp), (publisher,))}


def _signed(metadata: Metadata[T], signers: Iterable[StoreSigner]) -> bytes:
    for signer in signers:
        metadata.sign(signer, append=True)
    return bytes_from_metadata(metadata)


def _target(path: str, data: bytes) -> TargetFile:
    return TargetFile(len(data), {"sha256": hashlib.sha256(data).hexdigest()}, path)
