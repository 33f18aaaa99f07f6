"""Fetching the member list: publishers, peers and folders in turn, and the newest that verifies wins.

A mirror can withhold, up to the expiry, and nothing else (trust-and-ledger.md 7): whatever it serves is held
against the pinned root. No credential is sent, no redirect followed, and everything ends within a deadline.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from adapters.errors import SourceMalformed, SourceRefused, SourceTimedOut, SourceUnavailable
from adapters.transport import Transport
from gateway.directory.folder import MAX_FILE
from keys.errors import TrustRefused
from keys.federation.advance import Advanced, TrustState, Wanted, advance
from keys.federation.metadata import LIMITS
from keys.federation.repository import advance_by

DEADLINE = 30.0
"""Seconds for one mirror."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One mirror and how it ended: `newest`, `older`, or the word of a refusal."""

    mirror: str
    ended: str


async def refresh(
    state: TrustState, mirrors: Sequence[str], now: int, transport: Callable[[str], Transport] | None = None
) -> tuple[Advanced | None, tuple[Tried, ...]]:
    """The newest state that verified, or None, and how each mirror ended. Raises nothing."""
    best: Advanced | None = None
    tried: list[Tried] = []
    winner = -1
    for position, mirror in enumerate(mirrors):
        try:
            async with asyncio.timeout(DEADLINE):
                found = await _from(mirror, best.state if best else state, now, transport or _transport)
        except TrustRefused as refused:
            tried.append(Tried(mirror, str(refused)))
        except (SourceMalformed, SourceRefused, SourceTimedOut, SourceUnavailable, TimeoutError, OSError):
            tried.append(Tried(mirror, "not reached"))
        else:
            newer = best is None or found.trust.version > best.trust.version
            best, winner = (found, position) if newer else (best, winner)
            tried.append(Tried(mirror, "older"))
    if winner >= 0:
        tried[winner] = Tried(mirrors[winner], "newest")
    return best, tuple(tried)


async def _from(mirror: str, state: TrustState, now: int, make: Callable[[str], Transport]) -> Advanced:
    if not mirror.startswith(("http://", "https://")):
        return advance_by(partial(_read, Path(mirror)), state, now)
    async with make(mirror) as transport:
        asking = advance(state, now)
        try:
            wanted = next(asking)
            while True:
                wanted = asking.send(await _fetched(transport, wanted))
        except StopIteration as done:
            advanced: Advanced = done.value
            return advanced


def _read(folder: Path, wanted: Wanted) -> bytes | None:
    try:
        with (folder / wanted.path).open("rb") as file:
            return file.read(wanted.limit + 1)
    except OSError:
        return None


async def _fetched(transport: Transport, wanted: Wanted) -> bytes | None:
    reply = await transport.request("GET", wanted.path, deadline=DEADLINE)
    return reply.body if reply.status == 200 else None


def _transport(url: str) -> Transport:
    return Transport(url.rstrip("/") + "/", max_bytes=MAX_FILE)


async def read_first_root(mirror: str, transport: Callable[[str], Transport] | None = None) -> bytes | None:
    """The bytes that call themselves the first root, to be held against a fingerprint; None without any."""
    wanted = Wanted("metadata/1.root.json", LIMITS["root"])
    if not mirror.startswith(("http://", "https://")):
        return _read(Path(mirror), wanted)
    try:
        async with (transport or _transport)(mirror) as client:
            return await _fetched(client, wanted)
    except (SourceMalformed, SourceRefused, SourceTimedOut, SourceUnavailable, ValueError):
        return None
