"""`ledger.on_fork`: after a second history of a member care goes on, or nothing is exchanged with it."""

from dataclasses import replace

import pytest

from gateway.audit import peers, signing
from gateway.exchange.peer.ask import Answered, Failed, Question, ask
from keys.note import Checkpoint, checkpoint_from_note, parse_note, sign_note, text_from_checkpoint

pytestmark = pytest.mark.anyio
NORTH, SOUTH = "north.example", "south.example"


async def _forked(pair):
    """South has signed a second history, and north knows."""
    await pair.ask()
    held = await pair.north.runtime.database.read(lambda c: peers.head(c, f"{SOUTH}/ledger"))
    true = checkpoint_from_note(parse_note(held.note))
    keys = pair.south.runtime.keys
    key = next(k for k in keys.public() if (k.use, k.alg) == ("log", "Ed25519"))
    (own,) = signing.own_log_keys(keys, SOUTH)
    text = text_from_checkpoint(Checkpoint(true.origin, true.size, b"f" * 32))
    note = sign_note(text, true.origin, keys, key.kid, own.public)
    desk = pair.north.runtime.services.logs
    took = await pair.north.runtime.database.write(lambda c: desk.take(c, SOUTH, note, desk.now()))
    assert took == "fork"


@pytest.mark.parametrize("refuse", [False, True], ids=["alarm", "refuse"])
async def test_what_follows_a_fork_is_the_operators_choice(pair, refuse):
    """`alarm`: the next question is answered; `refuse`: nothing is asked of the member, nothing answered to it."""
    await _forked(pair)
    north = replace(pair.north.node, refuse_forked=refuse)
    question = Question(SOUTH, "query", pair.query(), 5.0, purpose="TREAT", agreement="d1@1")
    found = await ask(north, question)
    if not refuse:
        assert isinstance(found, Answered)
    else:
        assert isinstance(found, Failed) and found.reason == "peer-suspended"
