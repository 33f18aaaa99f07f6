"""A small HTTP/1.1 server on loopback that can also misbehave: cut an answer short, hang, or break off.

A framework's server would refuse to send fewer bytes than it announced; a mock provider must be able to.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

_HEAD_LIMIT = 64 * 1024
_BODY_LIMIT = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One request, whole. Header names in lower case; `query` and `form` as pairs, in order."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> tuple[tuple[str, str], ...]:
        """The body as application/x-www-form-urlencoded."""
        return tuple(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `cut_at`: send this many bytes of the body and break off; `drop`: break off at once;
    `hang`: never answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    drop: bool = False
    hang: bool = False


class BadRequest(Exception):
    """Bytes that are not HTTP as this server takes it. `status`: what to answer."""

    def __init__(self, status: int) -> None:
        super().__init__("not a request that this server takes")
        self.status = status


Handler = Callable[[Request], Awaitable[Reply]]


class LoopbackServer:
    """Serves `handler` on 127.0.0.1; port 0 takes a free one. There is no way to bind anything else."""

    def __init__(self, handler: Handler, port: int = 0) -> None:
        self._handler = handler
        self._wanted = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._wanted, limit=_HEAD_LIMIT)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the listener and every open connection, hanging ones too."""
        if self._server is None:
            return
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._converse(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._open.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; False: the connection is over."""
        try:
            request = await _read_request(reader, writer)
        except BadRequest as error:
            writer.write(_head(Reply(error.status), 0, keep=False))
            await writer.drain()
            return False
        if request is None:
            return False
        try:
            reply = await self._handler(request)
        except Exception:
            # A defect of the mock is an answer too; a traceback would print what the request held.
            reply = Reply(500)
        if reply.hang:
            await asyncio.Event().wait()
        if reply.drop:
            writer.transport.abort()
            return False
        keep = request.headers.get("connection", "").lower() != "close" and reply.cut_at is None
        writer.write(_head(reply, len(reply.body), keep=keep))
        writer.write(reply.body if reply.cut_at is None else reply.body[: reply.cut_at])
        await writer.drain()
        return keep


async def _read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    """The next request of a connection, None at its end. BadRequest on anything else."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise BadRequest(400) from None
        return None
    except asyncio.LimitOverrunError:
        raise BadRequest(431) from None
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequest(400)
    headers = _headers_from_lines(lines[1:-2])
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    target = urlsplit(words[1])
    query = tuple(parse_qsl(target.query, keep_blank_values=True))
    body = await _read_body(reader, headers)
    return Request(words[0], target.path, query, headers, body)


def _headers_from_lines(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(400)
        headers[name.lower()] = value.strip()
    return headers


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        raise BadRequest(411)
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()):
        raise BadRequest(400)
    if len(text) > 9 or int(text) > _BODY_LIMIT:
        raise BadRequest(413)
    return await reader.readexactly(int(text))


def _head(reply: Reply, length: int, *, keep: bool) -> bytes:
    known = {status.value: status.phrase for status in HTTPStatus}
    lines = [
        f"HTTP/1.1 {reply.status} {known.get(reply.status, 'Unknown')}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {length}",
        "Cache-Control: no-store",
        f"Connection: {'keep-alive' if keep else 'close'}",
        *(f"{name}: {value}" for name, value in reply.headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
