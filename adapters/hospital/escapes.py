"""HL7 v2 escape sequences to plain text (HL7 v2.9 chapter 2.7), after the split on raw text.

`\\F\\ \\S\\ \\T\\ \\R\\ \\E\\ \\P\\` are the separators, `\\.br\\ \\.sp\\` line breaks, `\\Xhh..\\` bytes in
the charset of the message. Highlighting and other formatting go (`altered`); `\\C..\\ \\M..\\ \\Z..\\` and a
lone escape character stay as they are: what we do not understand is not ours to drop.
"""

import re
from dataclasses import dataclass

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BREAK = re.compile(r"\.(?:br|sp)\s*\+?(\d*)\Z", re.IGNORECASE)
_HEX = re.compile(r"X((?:[0-9A-Fa-f]{2})+)\Z")
_FORMAT = re.compile(r"(?:H|N|\.(?:in|ti|fi|nf|sk|ce)\s*[-+]?\d*)\Z", re.IGNORECASE)
_MOST_BREAKS = 64


@dataclass(frozen=True, slots=True)
class Separators:
    """MSH-1 and MSH-2. An empty string: that separator is off."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""

    def letters(self) -> dict[str, str]:
        """What the one-letter escapes stand for."""
        return {
            "F": self.field,
            "S": self.component,
            "T": self.subcomponent,
            "R": self.repetition,
            "E": self.escape,
            "P": self.truncation or "#",
        }


@dataclass(frozen=True, slots=True)
class Text:
    """Unescaped and trimmed; what had to go on the way."""

    value: str
    escape: bool = False
    """Formatting was dropped."""
    control: bool = False
    """A control character was dropped."""


NOTHING = Text("")


def unescape(raw: str, separators: Separators, charset: str) -> Text:
    """Text of one raw subcomponent. Never raises: an unknown sequence stays as it came."""
    dropped = False
    mark = separators.escape
    if mark not in raw and raw.isprintable():
        return Text(raw.strip())
    if mark and mark in raw:
        raw, dropped = _replace(raw, mark, separators.letters(), charset)
    clean = _CONTROL.sub("", raw)
    return Text(clean.strip(), dropped, len(clean) != len(raw))


def _replace(raw: str, mark: str, letters: dict[str, str], charset: str) -> tuple[str, bool]:
    out: list[str] = []
    dropped = False
    at = 0
    while True:
        start = raw.find(mark, at)
        end = raw.find(mark, start + 1) if start >= 0 else -1
        if end < 0:
            out.append(raw[at:])
            return "".join(out), dropped
        out.append(raw[at:start])
        body = raw[start + 1 : end]
        meaning = _meaning(body, letters, charset)
        if meaning is None:
            out.append(mark)
            at = start + 1
            if body[:1] in ("C", "M", "Z") and " " not in body:
                out.append(body + mark)
                at = end + 1
            continue
        dropped = dropped or (meaning == "" and body.upper() not in letters)
        out.append(meaning)
        at = end + 1


def _meaning(body: str, letters: dict[str, str], charset: str) -> str | None:
    if body in letters:
        return letters[body]
    lines = _BREAK.match(body)
    if lines:
        return "\n" * min(int(lines.group(1) or 1) or 1, _MOST_BREAKS)
    coded = _HEX.match(body)
    if coded:
        return _decoded(bytes.fromhex(coded.group(1)), charset)
    return "" if _FORMAT.match(body) else None


def _decoded(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset)
    except (UnicodeDecodeError, LookupError):
        return data.decode("windows-1252", "replace")
