"""The strict JSON and base64url of envelope.md section 4: one reading of every byte, or none.

Bytes 0x20..0x7E without a backslash, no duplicate member, integers 0..2^53-1, depth at most 6. Nothing is
converted; whoever emits, emits compact sorted JSON. All functions raise `ValueError` with a constant text.
"""

import binascii
import json
import re
from collections.abc import Callable
from typing import Any

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 6

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LAST = (frozenset((*_ALPHABET, "")), frozenset(""), frozenset(_ALPHABET[::16]), frozenset(_ALPHABET[::4]))
"""What the last character may be, by the length modulo 4: its unused bits are zero; 1 is no length at all."""
_OURS = bytes(
    {ord("-"): ord("+"), ord("_"): ord("/")}.get(byte, byte if chr(byte) in _ALPHABET else 0)
    for byte in range(256)
)
"""To the alphabet of RFC 4648 section 4, which the decoder checks; everything foreign becomes a zero byte."""
_PLAIN = bytes(byte for byte in range(0x20, 0x7F) if byte != 0x5C)
_PLAIN_LINES = _PLAIN + b"\t\n\r"
_STRINGS = re.compile(rb'"[^"]*"')


class SyntaxRefused(ValueError):
    """Not of the strict form."""

    def __init__(self) -> None:
        super().__init__("not of the strict form")


def b64u(data: bytes) -> str:
    """base64url without padding (RFC 4648 section 5)."""
    return binascii.b2a_base64(data, newline=False).translate(_THEIRS, b"=").decode("ascii")


def unb64u(text: object, length: int | None = None) -> bytes:
    """Bytes of a canonical base64url string; `length` in bytes is exact where given."""
    # The last character may carry bits that no byte uses: two spellings of one value.
    if not isinstance(text, str) or text[-1:] not in _LAST[len(text) % 4]:
        raise SyntaxRefused
    try:
        spelt = text.encode("ascii").translate(_OURS) + b"==="[: -len(text) % 4]
        data = binascii.a2b_base64(spelt, strict_mode=True)
    except ValueError:
        raise SyntaxRefused from None
    if length is not None and len(data) != length:
        raise SyntaxRefused
    return data


def parse(data: bytes, *, lines: bool = False) -> Any:
    """The value of strict JSON. `lines` also takes tabs and line ends between tokens: people edit files."""
    if data.translate(None, _PLAIN_LINES if lines else _PLAIN):
        raise SyntaxRefused
    _refuse_deep(data)
    try:
        return _DECODER.decode(data.decode("ascii"))
    except (ValueError, RecursionError):
        # `from None`: the decoder's own text quotes what it read.
        raise SyntaxRefused from None


def parse_object(data: bytes, *, lines: bool = False) -> dict[str, Any]:
    """As `parse`, and the value is an object."""
    value = parse(data, lines=lines)
    if not isinstance(value, dict):
        raise SyntaxRefused
    return value


def emit(value: object) -> bytes:
    """Compact sorted JSON, refused where `parse` would refuse it: nothing is signed that nobody may read."""
    encoded = emit_unread(value)
    parse(encoded)
    return encoded


def emit_unread(value: object) -> bytes:
    """As `emit`, for what is read back by its own reader at once, or is made of checked parts."""
    try:
        return _ENCODER.encode(value).encode("ascii")
    except (ValueError, TypeError):
        raise SyntaxRefused from None


def require_members(
    value: object, required: frozenset[str], optional: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The same object, once its members are exactly the required ones and perhaps optional ones."""
    if not isinstance(value, dict) or not required <= value.keys() <= required | optional:
        raise SyntaxRefused
    return value


def require_integer(value: object) -> int:
    """An integer, and no boolean in its clothes."""
    if type(value) is not int:
        raise SyntaxRefused
    return value


def require_text(value: object, pattern: Callable[[str], object]) -> str:
    """A string for which `pattern` (a compiled `fullmatch`) holds."""
    if not isinstance(value, str) or not pattern(value):
        raise SyntaxRefused
    return value


def require_list(value: object, least: int, most: int) -> list[Any]:
    """An array of `least` to `most` items."""
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise SyntaxRefused
    return value


def _refuse_deep(data: bytes) -> None:
    """Without escapes every quote ends or begins a string, so brackets outside strings can be counted."""
    if data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
        return
    depth = 0
    for byte in _STRINGS.sub(b"", data):
        if byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise SyntaxRefused
        elif byte in b"]}":
            depth -= 1


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise SyntaxRefused
    return members


def _small_integer(text: str) -> int:
    if text.startswith("-") or len(text) > 16 or int(text) > MAX_INTEGER:
        raise SyntaxRefused
    return int(text)


def _refuse(_: str) -> Any:
    raise SyntaxRefused


_THEIRS = bytes({ord("+"): ord("-"), ord("/"): ord("_")}.get(byte, byte) for byte in range(256))
_ENCODER = json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=False, allow_nan=False)
_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_members,
    parse_int=_small_integer,
    parse_float=_refuse,
    parse_constant=_refuse,
)
