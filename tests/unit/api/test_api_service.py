"""Starting to serve: feeds on loopback, taken ports, what is unsafe is said (service.py)."""

import socket
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

from gateway.errors import RefusedToStart
from gateway.service import _listen, _say_what_is_unsafe

pytestmark = pytest.mark.anyio


async def listened(standing, **changed):
    (settings,) = [one for one in standing.runtime.settings.sources if one.id == "adt"]
    async with AsyncExitStack() as stack:
        bound = standing.source("adt")
        return await _listen(standing.runtime, settings.model_copy(update=changed), bound, stack)


async def test_a_feed_beyond_loopback_must_be_asked_for(standing):
    """HL7 v2 over MLLP has no secrecy of its own."""
    for address in ("0.0.0.0:0", "10.0.0.1:2575", ":2575"):
        with pytest.raises(RefusedToStart, match="unsafe_plain_mllp"):
            await listened(standing, listen=address)
    host, port = await listened(standing, listen="127.0.0.1:0")
    assert (host, port > 0) == ("127.0.0.1", True)


async def test_a_feed_needs_a_port_that_is_free(standing):
    """One line with the element's path, for a wrong and for a taken port."""
    for address in ("127.0.0.1:x", "127.0.0.1:", "127.0.0.1"):
        with pytest.raises(RefusedToStart, match=r"sources\.adt\.listen"):
            await listened(standing, listen=address)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(RefusedToStart, match="taken"):
            await listened(standing, listen=f"127.0.0.1:{taken.getsockname()[1]}")


async def test_what_is_unsafe_is_said_at_every_start(standing):
    """Test patients and an unsigned floor pack are named aloud."""
    with capture_logs() as lines:
        _say_what_is_unsafe(standing.runtime)
    assert {line["event"] for line in lines} == {"UnsafeDemoKeys", "UnsafeUnsignedFloor"}


async def test_a_node_can_be_opened_again_and_remembers(standing):
    """Closed and opened, the same settings give the same node: records, consents, ledger."""
    from gateway.bootstrap import open_node

    await standing.permit()
    before = (await standing.find()).json()
    async with open_node(standing.runtime.settings, clock=standing.clock) as again:
        assert again.node.member == standing.node.member
        stored = await again.consents.get("c1")
        assert stored.version == 1
    assert before["total"] >= 1
