"""How many envelopes one network address may have in opening at once (envelope.md 8)."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.errors import Problem

AT_ONCE = 8
"""Openings in flight per network peer."""


class Openings:
    """How many openings each network address has in flight in this process."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, address: str) -> Iterator[Callable[[], None]]:
        """What says that it was read: answering is no opening. Raises `throttled` above `AT_ONCE`."""
        if self._open[address] >= AT_ONCE:
            raise Problem("throttled")
        self._open[address] += 1
        held = [address]
        try:
            yield lambda: self._let_go(held)
        finally:
            self._let_go(held)

    def _let_go(self, held: list[str]) -> None:
        while held:
            self._open[held[0]] -= 1
            if not self._open[held[0]]:
                del self._open[held[0]]
            held.pop()
