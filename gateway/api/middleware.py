"""A pure ASGI guard in front of everything (assurance.md 6): refuses what a server lets through.

1. Exactly one `Host`, and one that the configuration lists.
2. A path that routing and authorisation see alike: no `//`, `;`, dot segments, no encoded slash or NUL.
3. Bounded: URI, number and bytes of headers, body (declared or not).
4. Every reply carries the security headers and a request id; every refusal is an OperationOutcome.
   A correlation id is echoed where it has the same form.
5. What a handler did not foresee is `internal`, logged by type and place, never with a value.
"""

import re
import traceback
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.problems import problem_response
from gateway.config import Limits
from gateway.errors import Problem
from gateway.logs import log

EXCHANGE = "/exchange"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_BAD_PATH = re.compile(rb"//|;|%2f|%5c|%00|\\|(^|/)\.{1,2}(/|$)|%2e", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?\Z")
_LENGTH = re.compile(rb"[0-9]{1,12}\Z")
_ONCE = (b"authorization", b"content-type", b"carepact-nonce", b"if-match")
_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'"),
)


_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")


class TooLarge(Exception):
    """The body went over its limit while it was being read."""


class Guard:
    """`hosts`: names that the node answers to, without port. `new_id`: request ids."""

    def __init__(
        self, app: ASGIApp, *, hosts: tuple[str, ...], limits: Limits, new_id: Callable[[], str]
    ) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._limits = limits
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._request_id(scope)
        started = False

        async def dressed(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], *self._headers(message, scope, request_id)]
            await send(message)

        problem = self._refusal(scope)
        try:
            if problem is None:
                await self._app(scope, self._bounded(receive, self._most(scope)), dressed)
                return
        except TooLarge:
            problem = Problem("too_large", hint="limits.body_bytes")
        except Problem as raised:
            problem = raised
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error("request_failed", error=type(error).__name__, file=place.filename, line=place.lineno,
                      request_id=request_id)  # fmt: skip
            problem = Problem("internal")
        if not started:
            await problem_response(problem)(scope, receive, dressed)

    def _refusal(self, scope: Scope) -> Problem | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or not self._known(hosts[0]):
            return Problem("malformed", expression="Host", hint="serve.hosts lists the names of this node")
        raw = scope.get("raw_path") or scope["path"].encode()
        if len(raw) + len(scope["query_string"]) > self._limits.uri_bytes:
            return Problem("uri_too_long")
        if _BAD_PATH.search(raw):
            return Problem("not_found")
        size = sum(len(name) + len(value) for name, value in headers)
        if size > self._limits.header_bytes or len(headers) > self._limits.header_count:
            return Problem("headers_too_large")
        return self._body_refusal(headers, self._most(scope))

    def _body_refusal(self, headers: list[tuple[bytes, bytes]], most: int) -> Problem | None:
        named: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            named.setdefault(name, []).append(value)
        lengths = set(named.get(b"content-length", []))
        if len(lengths) > 1 or (lengths and b"transfer-encoding" in named):
            return Problem("malformed", expression="Content-Length")
        if any(value.lower() != b"identity" for value in named.get(b"content-encoding", [])):
            return Problem("unsupported_media", expression="Content-Encoding")
        declared = next(iter(lengths), b"0")
        if not _LENGTH.match(declared):
            return Problem("malformed", expression="Content-Length")
        if any(len(named.get(name, [])) > 1 for name in _ONCE):
            return Problem("malformed", hint="a header stands there twice")
        return Problem("too_large") if int(declared) > most else None

    def _most(self, scope: Scope) -> int:
        """Bytes of a body; an envelope is larger than anything a health system sends."""
        limits = self._limits
        return limits.envelope_bytes if scope["path"] == EXCHANGE else limits.body_bytes

    def _bounded(self, receive: Receive, most: int) -> Receive:
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            if message["type"] == "http.request":
                read += len(message.get("body", b""))
                if read > most:
                    raise TooLarge
            return message

        return bounded

    def _known(self, host: bytes) -> bool:
        found = _HOST.match(host.decode("latin-1").lower())
        return found is not None and found.group(1).strip("[]") in self._hosts

    def _request_id(self, scope: Scope) -> str:
        return _echoed(scope, b"x-request-id") or self._new_id()

    def _headers(self, message: Message, scope: Scope, request_id: str) -> list[tuple[bytes, bytes]]:
        present = {name.lower() for name, _ in message["headers"]}
        extra = [(b"x-request-id", request_id.encode()), *_SECURITY]
        if correlation := _echoed(scope, b"x-correlation-id"):
            extra.append((b"x-correlation-id", correlation.encode()))
        if scope.get("scheme") == "https":
            extra.append(_STRICT_TRANSPORT)
        return extra if b"cache-control" in present else [*extra, (b"cache-control", b"no-store")]


def _echoed(scope: Scope, name: bytes) -> str | None:
    """A header that may stand in our reply: only if it is one short word of plain characters."""
    found = next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
    return found if _REQUEST_ID.match(found) else None
