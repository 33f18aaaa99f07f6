"""What a node publishes: of itself at any publisher, of others where it is one (trust-and-ledger.md 6).

A publisher 1. verifies the whole change as members would; 2. writes the ledger's leaf; 3. writes the files,
the timestamp last; 4. takes the new list itself. Whatever fails before 3 has changed nothing.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

from adapters.errors import SourceMalformed, SourceRefused, SourceTimedOut, SourceUnavailable
from gateway.directory.interface import DirectoryRefused
from gateway.directory.joining import Joining, joining_to_bytes, own_files
from gateway.directory.locked import locked
from gateway.directory.membership import Membership
from gateway.directory.refresh import Mirror
from keys.federation.advance import Advanced
from keys.federation.signer import pair_from_store
from keys.member import Member

Ended = Literal["published", "stale", "invalid", "no publisher", "not reached"]
PUT_DEADLINE = 15.0
_ENDS: Mapping[int, Ended] = {204: "published", 412: "stale", 400: "invalid"}


@dataclass(frozen=True, slots=True)
class Published:
    """An update of our own, and how publishing it ended. `update`: what a publisher takes by hand."""

    update: bytes
    ended: Ended
    tried: tuple[tuple[str, Ended], ...] = ()


async def take(membership: Membership, joining: Joining, about: Mapping[str, Any], now: int) -> None:
    """Publish a member's newer role and record here. Raises `DirectoryRefused`, `DirectoryStale`."""
    desk = membership.desk
    async with locked(desk.folder):
        new = await asyncio.to_thread(desk.taken, joining.id, joining.files, now)  # 1
        await membership.own.log({"action": "take", "member": joining.id, **about}, now)  # 2
        await asyncio.to_thread(desk.add, new)  # 3
    await membership.refresh(now, (str(desk.repository_folder),))  # 4


async def publish_own(
    membership: Membership, about: Mapping[str, Any], now: int, *, revoked: Mapping[str, tuple[int, str]],
    by_hand: bool = False,
) -> Published:  # fmt: skip
    """Our record as it is now, under our role's next version. `revoked`: kid -> (from, why).

    `by_hand` only makes the update. Raises `DirectoryRefused` where this node is in no federation, or is
    the publisher and members would refuse it.
    """
    made = await _made(membership, about, now, revoked)
    if by_hand:
        return Published(joined_bytes(membership, made, now), "no publisher")
    if membership.desk.exists():
        await take(membership, made, about, now)
        return Published(b"", "published")
    pushed = await _push(membership, made, now)
    if pushed.ended == "stale":  # somebody published a newer one than we knew of
        await membership.refresh(now)
        pushed = await _push(membership, await _made(membership, about, now, revoked), now)
    if pushed.ended == "published":
        await membership.refresh(now)
    return pushed


def next_version(held: Advanced, id: str) -> int:
    """The version that a member's role must have to be newer than any that was published."""
    snapshot = held.state.snapshot
    known = snapshot.signed.meta.get(f"{id}.json") if snapshot is not None else None
    return known.version + 1 if known is not None else 1


def with_revoked(member: Member, revoked: Mapping[str, tuple[int, str]]) -> Member:
    """The record with more revoked keys; an earlier `from` stays."""
    since = dict(member.revoked)
    for kid, (at, _) in revoked.items():
        since[kid] = min(at, since.get(kid, at))
    why = dict(member.rest.get("why") or {}) | {kid: text for kid, (_, text) in revoked.items()}
    return replace(member, revoked=since, rest=dict(member.rest) | {"why": why})


def joined_bytes(membership: Membership, joining: Joining, now: int) -> bytes:
    """The update as a file."""
    pair = pair_from_store(membership.own.keys, at=now)
    return joining_to_bytes(
        joining.member, joining.files, pair, federation=joining.federation, root=joining.root, now=now
    )


async def _made(
    membership: Membership, about: Mapping[str, Any], now: int, revoked: Mapping[str, tuple[int, str]]
) -> Joining:
    held = membership.held()
    member = membership.record(held, now)
    member = with_revoked(member, revoked) if revoked else member
    pair = pair_from_store(membership.own.keys, at=now)
    files = own_files(member, next_version(held, member.id), now, pair)
    kids = [key.kid for key in member.keys]
    change = {"action": "publish", "member": member.id, "kids": kids, "revoked": sorted(revoked)}
    await membership.own.log(change | dict(about), now)
    root = membership.own.root_sha256
    public = pair[0].public_key, pair[1].public_key
    return Joining(member.id, held.federation.id, root, public, files, member, 0)


async def _push(membership: Membership, made: Joining, now: int) -> Published:
    """Offer it to mirrors and peers in turn, until one that publishes has judged it."""
    update = joined_bytes(membership, made, now)
    tried: list[tuple[str, Ended]] = []
    named = [Mirror(place) for place in membership.own.mirrors]
    for mirror in chain((one for one in named if one.remote), membership.peers()):
        ended = await _put(mirror, made.id, update)
        tried.append((mirror.place, ended))
        if ended in _ENDS.values():
            return Published(update, ended, tuple(tried))
    reached = any(ended == "no publisher" for _, ended in tried)
    return Published(update, "no publisher" if reached or not tried else "not reached", tuple(tried))


async def _put(mirror: Mirror, id: str, update: bytes) -> Ended:
    headers = {"Content-Type": "application/json"}
    try:
        async with mirror.transport() as transport:
            reply = await transport.request(
                "PUT",
                f"members/{id}",
                content=update,
                headers=headers,
                deadline=PUT_DEADLINE,
                max_bytes=65_536,
            )
    except (SourceMalformed, SourceRefused, SourceTimedOut, SourceUnavailable, OSError, ValueError):
        return "not reached"
    return _ENDS.get(reply.status, "no publisher" if reply.status in (404, 405) else "not reached")


__all__ = ["DirectoryRefused", "Published", "next_version", "publish_own", "take", "with_revoked"]
