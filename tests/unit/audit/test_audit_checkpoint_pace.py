"""How often a checkpoint is signed: a busy node signs one a second, not one an answer."""

import asyncio
from typing import Any

import pytest

from gateway.audit import checkpoints

NOW = 1_795_255_200


def sign(log: Any, at: int) -> Any:
    """The checkpoint that a message of that second carries."""
    return asyncio.run(
        checkpoints.checkpoint(log, origin="north.example/ledger", sign=log.key.note, at=at, every=1)
    )


def test_the_same_second_hands_back_the_same_checkpoint(log: Any, grow: Any) -> None:
    """Though the log grew, nothing new is signed within the second; the next second covers all of it."""
    grow(log, 2)
    first = sign(log, NOW)
    grow(log, 3)
    assert sign(log, NOW) == first
    assert sign(log, NOW + 1).size == 5


@pytest.mark.parametrize("back", [1, 3600])
def test_a_clock_that_went_back_does_not_stop_signing(log: Any, grow: Any, back: int) -> None:
    """A checkpoint from the future is no reason to hand out a stale one."""
    grow(log, 1)
    sign(log, NOW)
    grow(log, 1)
    assert sign(log, NOW - back).size == 2
