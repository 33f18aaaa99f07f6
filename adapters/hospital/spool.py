"""Where a batch of messages lies while it is folded: injected, since nothing here writes."""

from typing import Protocol


class Spool(Protocol):
    """Byte strings by the place at which they were put; nothing is ever taken out."""

    def put(self, data: bytes) -> int:
        """Keep it; returns its place."""
        ...

    def get(self, place: int) -> bytes:
        """What was put there."""
        ...


class MemorySpool:
    """All in memory: for batches whose size somebody bounded before."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def put(self, data: bytes) -> int:
        self._held.append(data)
        return len(self._held) - 1

    def get(self, place: int) -> bytes:
        return self._held[place]
