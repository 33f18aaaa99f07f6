"""Strict reading of JSON: every check names the element and refuses loudly (`Uncomputable`)."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from consent.errors import Uncomputable
from consent.instants import Micros, interval
from consent.vocabulary import LADDER


def members(
    value: Any, path: str, known: Collection[str], required: Collection[str] = ()
) -> Mapping[str, Any]:
    """A JSON object with known members only; null members count as absent."""
    if not isinstance(value, Mapping):
        raise Uncomputable(path, "must be an object")
    found = {key: item for key, item in value.items() if item is not None}
    for key in value:
        if key not in known:
            raise Uncomputable(path, "has a member that is not known")
    for key in required:
        if key not in found:
            raise Uncomputable(f"{path}.{key}", "is required")
    return found


def text(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Uncomputable(path, "must be text")
    return value


def identifier(value: Any, path: str) -> str:
    """A short name of our own: letters, digits, dot, dash, underscore."""
    if not re.fullmatch(r"[A-Za-z0-9._\-]{1,64}", text(value, path)):
        raise Uncomputable(path, "must be letters, digits, dot, dash or underscore")
    return str(value)


def texts(value: Any, path: str, allowed: Collection[str] | None = None) -> tuple[str, ...]:
    """An array of non-empty texts, of a closed set if `allowed` is given."""
    if not isinstance(value, (list, tuple)):
        raise Uncomputable(path, "must be an array")
    for place, item in enumerate(value):
        text(item, f"{path}[{place}]")
        if allowed is not None and item not in allowed:
            raise Uncomputable(f"{path}[{place}]", "is not in the vocabulary")
    return tuple(value)


def integer(value: Any, path: str, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise Uncomputable(path, f"must be a whole number from {low} to {high}")
    return value


def confidentiality(value: Any, path: str) -> int:
    """A level of the ladder, as index."""
    if not isinstance(value, str) or len(value) != 1 or value not in LADDER:
        raise Uncomputable(path, "is no confidentiality")
    return LADDER.index(value)


def boolean(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise Uncomputable(path, "must be true or false")
    return value


def moment(value: Any, path: str, *, end: bool = False) -> Micros:
    """First (or last) microsecond of a date or instant."""
    span = interval(text(value, path))
    if span is None:
        raise Uncomputable(path, "is no date")
    return span[1] if end else span[0]


def period(value: Any, path: str) -> tuple[Micros | None, Micros | None]:
    """`{start, end}`, each optional, end inclusive."""
    found = members(value, path, ("start", "end"))
    start = moment(found["start"], f"{path}.start") if "start" in found else None
    end = moment(found["end"], f"{path}.end", end=True) if "end" in found else None
    if start is not None and end is not None and start > end:
        raise Uncomputable(path, "starts after its end")
    return start, end
