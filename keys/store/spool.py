"""A spool for content of any size: above a threshold it is a temporary file without a name, encrypted.

The key is in memory only (envelope.md 8): plaintext never reaches a disk, and what a crash leaves behind, if
the file system keeps anything at all of a file without a name, opens for nobody.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from keys.envelope.framing import SLICE
from keys.errors import KeyFault
from keys.interface import Entropy

IN_MEMORY = 1 << 20
_CONTEXT = b"carepact/spool\0"


class FileSpool:
    """A `Spool` in memory up to `threshold` bytes, then on disk in `folder` (by default the system's)."""

    def __init__(self, entropy: Entropy, folder: Path | None = None, *, threshold: int = IN_MEMORY) -> None:
        self._entropy = entropy
        self._folder = folder
        self._threshold = threshold
        self._memory = bytearray()
        self._key = b""
        self._file: IO[bytes] | None = None
        self._writing: Cobblestone256Encryptor | None = None

    def write(self, data: bytes | memoryview) -> None:
        if self._file is None and len(self._memory) + len(data) <= self._threshold:
            self._memory += data
            return
        if self._file is None:
            self._spill()
        self._encrypt(data)

    def slices(self) -> Iterator[bytes | memoryview]:
        if self._file is None:
            view = memoryview(bytes(self._memory))
            yield from (view[start : start + SLICE] for start in range(0, len(view), SLICE))
            return
        if self._writing is not None:
            self._file.write(self._writing.finalize())
            self._writing = None
        yield from self._decrypted(self._file)

    def discard(self) -> None:
        if self._file is not None:
            self._file.close()
        self._memory.clear()
        self._file, self._writing, self._key = None, None, b""

    def _spill(self) -> None:
        """From here on everything goes to disk, what waited in memory first."""
        self._key = self._entropy(32)
        self._writing = Cobblestone256Encryptor(self._key, _CONTEXT)
        self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115  `discard` closes it
        self._encrypt(bytes(self._memory))
        self._memory.clear()

    def _encrypt(self, data: bytes | memoryview) -> None:
        assert self._writing is not None, "nothing is written after the first reading"
        assert self._file is not None
        view = memoryview(data)
        for start in range(0, len(view), SLICE):
            self._file.write(self._writing.update(view[start : start + SLICE]))

    def _decrypted(self, file: IO[bytes]) -> Iterator[bytes]:
        """From the start; what somebody altered on the disk is never handed on as content."""
        reading = Cobblestone256Decryptor(self._key, _CONTEXT)
        file.seek(0)
        try:
            while piece := file.read(SLICE):
                if plain := reading.update(piece):
                    yield plain
            if plain := reading.finalize():
                yield plain
        except InvalidTag:
            raise KeyFault("the temporary file was altered") from None
