"""Content encodings (envelope.md 8): `identity`, and `zstd` level 3 (RFC 8878) for responses.

The hash covers encoded bytes, so nothing is inflated before it was verified; what is inflated is one frame,
without dictionary, of a window of at most 8 MiB, to exactly as many bytes as were signed; nothing follows it.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Literal

from keys.envelope.framing import SLICE
from keys.envelope.spool import Spool
from keys.errors import EnvelopeRefused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Encoding = Literal["identity", "zstd"]

LEVEL = 3
WINDOW_LOG = 23
FRAME = b"\x28\xb5\x2f\xfd"
"""Magic of a Zstandard frame; a skippable frame, which the library would pass over, begins otherwise."""


def deflated(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """One frame over all pieces, as it grows."""
    compressor = zstd.ZstdCompressor(level=LEVEL)
    for piece in pieces:
        yield compressor.compress(piece)
    yield compressor.flush()


def inflate(encoded: Spool, raw: int, into: Spool) -> None:
    """Step 14: write exactly `raw` bytes. Refuses `compression`; what was written before is no content."""
    decompressor = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})
    left, first = raw, b""
    for data in encoded.slices():
        if len(first) < len(FRAME):
            first += bytes(data[: len(FRAME) - len(first)])
            if not FRAME.startswith(first):
                raise EnvelopeRefused("compression")
        if decompressor.eof:
            raise EnvelopeRefused("compression")
        for piece in _plain(decompressor, data):
            left -= len(piece)
            if left < 0:
                raise EnvelopeRefused("compression")
            into.write(piece)
    if left or not decompressor.eof or decompressor.unused_data:
        raise EnvelopeRefused("compression")


def _plain(decompressor: "zstd.ZstdDecompressor", data: bytes | memoryview) -> Iterator[bytes]:
    """What `data` brings, a bounded piece at a time, so that a bomb is noticed before it is there."""
    try:
        yield decompressor.decompress(data, max_length=SLICE)
        while not decompressor.eof and not decompressor.needs_input:
            yield decompressor.decompress(b"", max_length=SLICE)
    except zstd.ZstdError:
        raise EnvelopeRefused("compression") from None
