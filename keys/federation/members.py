"""Step 6 of a refresh: what each member says of itself. One bad record disables that member only.

The delegated role is signed by the member's own pair, so nobody else changes its keys; the registry, signed
by the operator, says whether it is a member at all (trust-and-ledger.md 1, 2).
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

from tuf.api.metadata import Snapshot, Targets

from keys.errors import KeyRefused, TrustRefused
from keys.federation.documents import Federation, Registry
from keys.federation.metadata import (
    MEMBER_LIMIT,
    expiry,
    metadata_from_bytes,
    require_fresh,
    require_listed,
    require_signed,
    target_path,
)
from keys.federation.shape import require_member_shape
from keys.member import Member, member_from_json
from keys.syntax import SyntaxRefused, parse

Get = Callable[[str, int], Generator[Any, Any, bytes]]
"""(path, limit) -> a generator that ends with the bytes of the file."""
Keep = Callable[[str, bytes], None]
"""A file has verified: it need not be asked for again."""
Members = tuple[list[Member], list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Listed:
    """What the operator and the publisher signed of the members."""

    targets: Targets
    snapshot: Snapshot
    federation: Federation
    registry: Registry

    def delegated(self, id: str) -> bool:
        """Whether the operator gave this member a role."""
        delegations = self.targets.delegations
        return delegations is not None and id in (delegations.roles or {})


def read_members(get: Get, keep: Keep, listed: Listed, now: int | None) -> Generator[Any, Any, Members]:
    """Records in the order of admission, and (member id, why not) of the disabled ones."""
    members: list[Member] = []
    disabled: list[tuple[str, str]] = []
    for id, registered in listed.registry.items():
        if registered.status != "active":
            disabled.append((id, registered.status))
            continue
        try:
            members.append((yield from _member(get, keep, listed, id, now)))
        except (TrustRefused, KeyRefused) as refused:
            disabled.append((id, str(refused)))
    return members, disabled


def _member(get: Get, keep: Keep, listed: Listed, id: str, now: int | None) -> Generator[Any, Any, Member]:
    meta = listed.snapshot.meta.get(f"{id}.json")
    if meta is None or not listed.delegated(id):
        raise TrustRefused("missing", "delegation")
    name = f"metadata/{meta.version}.{id}.json"
    data = yield from get(name, MEMBER_LIMIT)
    require_listed(data, meta, "member metadata")
    role = metadata_from_bytes(data, Targets, "member metadata", MEMBER_LIMIT)
    require_signed(listed.targets, id, role)
    if role.signed.version != meta.version:
        raise TrustRefused("version", "member metadata")
    require_member_shape(role.signed, id)
    # Only now: a mirror's garbage, once kept, would never be asked for again.
    keep(name, data)
    require_fresh(role, "member metadata", now)
    path = f"members/{id}/member.json"
    target = role.signed.targets[path]
    record = yield from get(target_path(path, target), min(target.length, MEMBER_LIMIT))
    require_listed(record, target, "member record")
    keep(target_path(path, target), record)
    return replace(member_from_record(record, id, listed.federation), until=expiry(role))


def member_from_record(data: bytes, id: str, federation: Federation) -> Member:
    """The record of these bytes, if it is this member's and keeps the rules. Raises `KeyRefused`."""
    try:
        member = member_from_json(parse(data, lines=True), federation.id)
    except SyntaxRefused:
        raise KeyRefused("not a member record") from None
    if member.id != id:
        raise KeyRefused("a record of another member")
    if not set(member.suites) <= set(federation.suites) or member.min_suite < federation.min_suite:
        raise KeyRefused("suites outside the federation's")
    return member
