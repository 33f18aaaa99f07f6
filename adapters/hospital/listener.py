"""The MLLP listener: frames in, acknowledgements out, one message in work per connection, in order.

What `accept` returns is sent as it is: it must be durable before it returns. Nothing of a message is logged
or put into an exception. `close` stops listening, lets messages in work end, says "not now" to what came
after them, then drops the connections.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from adapters.hospital.ack import NEXT_FRAME
from adapters.hospital.feed import Peer
from adapters.hospital.mllp import FrameBuffer, FrameFault, framed

Accept = Callable[[bytes, Peer], Awaitable[bytes]]
"""Body of a frame and its sender to what is answered, frames apart by `NEXT_FRAME`; empty: nothing."""
NotNow = Callable[[bytes, Peer], bytes]
"""What is answered when nothing was kept: the sender shall try again."""
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    frame_bytes: int = 16 * 1024 * 1024
    stray_bytes: int = 4096
    idle: float = 60.0
    """Longest wait for the next byte, and for a whole frame once it began."""
    connections: int = 64
    per_address: int = 16
    drain: float = 10.0
    handshake: float = 10.0


def server_tls(cert: Path, key: Path, client_ca: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer; with `client_ca` only for senders with a certificate of it. Raises `OSError`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@dataclass(eq=False)
class _Connection:
    address: str
    task: "asyncio.Task[None]"
    busy: bool = False


class Listener:
    """One port with the feeds on it. `port` 0 picks a free one; read `port` after `start`."""

    def __init__(
        self,
        host: str,
        port: int,
        accept: Accept,
        limits: Limits | None = None,
        *,
        not_now: NotNow,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`not_now` answers a message on which `accept` raised, and one that comes while we are closing."""
        self._host = host
        self._port = port
        self._accept = accept
        self._limits = limits or Limits()
        self._not_now = not_now
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._closing = False
        self.refused = 0
        """Connections that were closed at once because of a cap."""
        self.faults = 0
        """Connections that were closed because they did not speak MLLP."""
        self.failures = 0
        """Messages on which `accept` raised."""

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if self._server is None or not self._server.sockets:
            return self._port
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen. Raises `OSError` if the port is taken."""
        self._server = await asyncio.start_server(self._serve, self._host, self._port)

    async def close(self) -> None:
        """Stop listening, end what is in work (at most `drain` seconds), drop the rest. Idempotent."""
        self._closing = True
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            if not connection.busy:
                connection.task.cancel()
        tasks = [connection.task for connection in self._connections]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._limits.drain)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        peer = writer.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else "local"
        if task is None or self._closing or self._is_full(address):
            self.refused += 1
            writer.close()
            return
        connection = _Connection(address, task)
        self._connections.add(connection)
        try:
            # The caps count from here: who only knocks and never shakes hands takes a place as well.
            if self._tls is not None:
                await writer.start_tls(self._tls, ssl_handshake_timeout=self._limits.handshake)
            await self._converse(connection, Peer(address, _names_of(writer)), reader, writer)
        except (FrameFault, ssl.SSLError):
            self.faults += 1
        except (TimeoutError, ConnectionError, asyncio.CancelledError):
            pass  # idle, gone, or we are closing: nothing is owed to the peer
        finally:
            self._connections.discard(connection)
            writer.close()
            with suppress(ConnectionError, TimeoutError, ssl.SSLError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()

    def _is_full(self, address: str) -> bool:
        of_address = sum(1 for one in self._connections if one.address == address)
        return len(self._connections) >= self._limits.connections or of_address >= self._limits.per_address

    async def _converse(
        self, connection: _Connection, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        limits = self._limits
        frames = FrameBuffer(most_bytes=limits.frame_bytes, most_stray=limits.stray_bytes)
        loop = asyncio.get_running_loop()
        due = loop.time() + limits.idle
        while not self._closing:
            async with asyncio.timeout_at(due):
                data = await reader.read(_CHUNK)
            if not data:
                return
            was_inside = frames.inside
            bodies = frames.feed(data)
            for body in bodies:
                await self._answer(connection, peer, writer, body)
            if bodies or not (was_inside and frames.inside):
                due = loop.time() + limits.idle

    async def _answer(
        self, connection: _Connection, peer: Peer, writer: asyncio.StreamWriter, body: bytes
    ) -> None:
        connection.busy = True
        try:
            reply = await self._reply(body, peer)
            for frame in reply.split(NEXT_FRAME):
                if frame:
                    writer.write(framed(frame))
            async with asyncio.timeout(self._limits.idle):
                await writer.drain()
        finally:
            connection.busy = False

    async def _reply(self, body: bytes, peer: Peer) -> bytes:
        if self._closing:
            return self._not_now(body, peer)
        try:
            return await self._accept(body, peer)
        except Exception:
            self.failures += 1
            return self._not_now(body, peer)


def _names_of(writer: asyncio.StreamWriter) -> frozenset[str]:
    """DNS and URI names of the peer's verified certificate; its common name if it has neither."""
    certificate = writer.get_extra_info("peercert") or {}
    names = [value for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "URI")]
    subject = [pair for part in certificate.get("subject", ()) for pair in part]
    return frozenset(
        name.lower() for name in names or [value for kind, value in subject if kind == "commonName"]
    )
