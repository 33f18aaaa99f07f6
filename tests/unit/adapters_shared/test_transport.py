"""The one way out to a source, tried against real sockets that answer exactly the bytes of the test."""

import asyncio
import gzip
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from adapters.errors import SourceError, SourceMalformed, SourceRefused, SourceTimedOut, SourceUnavailable
from adapters.transport import Response, Transport

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


async def _head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def _answers(*pieces: bytes, pause: float = 0.0, seen: list[bytes] | None = None) -> Serve:
    """A source that reads one request head, writes these pieces and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await _head(reader)
        if seen is not None:
            seen.append(head)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        writer.close()

    return serve


def _ask(
    serve: Serve, path: str = "record", *, calls: int = 1, deadline: float = 5.0, **options: Any
) -> Response:
    """Start the source, ask it, give the last answer; tells apart who is to blame by the exception."""

    async def run() -> Response:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, Transport(f"http://127.0.0.1:{port}/fhir", **options) as transport:
            for _ in range(calls):
                answer = await transport.request("POST", path, deadline=deadline, content=b"{}")
            return answer

    return asyncio.run(run())


def test_status_headers_and_body_come_back() -> None:
    """Any status is an answer, not an exception; header names are lower case."""
    answer = _ask(_answers(b"HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 4\r\n\r\nbusy"))
    assert (answer.status, answer.headers["retry-after"], answer.body) == (503, "3", b"busy")


def test_deadline_covers_the_whole_answer() -> None:
    """A source that drips a byte now and then is as late as one that says nothing."""
    drip = _answers(OK + b"Content-Length: 100\r\n\r\n", *[b"x"] * 50, pause=0.05)
    with pytest.raises(SourceTimedOut):
        _ask(drip, deadline=0.3)


@pytest.mark.parametrize("deadline", [0.0, -1.0, float("nan")])
def test_no_call_after_the_deadline(deadline: float) -> None:
    """What is left of the deadline is nothing: nothing is sent."""
    seen: list[bytes] = []
    with pytest.raises(SourceTimedOut):
        _ask(_answers(OK + b"Content-Length: 0\r\n\r\n", seen=seen), deadline=deadline)
    assert seen == []


def test_redirect_is_refused_and_not_followed() -> None:
    """Credentials never follow an address that a source names."""
    seen: list[bytes] = []
    moved = _answers(
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", seen=seen
    )
    with pytest.raises(SourceRefused):
        _ask(moved)
    assert len(seen) == 1


@pytest.mark.parametrize(
    "path", ["http://localhost:9/x", "//other.example/x", "https://127.0.0.1/x", "file:///etc/passwd"]
)
def test_addresses_outside_the_origin_are_never_asked(path: str) -> None:
    """A next page or attachment elsewhere is refused before a byte is sent."""
    with pytest.raises(SourceRefused):
        _ask(_answers(OK + b"Content-Length: 0\r\n\r\n"), path)


def test_same_origin_knows_default_ports_and_case() -> None:
    """The comparison is of origins, not of spellings."""

    async def run() -> None:
        async with Transport("https://Gp.Example/fhir") as transport:
            assert transport.same_origin("https://gp.example:443/page/2")
            assert transport.same_origin("page/2")
            assert not transport.same_origin("http://gp.example/page/2")
            assert not transport.same_origin("https://gp.example.evil.example/")
            assert not transport.same_origin("https://gp.example:8443/")

    asyncio.run(run())


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 2000\r\n\r\n" + b"x" * 2000,
        OK + b"Connection: close\r\n\r\n" + b"x" * 2000,
        OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzip.compress(b"\0" * 1_000_000),
    ],
    ids=["declared", "streamed", "compressed"],
)
def test_an_answer_over_the_limit_is_cut_off(answer: bytes) -> None:
    """However it is wrapped, more than the cap is malformed, and never in memory whole."""
    with pytest.raises(SourceMalformed):
        _ask(_answers(answer), max_bytes=1000)


def test_a_compressed_answer_is_inflated_to_its_bytes() -> None:
    """gzip is asked for and read; the caller sees the content alone."""
    packed = gzip.compress(b'{"a":1.10}')
    answer = _ask(
        _answers(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)
    )
    assert answer.body == b'{"a":1.10}'


@pytest.mark.parametrize(
    "answer",
    [
        b"hello, this is no HTTP\r\n\r\n",
        OK + b"Content-Length: 100\r\n\r\nshort",
        OK + b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\n" + gzip.compress(b"x" * 50)[:12],
    ],
    ids=["not-http", "short", "brotli", "not-gzip", "half-gzip"],
)
def test_broken_answers_are_the_sources_fault(answer: bytes) -> None:
    """Whatever comes over the wire ends as one of our typed errors, none of which quotes it."""
    with pytest.raises(SourceMalformed) as caught:
        _ask(_answers(answer))
    assert caught.value.__cause__ is None
    assert "hello" not in str(caught.value)


def test_accepted_and_closed_is_unavailable() -> None:
    """Nobody answered: that is not a bad answer, and worth asking again."""
    with pytest.raises(SourceUnavailable):
        _ask(_answers(b""))


def test_nobody_listening_is_unavailable() -> None:
    """A refused connection is worth asking again later; it is not the record's absence."""

    async def run() -> None:
        server = await asyncio.start_server(_answers(b""), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        async with Transport(f"http://127.0.0.1:{port}") as transport:
            await transport.request("GET", "x", deadline=5)

    with pytest.raises(SourceUnavailable) as caught:
        asyncio.run(run())
    assert not isinstance(caught.value, SourceTimedOut)


def test_no_cookie_travels_from_one_call_to_the_next() -> None:
    """What a source sets for one patient's call is not there in another's."""
    seen: list[bytes] = []
    cookie = OK + b"Set-Cookie: patient=1; Path=/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    _ask(_answers(cookie, seen=seen), calls=2)
    assert len(seen) == 2
    assert all(b"cookie" not in head.lower() for head in seen)


def test_ambient_proxy_settings_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment never sees a request."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert _ask(_answers(OK + b"Content-Length: 2\r\n\r\nok")).body == b"ok"


def test_nothing_is_logged_about_a_call(caplog: pytest.LogCaptureFixture) -> None:
    """Addresses may hold identifiers: no library line about a request is written."""
    caplog.set_level(logging.DEBUG, logger="root")
    _ask(_answers(OK + b"Content-Length: 2\r\n\r\nok"), "Patient?identifier=secret-number")
    assert "secret-number" not in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "http://gp.example/fhir",
        "ftp://gp.example/",
        "gp.example",
        "https:///x",
        "https://user:pw@gp.example/",
    ],
)
def test_unsafe_addresses_are_refused_at_the_start(address: str) -> None:
    """Plain HTTP off the machine, other schemes and credentials in the address do not start."""
    with pytest.raises(ValueError, match="source address|loopback"):
        Transport(address)


def test_every_error_has_a_word_of_the_completeness_statement() -> None:
    """The reason of a failed source is one of a closed list."""
    reasons = {
        error.reason
        for error in (SourceError, SourceUnavailable, SourceTimedOut, SourceRefused, SourceMalformed)
    }
    assert reasons == {"unreachable", "timed-out", "refused", "malformed"}
