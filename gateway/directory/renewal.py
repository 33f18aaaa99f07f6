"""What must be signed anew as time goes on: a publisher's timestamp, a member's role, and the keys in it.

1. A publisher re-signs the timestamp every 15 minutes over the newest snapshot that it verified, and never
   over an older one. 2. A member re-signs its role daily, at once when its keys or endpoints changed.
3. Keys are made as `keys.lifecycle.due` says: KEM epochs three days ahead, so a publisher may be down two;
   a signing key is made two days before it is used, because nobody knows it before the next refresh.
All of it may be run at any time and as often as one likes: what is not due is not done.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gateway.directory.folder import FederationFolder
from gateway.directory.interface import DirectoryRefused
from gateway.directory.locked import locked
from gateway.directory.membership import Membership
from gateway.directory.publishing import Published, publish_own
from keys.algorithms import LIVE_SUITES
from keys.errors import TrustRefused, UnknownKey
from keys.federation.advance import Advanced
from keys.federation.author import MEMBER_LIFE
from keys.federation.repository import Repository
from keys.federation.signer import StoreSigner, online_from_store
from keys.interface import KeyStore, PublicKey
from keys.lifecycle import DAY, due, live

STAMP_EVERY = 900
KNOWN_BY = 2 * DAY
"""Seconds after which everybody has refreshed, as `carepact keys rotate` has it too."""
ANEW_AFTER = DAY
"""Seconds after which a member signs its role again."""
_BY: Mapping[str, Any] = {"by": "carepact serve", "reason": "renewal"}
_EARLY = 120
"""Seconds by which a stamp may come before its time: loops have jitter."""


def renew_keys(store: KeyStore, now: int, suites: Collection[int] = LIVE_SUITES) -> tuple[str, ...]:
    """Make what is due and destroy what is past; the kids that were made. Twice makes nothing twice (3).

    `suites`: what the node takes.
    """
    known = store.public()
    found = due(known, now, suites=suites)
    made = []
    for want in found.make:
        nbf = want.nbf
        if want.use != "enc" and _lives_on(known, want.use, want.alg, now):
            nbf = max(nbf, now + KNOWN_BY)
        made.append(store.create(want.use, want.alg, nbf=nbf, exp=want.exp))
    for kid in found.destroy:
        store.retire(kid, at=now)
    return tuple(made)


def _lives_on(known: Sequence[PublicKey], use: str, alg: str, now: int) -> bool:
    return any(
        (key.use, key.alg) == (use, alg) and live(key, now) and key.exp > now + KNOWN_BY for key in known
    )


async def stamp(membership: Membership, now: int) -> bool:
    """Sign the timestamp again where this node publishes and it is time (1); whether it did.

    Raises `DirectoryRefused`.
    """
    if not isinstance(membership.members, FederationFolder):
        return False
    held = membership.held()
    signer = publisher_of(membership, held, now)
    if signer is None or now < held.trust.version + STAMP_EVERY - _EARLY:
        return False
    desk = membership.desk
    if desk.exists():
        async with locked(desk.folder):
            await asyncio.to_thread(lambda: desk.add(desk.stamped(now)))
        await membership.refresh(now, (str(desk.repository_folder),))
        return True
    try:
        new = Repository(held.state.files, held.state).stamp(signer, now)
    except TrustRefused as refused:
        raise DirectoryRefused(f"members would refuse this: {refused}") from None
    return await membership.offer({**held.state.files, **new}, now)


def publisher_of(membership: Membership, held: Advanced, now: int) -> StoreSigner | None:
    """The key by which this node signs timestamps, if the root names it."""
    if membership.desk.exists():
        return membership.desk.publisher(now)
    try:
        signer = online_from_store(membership.own.keys, at=now)
    except UnknownKey:
        return None
    return signer if signer.public_key.keyid in held.state.root.signed.roles["timestamp"].keyids else None


async def renew(membership: Membership, now: int) -> Published | None:
    """Make keys that are due, and publish where that or time asks for it (2, 3); None if nothing was due.

    Raises `DirectoryRefused` where members would refuse what this node says of itself.
    """
    if not isinstance(membership.members, FederationFolder):
        return None
    held = membership.held()
    suites = membership.record(held, now).suites
    made = await asyncio.to_thread(renew_keys, membership.own.keys, now, suites)
    if made:
        await membership.own.log({"action": "create", "kids": list(made), **_BY}, now, "key")
    if not needs_publishing(membership, held, now):
        return None
    return await publish_own(membership, _BY, now, revoked={})


def needs_publishing(membership: Membership, held: Advanced, now: int) -> bool:
    """Whether what is published of this node is a day old, or is not what it uses. Nobody else is asked."""
    me = membership.own.member
    if me not in held.registry:
        return False  # not admitted yet: nobody would take it
    listed = held.trust.member(me)
    if listed is None or (listed.until or 0) - now < MEMBER_LIFE - ANEW_AFTER:
        return True
    mine = membership.record(held, now)
    if (mine.suites, mine.min_suite) != (listed.suites, listed.min_suite):
        return True
    same = {key.kid for key in mine.keys} == {
        key.kid for key in listed.keys if key.exp > now or key.use != "enc"
    }
    vkeys = (mine.log_vkeys, mine.rest.get("witness")) == (listed.log_vkeys, listed.rest.get("witness"))
    return not (same and vkeys and dict(mine.endpoints) == dict(listed.endpoints))
