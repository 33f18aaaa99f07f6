"""One sealed question between two nodes: asked, answered, on record on both sides."""

import json

import pytest

pytestmark = pytest.mark.anyio


async def test_a_permitted_record_comes_sealed_and_is_on_record_on_both_sides(pair):
    """Records arrive; the leaves `ask`, `answer`, `receive` of the two ledgers name each other."""
    await pair.south.hears()
    await pair.south.permit("north.example")
    answered = await pair.ask()
    bundle = json.loads(answered.content)
    types = {e["resource"]["resourceType"] for e in bundle["entry"] if e["search"]["mode"] == "match"}
    assert types == {"Patient", "Observation"}
    north = [leaf for leaf in await pair.north.leaves() if leaf.kind in ("ask", "receive")]
    (answer,) = [leaf for leaf in await pair.south.leaves() if leaf.kind == "answer"]
    assert [leaf.kind for leaf in north] == ["ask", "receive"]
    assert answer.req == north[0].md == north[1].req
    assert answer.md == north[1].md == answered.evidence.md
    assert (answer.peer, north[0].peer) == ("north.example", "south.example")
