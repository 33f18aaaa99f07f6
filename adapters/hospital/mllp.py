"""MLLP frames as a sans-IO buffer: `0x0B … 0x1C 0x0D` (normalisation.md 3.5, point 1)."""

START, END, RETURN = 0x0B, 0x1C, 0x0D


class FrameFault(Exception):
    """The peer does not speak MLLP, or sends too much: the connection closes. Constant words only."""


class FrameBuffer:
    """Bytes in, whole frame bodies out. A missing 0x0D after the end is forgiven."""

    def __init__(self, *, most_bytes: int, most_stray: int) -> None:
        self._most_bytes = most_bytes
        self._most_stray = most_stray
        self._stray = 0
        self._body: bytearray | None = None

    @property
    def inside(self) -> bool:
        """A frame has begun and has not ended."""
        return self._body is not None

    def feed(self, data: bytes) -> list[bytes]:
        """Bodies that `data` completed, in order. Raises `FrameFault`."""
        done: list[bytes] = []
        at = 0
        while at < len(data):
            at = self._outside(data, at) if self._body is None else self._inside(data, at, done)
        return done

    def _outside(self, data: bytes, at: int) -> int:
        start = data.find(START, at)
        stop = len(data) if start < 0 else start
        self._stray += sum(1 for byte in data[at:stop] if byte not in (RETURN, 0x0A))
        if self._stray > self._most_stray:
            raise FrameFault("too many bytes outside of a frame")
        if start >= 0:
            self._body, self._stray = bytearray(), 0
        return stop + 1

    def _inside(self, data: bytes, at: int, done: list[bytes]) -> int:
        assert self._body is not None
        end = data.find(END, at)
        stop = len(data) if end < 0 else end
        piece = data[at:stop]
        if START in piece:
            raise FrameFault("a frame inside a frame")
        self._body += piece
        if len(self._body) > self._most_bytes:
            raise FrameFault("frame larger than the limit")
        if end >= 0:
            done.append(bytes(self._body))
            self._body = None
        return stop + 1


def framed(body: bytes) -> bytes:
    """One frame around a message."""
    return bytes((START,)) + body + bytes((END, RETURN))
