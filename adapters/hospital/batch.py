"""One body into messages: FHS/BHS envelopes, several MSH in a row, what stands outside of any message.

Line ends may be CR, LF, CRLF or mixed; BOM, MLLP bytes and blanks around lines go. UTF-16 and UTF-32 with
a BOM are transcoded first, so that everything behind this file is a superset of ASCII.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE = re.compile(rb"[^\r\n]+")
_HEADER = re.compile(rb"(MSH|FHS|BHS)[^A-Za-z0-9\s]")
_TRAILER = re.compile(rb"(BTS|FTS)(?:[^A-Za-z0-9\s]|\Z)")
_WRAPPED = b"\x0b\x1c\x00 \t"
_WIDE = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages (lines joined by CR), envelope lines (FHS BHS BTS FTS), and stray lines before the first."""

    messages: tuple[bytes, ...]
    envelope: tuple[bytes, ...] = ()
    stray: tuple[bytes, ...] = ()
    wide: bool = False
    """The body came as UTF-16 or UTF-32: its MSH-18 no longer tells its charset."""


def split_messages(body: bytes) -> list[bytes]:
    """The messages of a body, each an intake of its own; empty if it holds none."""
    return list(read_batch(body).messages)


def read_batch(body: bytes) -> Batch:
    """Cut a body into messages. Never raises."""
    body, wide = _narrow(body)
    messages: list[bytes] = []
    open_: list[bytes] = []
    envelope: list[bytes] = []
    stray: list[bytes] = []
    inside = False
    for line in _lines(body):
        header = _HEADER.match(line)
        if header and header.group(1) == b"MSH":
            if open_:
                messages.append(b"\r".join(open_))
            open_ = [line]
            inside = True
        elif header or _TRAILER.match(line):
            envelope.append(line)
            inside = False
        elif inside:
            open_.append(line)
        else:
            stray.append(line)
    if open_:
        messages.append(b"\r".join(open_))
    return Batch(tuple(messages), tuple(envelope), tuple(stray), wide)


def _lines(body: bytes) -> Iterator[bytes]:
    stripped = (_unwrapped(line.group()) for line in _LINE.finditer(body))
    return (line for line in stripped if line)


def _unwrapped(line: bytes) -> bytes:
    """Framing bytes on either side go; blanks only before (a trailing blank may belong to a text)."""
    bare = line.lstrip(_WRAPPED).rstrip(b"\x0b\x1c\x00")
    return bare if bare.strip() else b""


def _narrow(body: bytes) -> tuple[bytes, bool]:
    for mark, codec in _WIDE:
        if body.startswith(mark):
            return body.decode(codec, "replace").encode("utf-8"), True
    return body.removeprefix(codecs.BOM_UTF8), False
