"""Opening what another node sent (envelope.md 6) from a stream, with the replay look-up of a real database.

Steps 1 to 9 and 12 to 15 are `keys.envelope.opener`'s, run outside the event loop a slice at a time. Step 10
stands here: the opener hands out the manifest, the database is asked, and only then is the rest read on.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from gateway.logs import log
from keys.envelope.binding import Opening
from keys.envelope.events import Complete, Content, Event, ManifestVerified, Opened, Replayed
from keys.envelope.framing import SLICE
from keys.envelope.open import released
from keys.envelope.opener import Opener
from keys.envelope.replay import Conflict, Same, Unseen
from keys.envelope.spool import MemorySpool
from keys.errors import EnvelopeRefused

LookUp = Callable[[ManifestVerified], Awaitable[Unseen | Same | Conflict]]
"""Step 10: what is known of a message whose manifest holds."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """The `ReplayView` of the opener: the mark as it was read before, the look-up left to `LookUp`."""

    exp: int

    def seen(self, iss: str, jti: str, md: bytes) -> Unseen | Same | Conflict:
        return Unseen()

    def watermark(self) -> int:
        return self.exp


async def open_stream(
    pieces: AsyncIterator[bytes], opening: Opening, look_up: LookUp
) -> tuple[Opened | Replayed, ManifestVerified]:
    """Raises `EnvelopeRefused`; nothing is kept of what was refused."""
    reading = _Reading(Opener(opening), look_up)
    async for piece in slices(pieces):
        if (replayed := await reading.take(piece)) is not None:
            return replayed
    return await reading.finish()


async def open_bytes(
    envelope: bytes, opening: Opening, look_up: LookUp
) -> tuple[Opened | Replayed, ManifestVerified]:
    """The same over a whole envelope."""

    async def whole() -> AsyncIterator[bytes]:
        yield envelope

    return await open_stream(whole(), opening, look_up)


async def slices(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of at most `SLICE`, none of them empty, few of them small."""
    held = bytearray()
    async for piece in pieces:
        held += piece
        while len(held) >= SLICE:
            yield bytes(held[:SLICE])
            del held[:SLICE]
    if held:
        yield bytes(held)


class _Reading:
    """One opening: what came out so far. Its end is `Opened`, or `Replayed` as soon as that is known."""

    def __init__(self, opener: Opener, look_up: LookUp) -> None:
        self._opener = opener
        self._look_up = look_up
        self._encoded = MemorySpool()
        self._verified: ManifestVerified | None = None
        self._complete: Complete | None = None

    async def take(self, piece: bytes) -> tuple[Replayed, ManifestVerified] | None:
        return await self._keep(await asyncio.to_thread(self._opener.feed, piece))

    async def finish(self) -> tuple[Opened | Replayed, ManifestVerified]:
        replayed = await self._keep(await asyncio.to_thread(self._opener.finish))
        if replayed is not None:
            return replayed
        verified, complete = self._verified, self._complete
        if verified is None or complete is None:
            raise EnvelopeRefused("body")
        done = await asyncio.to_thread(released, verified, self._encoded, complete, MemorySpool)
        content, encoded = (b"".join(spool.slices()) for spool in (done.content, done.encoded))
        opened = Opened(done.manifest, content, encoded, done.md, done.jws, done.blind, done.env, done.suite)
        return opened, verified

    async def _keep(self, events: tuple[Event, ...]) -> tuple[Replayed, ManifestVerified] | None:
        for event in events:
            match event:
                case ManifestVerified():
                    self._verified = event
                    if (outcome := await self._known(event)) is not None:
                        return Replayed(event.manifest, event.md, outcome), event
                case Content(data):
                    self._encoded.write(data.provisional)
                case Complete():
                    self._complete = event
        return None

    async def _known(self, event: ManifestVerified) -> bytes | None:
        """10. Unseen goes on; the same message is answered as before; another under its id is an alarm."""
        match await self._look_up(event):
            case Same(outcome=bytes() as outcome):
                return outcome
            case Same():
                raise EnvelopeRefused("replay")
            case Conflict():
                log.error("message_id_reused", member=event.manifest.iss)
                raise EnvelopeRefused("replay")
        return None
