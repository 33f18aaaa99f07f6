"""Fetching the member list: publishers, peers and folders in turn, and the newest that verifies wins.

A mirror can withhold, up to the expiry, and nothing else (trust-and-ledger.md 7): whatever it serves is held
against the pinned root. No credential is sent, no redirect followed, no file read further than it is worth,
and all mirrors together end within a deadline.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from adapters.addresses import Reach
from adapters.errors import SourceMalformed, SourceRefused, SourceTimedOut, SourceUnavailable
from adapters.transport import Transport
from gateway.directory.folder import MAX_FILE
from keys.errors import TrustRefused
from keys.federation.advance import Advanced, TrustState, Wanted, advance
from keys.federation.metadata import LIMITS
from keys.federation.repository import advance_by

DEADLINE = 30.0
"""Seconds for all mirrors together."""
SHARE = 12.0
"""Seconds for one of several: a slow one leaves time for the next."""
_UNREACHED = (
    SourceMalformed, SourceRefused, SourceTimedOut, SourceUnavailable, TimeoutError, OSError, ValueError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mirror:
    """A URL or folder. `reach`: which addresses may be dialled, where somebody else named the URL."""

    place: str
    reach: Reach | None = None

    @property
    def remote(self) -> bool:
        """Whether it is asked over HTTP."""
        return self.place.startswith(("http://", "https://"))

    def transport(self) -> Transport:
        """A client of it. Raises `ValueError` for an address that nothing is asked at."""
        return Transport(self.place.rstrip("/") + "/", max_bytes=MAX_FILE, reach=self.reach)


@dataclass(frozen=True, slots=True)
class Tried:
    """One mirror and how it ended: `newest`, `older`, or the word of a refusal."""

    mirror: str
    ended: str


async def refresh(
    state: TrustState, mirrors: Iterable[Mirror], now: int, *, deadline: float = DEADLINE
) -> tuple[Advanced | None, tuple[Tried, ...]]:
    """The newest state that verified, or None, and how each mirror ended. Raises nothing."""
    best: Advanced | None = None
    tried: list[Tried] = []
    winner, ends = -1, asyncio.get_running_loop().time() + deadline
    for position, mirror in enumerate(chosen := tuple(mirrors)):
        left = ends - asyncio.get_running_loop().time()
        share = min(left, max(SHARE * deadline / DEADLINE, left / (len(chosen) - position)))
        ended = "older"
        try:
            async with asyncio.timeout(share):
                found = await _from(mirror, best.state if best else state, now, share)
        except TrustRefused as refused:
            ended = str(refused)
        except _UNREACHED:
            ended = "not reached"
        else:
            if best is None or _order(found) > _order(best):
                best, winner = found, position
        tried.append(Tried(mirror.place, ended))
    if winner >= 0:
        tried[winner] = Tried(chosen[winner].place, "newest")
    return best, tuple(tried)


def _order(found: Advanced) -> tuple[int, int]:
    """Of two lists of one moment the one that lacks fewer members' files."""
    return found.trust.version, -len(found.trust.disabled)


async def _from(mirror: Mirror, state: TrustState, now: int, deadline: float) -> Advanced:
    if not mirror.remote:
        return await asyncio.to_thread(advance_by, partial(_read, Path(mirror.place)), state, now)
    async with mirror.transport() as transport:
        asking = _Asking(state, now)
        wanted = await asyncio.to_thread(asking.next, None)
        while wanted is not None:
            data = await _fetched(transport, wanted, deadline)
            wanted = await asyncio.to_thread(asking.next, data)
        return asking.found


class _Asking:
    """`advance`, one step at a time in a thread: its signatures must not hold up what goes on beside it."""

    def __init__(self, state: TrustState, now: int) -> None:
        self._steps = advance(state, now)
        self.found: Advanced

    def next(self, data: bytes | None) -> Wanted | None:
        try:
            return self._steps.send(data)
        except StopIteration as done:
            self.found = done.value
            return None


def _read(folder: Path, wanted: Wanted) -> bytes | None:
    try:
        with (folder / wanted.path).open("rb") as file:
            return file.read(wanted.limit + 1)
    except OSError:
        return None


async def _fetched(transport: Transport, wanted: Wanted, deadline: float) -> bytes | None:
    reply = await transport.request("GET", wanted.path, deadline=deadline, max_bytes=wanted.limit + 1)
    return reply.body if reply.status == 200 else None


async def read_first_root(mirror: str, *, deadline: float = DEADLINE) -> bytes | None:
    """The bytes that call themselves the first root, to be held against a fingerprint; None without any."""
    wanted, chosen = Wanted("metadata/1.root.json", LIMITS["root"]), Mirror(mirror)
    if not chosen.remote:
        return await asyncio.to_thread(_read, Path(mirror), wanted)
    try:
        async with chosen.transport() as transport:
            return await _fetched(transport, wanted, deadline)
    except _UNREACHED:
        return None
