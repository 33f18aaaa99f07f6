"""Starting to serve: what is unsafe is said, a node can be opened again (service.py)."""

import pytest
from structlog.testing import capture_logs

from gateway.service import _say_what_is_unsafe

pytestmark = pytest.mark.anyio


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
