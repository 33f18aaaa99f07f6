"""The ways to other members' nodes: one client each, so that a slow one costs only its own line.

1. The address is the member record's `endpoints.exchange`, never one from a message; no redirect is followed,
   and where it leads is judged when it is dialled.
2. A bulkhead: at most `AT_ONCE` questions to one member are out; one more waits within its own deadline.
3. A breaker: after `TRIPS` failures in a row the member is not asked for `REST` seconds, then once to try.
"""

import asyncio
from dataclasses import dataclass, field

from adapters.addresses import Reach
from adapters.errors import SourceMalformed, SourceRefused, SourceTimedOut, SourceUnavailable
from adapters.transport import Response, Transport

AT_ONCE = 8
TRIPS = 5
REST = 10.0
MAX_ENVELOPE = 80 << 20
_MEDIA = "application/vnd.carepact.envelope"


class LinkFailed(Exception):
    """Nothing usable came. `reason`: `unreachable`, `refused`, `malformed`, `timed-out`, `peer-suspended`."""

    def __init__(self, reason: str) -> None:
        super().__init__("no answer from the member")
        self.reason = reason


@dataclass(slots=True)
class _Link:
    url: str
    transport: Transport
    bulkhead: asyncio.Semaphore
    failures: int = 0
    rests_until: float = 0.0


@dataclass(slots=True)
class Links:
    """Opened as they are needed, closed with the node. Used from one event loop."""

    reach: Reach = field(default_factory=Reach)
    """Which addresses a member's endpoint may lead to; public ones unless said otherwise."""
    _links: dict[str, _Link] = field(default_factory=dict, repr=False)

    async def post(self, member: str, url: str, envelope: bytes, deadline: float) -> bytes:
        """The member's sealed answer. `deadline` in seconds, for all of it. Raises `LinkFailed`."""
        return _sealed(await self._exchanged(member, url, envelope, deadline))

    async def deliver(self, member: str, url: str, envelope: bytes, deadline: float) -> None:
        """Hand over what has no answer: it was taken (204). Raises `LinkFailed`."""
        reply = await self._exchanged(member, url, envelope, deadline)
        if reply.status != 204:
            _sealed(reply)
            raise LinkFailed("malformed")

    async def _exchanged(self, member: str, url: str, envelope: bytes, deadline: float) -> Response:
        link = await self._link(member, url)
        loop = asyncio.get_running_loop()
        if link.failures >= TRIPS and loop.time() < link.rests_until:
            raise LinkFailed("peer-suspended")
        until = loop.time() + deadline
        try:
            async with asyncio.timeout(deadline):
                await link.bulkhead.acquire()
        except TimeoutError:
            raise LinkFailed("timed-out") from None
        try:
            found = await _posted(link, envelope, until - loop.time())
        except LinkFailed as failed:
            if failed.reason != "refused":  # a refusal is an answer: somebody is there
                link.failures += 1
                link.rests_until = loop.time() + REST
            raise
        finally:
            link.bulkhead.release()
        link.failures = 0
        return found

    async def close(self) -> None:
        for link in self._links.values():
            await link.transport.close()
        self._links.clear()

    async def _link(self, member: str, url: str) -> _Link:
        found = self._links.get(member)
        if found is not None and found.url == url:
            return found
        try:
            transport = Transport(url, max_bytes=MAX_ENVELOPE, reach=self.reach)
        except ValueError:  # no address that this node may go to
            raise LinkFailed("not-capable") from None
        made = _Link(url, transport, asyncio.Semaphore(AT_ONCE))
        if found is not None:
            await found.transport.close()
        self._links[member] = made
        return made


async def _posted(link: _Link, envelope: bytes, deadline: float) -> Response:
    headers = {"Content-Type": _MEDIA, "Accept": _MEDIA}
    try:
        return await link.transport.request(
            "POST", link.url, deadline=deadline, headers=headers, content=envelope
        )
    except SourceTimedOut:
        raise LinkFailed("timed-out") from None
    except SourceUnavailable:
        raise LinkFailed("unreachable") from None
    except SourceRefused:
        raise LinkFailed("refused") from None
    except SourceMalformed:
        raise LinkFailed("malformed") from None


def _sealed(reply: Response) -> bytes:
    if reply.status in (429, 503):
        raise LinkFailed("unreachable")
    if reply.status != 200:
        raise LinkFailed("refused" if reply.status in (400, 413, 415) else "malformed")
    if reply.headers.get("content-type", "").strip().lower() != _MEDIA:
        raise LinkFailed("malformed")
    return reply.body
