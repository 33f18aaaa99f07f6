"""Bytes of a message to text: the feed's override, else MSH-18, else the feed's charset, else UTF-8, else
windows-1252. Never lost.
"""

import codecs
from dataclasses import dataclass

_TABLE_0211 = {
    "ASCII": "ascii",
    "8859/1": "iso8859-1",
    "8859/2": "iso8859-2",
    "8859/3": "iso8859-3",
    "8859/4": "iso8859-4",
    "8859/5": "iso8859-5",
    "8859/6": "iso8859-6",
    "8859/7": "iso8859-7",
    "8859/8": "iso8859-8",
    "8859/9": "iso8859-9",
    "8859/15": "iso8859-15",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UNICODE UTF-16": "utf-8",  # the bytes reach us transcoded (batch.py) or they would hold no "MSH"
    "UNICODE UTF-32": "utf-8",
    "ISO IR14": "shift_jis",
    "ISO IR87": "iso2022_jp",
    "ISO IR159": "iso2022_jp_1",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5",
}

_ASCII = "MSH|^~\\&|+0100|"
"""What a character set must leave as it is (HL7 v2.9, 2.14.9.18): UTF-7 for one does not."""
_OF_PYTHON = frozenset({"raw-unicode-escape", "idna"})
"""Take ASCII as it is, and are no character sets but ways to write programs and host names."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, the Python codec that read it, and whether that codec was a guess against what was stated."""

    text: str
    codec: str
    assumed: bool


def codec_from_label(label: str) -> str | None:
    """Python codec of a table 0211 value or of a plain IANA name; None if unknown."""
    known = _TABLE_0211.get(label.strip().upper())
    if known:
        return known
    try:
        found = codecs.lookup(label.strip())
        fits = getattr(found, "_is_text_encoding", True) and _ASCII.encode(found.name) == _ASCII.encode()
    except (LookupError, ValueError):
        return None
    return found.name if fits and found.name not in _OF_PYTHON else None


def decode(data: bytes, stated: str, configured: str | None, override: str | None = None) -> Decoded:
    """Decode one message. `stated` is the first repetition of MSH-18 (may be empty)."""
    wanted = [label for label in (override or "", stated, configured or "", "utf-8") if label]
    for label in wanted:
        codec = codec_from_label(label)
        text = _strict(data, codec) if codec else None
        if codec and text is not None:
            return Decoded(text, codec, label != stated and bool(stated) and not data.isascii())
    text = _strict(data, "cp1252")
    if text is not None:
        return Decoded(text, "cp1252", True)
    return Decoded(data.decode("latin-1"), "latin-1", True)


def _strict(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return None
