"""The one way out to a source over HTTP: total deadline, size cap, no redirects, no ambient proxy.

httpx names the URL in its log lines and exceptions, and a URL may hold an identifier: its loggers are
raised to WARNING here, and every exception becomes one of ours at once (`from None`).
"""

import asyncio
import ipaddress
import logging
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from urllib.parse import urlsplit

import httpcore
import httpx

from adapters.addresses import JudgedBackend, Reach
from adapters.errors import SourceMalformed, SourceRefused, SourceTimedOut, SourceUnavailable

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Response:
    """Status, lower-case headers, whole body (at most `max_bytes`)."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """HTTP client of one source. One pool per source: a slow one must not starve the others."""

    def __init__(
        self,
        base_url: str,
        *,
        max_bytes: int = 64 * 1024 * 1024,
        tls: ssl.SSLContext | None = None,
        allow_plain: bool = False,
        reach: Reach | None = None,
    ) -> None:
        """`allow_plain`: HTTP without TLS to somewhere else than loopback (noisy, for closed networks).

        `reach`: judges every address at connect; for a `base_url` that somebody else named.
        """
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a source address must be an http or https URL")
        if parts.scheme == "http" and not (allow_plain or _is_loopback(parts.hostname)):
            raise ValueError("plain http is for loopback only; use https")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a source address carries no credentials")
        self._origin = _origin(httpx.URL(base_url))
        self._max_bytes = max_bytes
        self._client = httpx.AsyncClient(
            base_url=base_url,
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113 - the deadline is total, set around every call
            headers={"Accept-Encoding": "gzip"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # one patient's call tells no other
            transport=_transport(tls, reach),
        )

    async def __aenter__(self) -> "Transport":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.aclose()

    def same_origin(self, url: str) -> bool:
        """Whether an address that a source gave us (next page, attachment) stays on its own origin."""
        try:
            parts = urlsplit(url)
            if bool(parts.scheme) != bool(parts.netloc):  # `//host/x`, `file:/x`: neither ours nor relative
                return False
            return _origin(self._client.build_request("GET", url).url) == self._origin
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
            return False

    async def request(
        self,
        method: str,
        path: str,
        *,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        max_bytes: int | None = None,
    ) -> Response:
        """One call within `deadline` seconds, body included. Any HTTP status is returned, none raises.

        `max_bytes`: of this answer, where it is worth less than the cap of all.

        Raises `SourceTimedOut`, `SourceUnavailable`, `SourceMalformed` (not HTTP, or over the cap),
        `SourceRefused` (a redirect, or an address outside the source's origin: credentials stay at home).
        """
        if not deadline > 0:  # NaN too
            raise SourceTimedOut("deadline passed before asking")
        if not self.same_origin(path):
            raise SourceRefused("named an address that is not its own")
        try:
            async with asyncio.timeout(deadline):
                most = self._max_bytes if max_bytes is None else min(max_bytes, self._max_bytes)
                return await self._exchange(method, path, headers, params, content, most)
        except TimeoutError:
            raise SourceTimedOut("no complete answer within the deadline") from None
        except httpx.RemoteProtocolError as error:
            # The words are the library's own constant: nobody answered, which is not a bad answer.
            if str(error).startswith("Server disconnected"):
                raise SourceUnavailable("accepted and closed without an answer") from None
            raise SourceMalformed("the answer was not valid HTTP") from None
        except (httpx.DecodingError, zlib.error):
            raise SourceMalformed("the answer was not valid HTTP") from None
        except (httpx.HTTPError, httpx.StreamError):
            raise SourceUnavailable("could not be reached, or broke off") from None

    async def _exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str] | None,
        content: bytes | None,
        most: int,
    ) -> Response:
        async with self._client.stream(
            method, path, headers=headers, params=params, content=content
        ) as reply:
            if reply.is_redirect:
                raise SourceRefused("answered with a redirect")
            return Response(reply.status_code, dict(reply.headers), await _body(reply, most))


def _transport(tls: ssl.SSLContext | None, reach: Reach | None) -> httpx.AsyncHTTPTransport:
    limits = httpx.Limits(max_connections=16, max_keepalive_connections=8)
    made = httpx.AsyncHTTPTransport(verify=tls if tls is not None else True, trust_env=False, limits=limits)
    if reach is not None:
        # httpx has no way of its own to say who dials; the pool is the one that it would have made.
        made._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls if tls is not None else httpx.create_ssl_context(trust_env=False),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            network_backend=JudgedBackend(reach),
        )
    return made


async def _body(reply: httpx.Response, most: int) -> bytes:
    """The body, inflated within the limit: a small answer must not become a large one in memory."""
    declared = reply.headers.get("content-length", "0")
    if declared.isdigit() and int(declared[:20]) > most:
        raise SourceMalformed("answer larger than the limit")
    encoding = reply.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise SourceMalformed("answer in an encoding that was not asked for")
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding == "gzip" else None
    body = bytearray()
    async for piece in reply.aiter_raw():
        body += inflate.decompress(piece, most + 1 - len(body)) if inflate else piece
        if len(body) > most:
            raise SourceMalformed("answer larger than the limit")
    if inflate and not inflate.eof and body:
        raise SourceMalformed("compressed answer broke off")
    return bytes(body)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port as they are compared: lower case, the default port left out."""
    return url.scheme, url.host, url.port


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
