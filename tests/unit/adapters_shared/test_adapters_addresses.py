"""Addresses that somebody else named: judged as they are dialled, however they are written."""

import asyncio

import pytest

from adapters.addresses import Reach, reach_from_text
from adapters.errors import SourceUnavailable
from adapters.transport import Transport

INSIDE = (
    "127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.9", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
    "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1",
    "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1", "not an address", "",
)  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_public_is_refused(address):
    """Loopback, private, link-local, multicast, unspecified; also mapped into IPv6."""
    assert not Reach().admits(address)


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::fe", "::ffff:9.9.9.9", "64:ff9b::909:909"])
def test_what_is_public_is_dialled(address):
    """Public addresses of both families."""
    assert Reach().admits(address)


def test_networks_are_allowed_by_name():
    """A closed network that the operator lists; nothing beside it, and nothing unreadable is taken."""
    reach = reach_from_text(("10.20.0.0/16", "fd00:1::/32"))
    assert reach.admits("10.20.3.4") and reach.admits("fd00:1::9") and reach.admits("::ffff:10.20.3.4")
    assert not reach.admits("10.21.0.1") and not reach.admits("127.0.0.1")
    with pytest.raises(ValueError):
        reach_from_text(("10.20.0.0/33",))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433"])
def test_nothing_is_dialled_that_is_not_admitted(host):
    """A server listens there, and never sees a connection; admitted by its network, it is asked."""
    seen = []

    async def run():
        async def answer(reader, writer):
            seen.append(1)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 204 No\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            base = f"http://{host}:{port}/"
            async with Transport(base, reach=Reach(), allow_plain=True) as transport:
                with pytest.raises(SourceUnavailable):
                    await transport.request("GET", "x", deadline=5)
            assert not seen
            allowed = reach_from_text(("127.0.0.0/8",))
            async with Transport(f"http://127.0.0.1:{port}/", reach=allowed) as transport:
                assert (await transport.request("GET", "x", deadline=5)).status == 204

    asyncio.run(run())


def test_an_answer_may_be_worth_less_than_the_cap():
    """`max_bytes` of one request: a longer answer is refused, whatever the cap of all."""

    async def run():
        async def answer(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789")
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, Transport(f"http://127.0.0.1:{port}/") as transport:
            assert (await transport.request("GET", "x", deadline=5, max_bytes=9)).status == 200
            with pytest.raises(Exception, match="larger"):
                await transport.request("GET", "x", deadline=5, max_bytes=8)

    asyncio.run(run())
