"""How many envelopes one network address may have in opening at once (envelope.md 8)."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.errors import Problem

AT_ONCE = 8
"""Openings in flight per network peer."""


class Openings:
    """How many openings each network address has in flight in this process."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, address: str) -> Iterator[None]:
        """Raises `throttled` when the address has as many as it may."""
        if self._open[address] >= AT_ONCE:
            raise Problem("throttled")
        self._open[address] += 1
        try:
            yield
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]
