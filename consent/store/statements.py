"""When a statement about an agreement says nothing new."""

from collections.abc import Sequence

from consent.interface import StoredStatement

_PAIRED = ("suspend", "resume")


def statement_repeats(statement: StoredStatement, made: Sequence[StoredStatement]) -> bool:
    """One signs and one terminates once; suspending and resuming take turns."""
    own = [item for item in made if item.org == statement.org]
    if statement.action not in _PAIRED:
        return any(item.action == statement.action for item in own)
    paired = [item for item in own if item.action in _PAIRED]
    newest = max(paired, key=lambda item: item.at, default=None)
    return newest is not None and newest.action == statement.action
