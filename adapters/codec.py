"""Lossless FHIR JSON: decimals as their text, duplicates and foreign number forms refused.

`1.10` in is `1.10` out (FHIR R4 2.24.0.4: precision is significant). FHIR models and float parsing
lose it, so neither is used on the way through.
"""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple, NoReturn, Self, TypeVar

import msgspec

_Kind = TypeVar("_Kind")
MAX_DEPTH = 64
REPEATED = "#"
"""Between the name and the number of a repeated member; stands in no member name of FHIR."""
MAX_NUMBER_CHARS = 64
MAX_EXPONENT = 308
"""Decimal exponent, as far as a double goes: `1e999999999` is short text and endless arithmetic."""


class BadJSON(ValueError):
    """Not strict JSON. The message is ours and holds nothing of the input."""


class OverLimit(BadJSON):
    """JSON that is deeper, or has a longer or larger number, than we read."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadJSON("duplicate member")
    return members


def _pairs_apart(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Repeated members side by side, as `name#1`, `name#2`; of equal ones the first keeps its name."""
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    values: dict[str, list[Any]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    apart: dict[str, Any] = {}
    for name, said in values.items():
        same = all(_encoder.encode(value) == _encoder.encode(said[0]) for value in said)
        for number, value in enumerate(said, 1):
            apart[name if number == 1 and same else f"{name}{REPEATED}{number}"] = value
    return apart


def _refuse(_: str) -> NoReturn:
    raise BadJSON("NaN and Infinity are not JSON")


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_NUMBER_CHARS:
        raise OverLimit("number too long")
    value = decimal_from_text(text)
    if abs(value.adjusted()) > MAX_EXPONENT:
        raise OverLimit("number too large or too small")
    return value


def _integer(text: str) -> int | Decimal:
    """An int, but for `-0`: there is none, and it would lose its sign."""
    if len(text) > MAX_NUMBER_CHARS:
        raise OverLimit("number too long")
    return decimal_from_text(text) if text == "-0" else int(text)


class WrittenDecimal(Decimal):
    """A Decimal whose own text is not how the source wrote it (`0.0000001`, `1e5`): keeps that text."""

    written: str

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return decimal_from_text, (self.written,)


def decimal_from_text(text: str) -> Decimal:
    """The Decimal of a JSON number; encoding gives back these very characters. Raises `ArithmeticError`."""
    plain = Decimal(text)
    if str(plain) == text:
        return plain
    kept = WrittenDecimal(text)
    kept.written = text
    return kept


def _raw(value: Any) -> msgspec.Raw:
    if isinstance(value, WrittenDecimal):
        return msgspec.Raw(value.written.encode("ascii"))
    raise NotImplementedError


_strict = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_float=_decimal, parse_int=_integer, parse_constant=_refuse
)
_apart = json.JSONDecoder(
    object_pairs_hook=_pairs_apart, parse_float=_decimal, parse_int=_integer, parse_constant=_refuse
)
_trusted = msgspec.json.Decoder(float_hook=decimal_from_text)
_quick = msgspec.json.Decoder(float_hook=_decimal)
_SPACED = re.compile(rb'"[ \t\r\n]+:')
_MINUS_ZERO = re.compile(rb"-0(?![0-9.eE:])")
"""A `-0`, or a text that looks like one."""
_AS_NINES = bytes.maketrans(b"012345678", b"999999999")
_TOO_LONG = b"9" * (MAX_NUMBER_CHARS + 1)
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_raw)


class Parsed(NamedTuple):
    """A value, and all that is in it: whoever walks over the whole need not look for them."""

    value: Any
    objects: list[dict[str, Any]]
    arrays: list[list[Any]]


def decode(data: bytes, *, max_depth: int = MAX_DEPTH, repeats_apart: bool = False) -> Any:
    """Parse untrusted JSON. Raises `BadJSON`; never anything that quotes the input.

    `repeats_apart`: a member that stands twice does not condemn the whole (a record of a thousand entries):
    contradicting ones come as `name#1`, `name#2`, which nothing reads by name, so that nobody chooses.
    """
    return parse(data, max_depth=max_depth, repeats_apart=repeats_apart).value


def parse(data: bytes, *, max_depth: int = MAX_DEPTH, repeats_apart: bool = False) -> Parsed:
    """`decode`, and the objects and arrays of the value, outermost first."""
    quick = _quickly(data, max_depth)
    if quick is not None:
        return quick
    try:
        text = data.decode("utf-8")
        value = (_apart if repeats_apart else _strict).decode(text)
        _encoder.encode(value)
    except BadJSON:
        raise
    except RecursionError:
        raise OverLimit("nested too deep") from None
    except (ValueError, ArithmeticError, msgspec.MsgspecError):
        raise BadJSON("not JSON in UTF-8") from None
    return _surveyed(value, max_depth)


def _quickly(data: bytes, max_depth: int) -> Parsed | None:
    """By the fast parser, which keeps the last of repeated members and reads numbers of any length.

    None unless it is certain that nothing of the kind is there: then each member that is written is one of
    the value. A quote and a colon also stand in a text now and then; that text is read in the other way.
    """
    if _TOO_LONG in data.translate(_AS_NINES) or _MINUS_ZERO.search(data):
        return None
    try:
        parsed = _surveyed(_quick.decode(data), max_depth)
    except (BadJSON, RecursionError, ValueError, ArithmeticError, msgspec.MsgspecError):
        return None
    written = data.count(b'":') + len(_SPACED.findall(data))
    return parsed if written == sum(map(len, parsed.objects)) else None


def decode_own(data: bytes) -> Any:
    """Parse JSON that this node wrote itself (store, cache): fast, no check for duplicates."""
    return _trusted.decode(data)


def decoder_of(kind: type[_Kind]) -> Callable[[bytes], _Kind]:
    """`decode_own` into values of a frozen type of ours: the inverse of `encode` of one."""
    return msgspec.json.Decoder(kind, float_hook=decimal_from_text).decode


def encode(value: Any) -> bytes:
    """Compact UTF-8; `Decimal` as a number with its own digits."""
    return _encoder.encode(value)


def _surveyed(value: Any, max_depth: int) -> Parsed:
    parsed = Parsed(value, [], [])
    level = [value]
    for _ in range(max_depth + 1):
        objects = [one for one in level if type(one) is dict]
        arrays = [one for one in level if type(one) is list]
        if not objects and not arrays:
            return parsed
        parsed.objects.extend(objects)
        parsed.arrays.extend(arrays)
        inside = chain(chain.from_iterable(map(dict.values, objects)), chain.from_iterable(arrays))
        level = [one for one in inside if type(one) is dict or type(one) is list]
    raise OverLimit("nested too deep")
