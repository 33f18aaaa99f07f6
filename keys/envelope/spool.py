"""Where content waits between two steps: encoded before it is sealed, decrypted before its end was verified.

A spool in memory is enough for small content; `keys.store.spool` has one that goes to disk, encrypted.
"""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Protocol

from keys.envelope.framing import SLICE


class Spool(Protocol):
    """Bytes written once from the beginning to the end, then read as often as needed."""

    def write(self, data: bytes | memoryview) -> None: ...

    def slices(self) -> Iterator[bytes | memoryview]:
        """All of it from the start, at most `SLICE` bytes at once; nothing is written after the first call"""
        ...

    def discard(self) -> None:
        """Let go of it; what was on disk can be read no more."""
        ...


Spooling = Callable[[], Spool]
"""What makes an empty spool."""


class MemorySpool:
    """The pieces as they came, without a copy."""

    def __init__(self, *pieces: bytes | memoryview) -> None:
        self._pieces = list(pieces)

    def write(self, data: bytes | memoryview) -> None:
        self._pieces.append(data)

    def slices(self) -> Iterator[bytes | memoryview]:
        for piece in self._pieces:
            if len(piece) <= SLICE:
                yield piece
                continue
            view = memoryview(piece)
            for start in range(0, len(view), SLICE):
                yield view[start : start + SLICE]

    def discard(self) -> None:
        self._pieces.clear()


class GatheredSpool:
    """The pieces copied into one growing block, so that each is let go at once: for what is wanted whole."""

    def __init__(self, length: int = 0) -> None:
        self._block = BytesIO()
        self.reserve(length)

    def reserve(self, length: int) -> None:
        """Make room for so many bytes at once: a block that grows is touched twice."""
        if length:
            self._block.seek(length - 1)
            self._block.write(b"\0")
            self._block.seek(0)

    def write(self, data: bytes | memoryview) -> None:
        self._block.write(data)

    def slices(self) -> Iterator[bytes | memoryview]:
        yield from MemorySpool(self.whole()).slices()

    def whole(self) -> bytes:
        """All of it, without another copy."""
        self._block.truncate()
        return self._block.getvalue()

    def discard(self) -> None:
        self._block = BytesIO()
