"""The one way out to a source over HTTP: total deadline, size cap, no redirects, no ambient proxy.

httpx names the URL in its log lines and exceptions, and a URL may hold an identifier: its loggers are
raised to WARNING here, and every exception becomes one of ours at once (`from None`).
"""

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlsplit

import httpx

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
    ) -> None:
        """`allow_plain`: HTTP without TLS to somewhere else than loopback (noisy, for closed networks)."""
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a source address must be an http or https URL")
        if parts.scheme == "http" and not (allow_plain or _is_loopback(parts.hostname)):
            raise ValueError("plain http is for loopback only; use https")
        self._origin = (parts.scheme, parts.netloc)
        self._max_bytes = max_bytes
        self._client = httpx.AsyncClient(
            base_url=base_url,
            verify=tls if tls is not None else True,
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113 - the deadline is total, set around every call
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=8),
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
        parts = urlsplit(url)
        return (parts.scheme, parts.netloc) == self._origin or not parts.netloc

    async def request(
        self,
        method: str,
        path: str,
        *,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Response:
        """One call within `deadline` seconds, body included. Any HTTP status is returned, none raises.

        Raises `SourceTimedOut`, `SourceUnavailable`, `SourceMalformed` (not HTTP, or over the cap),
        `SourceRefused` (a redirect: credentials never follow one).
        """
        if deadline <= 0:
            raise SourceTimedOut("deadline passed before asking")
        try:
            async with asyncio.timeout(deadline):
                return await self._exchange(method, path, headers, params, content)
        except TimeoutError:
            raise SourceTimedOut("no complete answer within the deadline") from None
        except (httpx.RemoteProtocolError, httpx.DecodingError):
            raise SourceMalformed("the answer was not valid HTTP") from None
        except httpx.HTTPError:
            raise SourceUnavailable("could not be reached, or broke off") from None

    async def _exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str] | None,
        content: bytes | None,
    ) -> Response:
        async with self._client.stream(
            method, path, headers=headers, params=params, content=content
        ) as reply:
            if reply.is_redirect:
                raise SourceRefused("answered with a redirect")
            body = bytearray()
            async for piece in reply.aiter_bytes():
                body += piece
                if len(body) > self._max_bytes:
                    raise SourceMalformed("answer larger than the limit")
            return Response(reply.status_code, dict(reply.headers), bytes(body))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
