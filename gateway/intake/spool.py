"""A heap of byte strings of any size: above a threshold it is a temporary file without a name, encrypted.

As `keys.store.spool` for content that is read in any order: the key is in memory only, so that what was
mapped of a patient never reaches a disk in the clear, and nothing opens what a crash leaves behind.
"""

import tempfile
from array import array
from pathlib import Path
from typing import IO, Self

from keys.atrest import NONCE, open_at_rest, seal_at_rest
from keys.interface import Entropy

IN_MEMORY = 4 << 20
_AAD = b"carepact/heap\0"


class DiskSpool:
    """A `Spool` of at most `threshold` bytes in memory, the rest in `folder` (by default the system's)."""

    def __init__(self, entropy: Entropy, folder: Path | None = None, *, threshold: int = IN_MEMORY) -> None:
        self._folder = folder
        self._threshold = threshold
        self._key = entropy(32)
        self._file: IO[bytes] | None = None
        self._waiting: list[bytes] = []
        self._size = 0
        self._ends = array("Q", [0])
        """Where each byte string on disk ends; its nonce is its place, under a key of this heap alone."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """What was kept is gone."""
        if self._file is not None:
            self._file.close()
        self._waiting.clear()
        self._key = b""

    def put(self, data: bytes) -> int:
        """Keep it. Raises `OSError` where there is no room for it."""
        self._waiting.append(data)
        self._size += len(data)
        place = len(self._ends) - 2 + len(self._waiting)
        if self._size > self._threshold:
            self._spill()
        return place

    def get(self, place: int) -> bytes:
        """What was put there. Raises `KeyFault` if somebody altered it on the disk."""
        on_disk = len(self._ends) - 1
        if place >= on_disk:
            return self._waiting[place - on_disk]
        assert self._file is not None
        start, end = self._ends[place], self._ends[place + 1]
        self._file.seek(start)
        return open_at_rest(self._key, self._file.read(end - start), _AAD)

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  closed on exit
        self._file.seek(self._ends[-1])
        for data in self._waiting:
            nonce = (len(self._ends) - 1).to_bytes(NONCE, "big")
            sealed = seal_at_rest(self._key, data, _AAD, nonce)
            self._file.write(sealed)
            self._ends.append(self._ends[-1] + len(sealed))
        self._waiting.clear()
        self._size = 0
