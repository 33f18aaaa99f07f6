"""The feeds of a node while it serves: one listener a port, each message to the source that it is of.

A message of no feed is answered AR 204 and nothing of it is kept but a count.
"""

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from itertools import groupby
from ssl import SSLContext

from adapters.hospital.ack import USUAL, Manner, Verdict, answer, joined
from adapters.hospital.batch import split_messages
from adapters.hospital.feed import Feed, Peer, chosen
from adapters.hospital.listener import Limits, Listener, server_tls
from gateway.bootstrap import Runtime
from gateway.errors import RefusedToStart
from gateway.exchange.node import BoundSource
from gateway.logs import log
from gateway.source_settings import SourceSettings

NO_FEED = Verdict("AR", "204", "MSH[1]-3")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def manner_of(settings: SourceSettings) -> Manner:
    """How the feed of these settings is answered."""
    return Manner(settings.ack, settings.busy)


def feed_from_settings(settings: SourceSettings) -> Feed:
    """The feed of these settings."""
    senders = (one.split("|") for one in settings.senders)
    return Feed(
        settings.id,
        frozenset(name.lower() for name in settings.clients),
        settings.allow,
        tuple((application, facility) for application, facility in senders),
        manner_of(settings),
    )


class Reception:
    """What one port does with a message: `Accept` and `NotNow` of its listener."""

    def __init__(self, runtime: Runtime, feeds: Sequence[Feed], sources: dict[str, BoundSource]) -> None:
        self._runtime = runtime
        self._feeds = feeds
        self._sources = sources
        self.unknown = 0
        """Messages that were of no feed."""

    async def accept(self, body: bytes, peer: Peer) -> bytes:
        """Take in each message of a frame with the feed that it is of."""
        return joined([await self._accept(part, peer) for part in self._parts(body)])

    def not_now(self, body: bytes, peer: Peer) -> bytes:
        """Nothing was kept: each message of a frame is asked for again."""
        return joined([self._not_now(part, peer) for part in self._parts(body)])

    def _parts(self, body: bytes) -> list[bytes]:
        parts = split_messages(body)
        return parts if len(parts) > 1 else [body]

    async def _accept(self, body: bytes, peer: Peer) -> bytes:
        feed = chosen(self._feeds, peer, body)
        if feed is None:
            return self._of_no_feed(body, peer)
        bound = self._sources[feed.source]
        return await self._runtime.node.intake.receive_message(
            body, bound.source, bound.normaliser, self._runtime.clock(), feed.manner
        )

    def _not_now(self, body: bytes, peer: Peer) -> bytes:
        feed = chosen(self._feeds, peer, body)
        manner = feed.manner if feed else USUAL
        verdict = manner.not_stored if feed else NO_FEED
        return answer(body, verdict, self._runtime.clock(), self._control(), manner)

    def _of_no_feed(self, body: bytes, peer: Peer) -> bytes:
        self.unknown += 1
        if self.unknown & (self.unknown - 1) == 0:  # 1, 2, 4, 8, …: a flood of them is no flood of lines
            log.warning("message_of_no_feed", address=peer.address, count=self.unknown)
        return answer(body, NO_FEED, self._runtime.clock(), self._control())

    def _control(self) -> str:
        return self._runtime.entropy(10).hex().upper()


async def listen(runtime: Runtime, stack: AsyncExitStack) -> dict[str, tuple[str, int]]:
    """Start all listeners; `stack` closes them. Where each source is really listened for.

    Raises `RefusedToStart`.
    """
    places: dict[str, tuple[str, int]] = {}
    for together in _ports(runtime.settings.sources):
        place = await _listen(runtime, together, stack)
        places |= {one.id: place for one in together}
    return places


def _ports(sources: Iterable[SourceSettings]) -> list[list[SourceSettings]]:
    """Feeds by the port that they share; a free port (0) is shared with nobody."""

    def port(one: SourceSettings) -> str:
        return f"{one.listen} {one.id}" if str(one.listen).endswith(":0") else str(one.listen)

    feeds = [one for one in sources if one.kind == "hospital"]
    return [list(group) for _, group in groupby(sorted(feeds, key=port), key=port)]


async def _listen(
    runtime: Runtime, together: Sequence[SourceSettings], stack: AsyncExitStack
) -> tuple[str, int]:
    first = together[0]
    host, _, port = (first.listen or "").rpartition(":")
    tls = tls_of(first)
    plain_is_asked_for = all(one.unsafe_plain_mllp for one in together)
    if tls is None and host not in _LOOPBACK and not plain_is_asked_for:
        raise RefusedToStart(
            f"sources.{first.id}.listen: MLLP without TLS is for loopback; "
            "set tls_cert and tls_key, or unsafe_plain_mllp behind a TLS proxy"
        )
    if tls is None and host not in _LOOPBACK:
        log.warning("UnsafePlainMLLP", source=first.id)
    if not port.isdigit():
        raise RefusedToStart(f"sources.{first.id}.listen: use HOST:PORT")
    bound = {one.source.id: one for one in runtime.node.sources}
    reception = Reception(runtime, [feed_from_settings(one) for one in together], bound)
    listener = Listener(
        host.strip("[]"), int(port), reception.accept, _limits(runtime), not_now=reception.not_now, tls=tls
    )
    try:
        await listener.start()
    except (OSError, OverflowError):
        raise RefusedToStart(f"sources.{first.id}.listen: the port is taken, or not ours to take") from None
    stack.push_async_callback(listener.close)
    return host, listener.port


def _limits(runtime: Runtime) -> Limits:
    limits = runtime.settings.limits
    return Limits(
        frame_bytes=limits.hl7_bytes,
        idle=limits.mllp_idle,
        connections=limits.mllp_connections,
        per_address=limits.mllp_per_address,
        drain=limits.drain,
    )


def tls_of(settings: SourceSettings) -> SSLContext | None:
    """The TLS of a feed's port; None if it has none. Raises `RefusedToStart`."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    try:
        return server_tls(settings.tls_cert, settings.tls_key, settings.client_ca)
    except OSError:  # ssl.SSLError is one
        raise RefusedToStart(
            f"sources.{settings.id}: tls_cert, tls_key or client_ca cannot be read, or do not belong together"
        ) from None
