"""The MLLP listener: frames in, acknowledgements out, one message in work per connection, in order.

What `accept` returns is sent as it is: it must be durable before it returns. Nothing of a message is logged
or put into an exception. `close` stops listening, lets messages in work end, then drops the connections.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from adapters.hospital.ack import Verdict, acknowledgement
from adapters.hospital.mllp import FrameBuffer, FrameFault, framed

Accept = Callable[[bytes, str], Awaitable[bytes | None]]
"""Body of a frame and address of the peer to the ACK to send; None: the sender wants none."""
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


@dataclass(eq=False)
class _Connection:
    address: str
    task: "asyncio.Task[None]"
    busy: bool = False


class Listener:
    """One feed's port. `port` 0 picks a free one; read `port` after `start`."""

    def __init__(
        self,
        host: str,
        port: int,
        accept: Accept,
        limits: Limits | None = None,
        *,
        clock: Callable[[], datetime],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`clock` gives the aware time of the acknowledgement when `accept` raised."""
        self._host = host
        self._port = port
        self._accept = accept
        self._limits = limits or Limits()
        self._clock = clock
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
        self._server = await asyncio.start_server(self._serve, self._host, self._port, ssl=self._tls)

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
            await self._converse(connection, reader, writer)
        except FrameFault:
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
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
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
                if self._closing:
                    return  # not taken, not answered: the sender asks again
                await self._answer(connection, writer, body)
            if bodies or not (was_inside and frames.inside):
                due = loop.time() + limits.idle

    async def _answer(self, connection: _Connection, writer: asyncio.StreamWriter, body: bytes) -> None:
        connection.busy = True
        try:
            try:
                reply = await self._accept(body, connection.address)
            except Exception:
                self.failures += 1
                reply = self._not_now(body)
            if reply is not None:
                writer.write(framed(reply))
                async with asyncio.timeout(self._limits.idle):
                    await writer.drain()
        finally:
            connection.busy = False

    def _not_now(self, body: bytes) -> bytes:
        """Nothing was kept: AE with 207, the only answer that asks for a resend."""
        at = self._clock()
        return acknowledgement(body, Verdict("AE", "207"), at, at.strftime("%Y%m%d%H%M%S%f"))
