"""Step 6 of a refresh: the files of each member. One bad file disables that member only.

The delegated role is signed by the member's own pair, so nobody else changes its keys; the registry, signed
by the operator, says whether it is a member at all (trust-and-ledger.md 1, 2). What comes from a mirror is
verified before it is kept; what was kept is verified again when somebody needs that member (`roll`).
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tuf.api.metadata import Metadata, Snapshot, Targets

from keys.errors import KeyRefused, TrustRefused
from keys.federation.documents import Federation, Registry
from keys.federation.metadata import (
    LIMITS,
    MEMBER_LIMIT,
    expiry,
    metadata_from_bytes,
    require_fresh,
    require_listed,
    require_signed,
    target_path,
)
from keys.federation.roll import Fetched, Roll
from keys.federation.shape import bin_of, require_bin_shape, require_member_shape

Get = Callable[[str, int], Generator[Any, Any, bytes]]
"""(path, limit) -> a generator that ends with the bytes of the file."""
Keep = Callable[[str, bytes], None]
"""A file has verified: it need not be asked for again."""
Known = Callable[[str], bool]
"""Whether a file verified before."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What the operator and the publisher signed of the members. `bins`: above 500 members, by name."""

    targets: Targets
    snapshot: Snapshot
    federation: Federation
    registry: Registry
    bins: Mapping[str, Metadata[Targets]] = field(default_factory=dict)

    def delegator(self, id: str) -> Targets:
        """The metadata that names this member's keys. Refuses `missing`."""
        name = bin_of(self.targets, id)
        found = self.targets if name is None else self.bins[name].signed
        delegations = found.delegations
        if delegations is None or id not in (delegations.roles or {}):
            raise TrustRefused("missing", "delegation")
        return found

    def ends(self) -> list[int]:
        """POSIX seconds at which the bins expire."""
        return [expiry(one) for one in self.bins.values()]


def read_bins(
    get: Get, keep: Keep, targets: Targets, snapshot: Snapshot, now: int | None
) -> Generator[Any, Any, dict[str, Metadata[Targets]]]:
    """The hashed bins between the operator's role and the members, where there are any. All or none."""
    found: dict[str, Metadata[Targets]] = {}
    succinct = targets.delegations.succinct_roles if targets.delegations is not None else None
    for name in succinct.get_roles() if succinct is not None else ():
        meta = snapshot.meta.get(f"{name}.json")
        if meta is None:
            raise TrustRefused("missing", "bin")
        path = f"metadata/{meta.version}.{name}.json"
        data = yield from get(path, LIMITS["targets"])
        require_listed(data, meta, "bin")
        role = metadata_from_bytes(data, Targets, "bin", LIMITS["targets"])
        require_signed(targets, name, role)
        if role.signed.version != meta.version:
            raise TrustRefused("version", "bin")
        require_bin_shape(targets, role.signed, name)
        require_fresh(role, "bin", now)
        keep(path, data)
        found[name] = role
    return found


def read_members(
    get: Get, keep: Keep, known: Known, listed: Listed, now: int | None, before: Roll | None
) -> Generator[Any, Any, Roll]:
    """Every registered member's files; each is judged at once if it is new, else when it is needed."""
    fetched: dict[str, Fetched] = {}
    gone: dict[str, str] = {}
    for id, registered in listed.registry.items():
        if registered.status != "active":
            gone[id] = registered.status
            continue
        try:
            fetched[id] = yield from _fetched(get, keep, known, listed, id)
        except (TrustRefused, KeyRefused) as refused:
            gone[id] = str(refused)
    return Roll(tuple(listed.registry), fetched, gone, listed.federation, now, before)


def _fetched(get: Get, keep: Keep, known: Known, listed: Listed, id: str) -> Generator[Any, Any, Fetched]:
    delegator, meta = listed.delegator(id), listed.snapshot.meta.get(f"{id}.json")
    if meta is None:
        raise TrustRefused("missing", "delegation")
    name = f"metadata/{meta.version}.{id}.json"
    data = yield from get(name, MEMBER_LIMIT)
    require_listed(data, meta, "member metadata")
    role = metadata_from_bytes(data, Targets, "member metadata", MEMBER_LIMIT)
    if not known(name):  # a mirror's garbage, once kept, would never be asked for again
        require_signed(delegator, id, role)
    if role.signed.version != meta.version:
        raise TrustRefused("version", "member metadata")
    require_member_shape(role.signed, id)
    keep(name, data)
    path = f"members/{id}/member.json"
    target = role.signed.targets[path]
    record = yield from get(target_path(path, target), min(target.length, MEMBER_LIMIT))
    require_listed(record, target, "member record")
    keep(target_path(path, target), record)
    return Fetched(data, record, delegator)
