"""Whom a health system believes: a members file, or its federation's list under a pinned root."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import Problem

if TYPE_CHECKING:
    from keys.trust import TrustList


def trust_from_file(members: Path) -> "TrustList":
    """Of a members file. Raises `invalid`."""
    from gateway.directory.interface import DirectoryRefused
    from gateway.directory.members import MembersFile

    try:
        return MembersFile(members).current.trust
    except DirectoryRefused as refused:
        raise Problem("invalid", expression="--members", hint=str(refused)) from None


def trust_from_mirror(mirror: str, root_sha256: str, now: int) -> "TrustList":
    """The newest list that a mirror serves, verified from the root of this fingerprint on.

    Raises `unavailable`, and `refused` for another root or a list that does not verify.
    """
    from gateway.directory.refresh import Mirror, read_first_root, refresh
    from keys.errors import TrustRefused
    from keys.federation.advance import begin

    async def fetched() -> "TrustList":
        first = await read_first_root(mirror)
        if first is None:
            raise Problem("unavailable", expression="--mirror", hint="no federation is served there")
        try:
            state = begin(first, root_sha256.lower())
        except TrustRefused:
            raise Problem("refused", expression="--root-sha256", hint="it serves another root") from None
        advanced, tried = await refresh(state, (Mirror(mirror),), now)
        if advanced is None:
            raise Problem("refused", expression="--mirror", hint=f"the member list there: {tried[0].ended}")
        return advanced.trust

    return asyncio.run(fetched())
