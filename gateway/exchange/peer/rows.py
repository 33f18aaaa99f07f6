"""One row of another member's completeness statement, read strictly: nothing is passed on unread. Pure."""

import re
from collections.abc import Mapping
from typing import Any, cast

from gateway.exchange.completeness import SourceState, State
from gateway.exchange.types import CLINICAL
from gateway.exchange.warnings import WARNINGS

_ORG = re.compile(r"[a-z0-9.-]{3,128}\Z")
_NAME = re.compile(r"[A-Za-z0-9._-]{0,64}\Z")
_REASON = re.compile(r"[a-z0-9-]{1,40}\Z")
_STATES = frozenset(
    ("answered", "not-available", "no-record", "withheld", "failed", "timed-out", "not-asked")
)
_MAY = frozenset(
    "org source state reason asked answered as_of counts truncated content incomplete manifest".split()
)
_LATEST = 253_370_764_800


def state_from_row(row: Any, *, asked: int) -> SourceState | None:
    """What a member says of one source, None if it is not of its form. `asked`: when we asked the member."""
    if not isinstance(row, Mapping) or row.keys() - _MAY:
        return None
    org, source, state = row.get("org"), row.get("source", ""), row.get("state")
    if not (_is(org, _ORG) and _is(source, _NAME)) or state not in _STATES:
        return None
    reason = row.get("reason")
    times = [row.get(name) for name in ("answered", "as_of")]
    counts, truncated, incomplete = row.get("counts", {}), row.get("truncated", 0), row.get("incomplete", [])
    if reason is not None and not _is(reason, _REASON):
        return None
    if not (all(one is None or _count(one, _LATEST) for one in times) and _count(truncated, 2**31)):
        return None
    if not _counts(counts) or (counts and state != "answered") or not _words(incomplete):
        return None
    return SourceState(
        str(org), str(source), cast(State, state), reason, asked, times[0], times[1], truncated,
        dict(counts), incomplete=tuple(incomplete),
    )  # fmt: skip


def _is(value: object, form: re.Pattern[str]) -> bool:
    return isinstance(value, str) and form.match(value) is not None


def _count(value: object, most: int) -> bool:
    return type(value) is int and 0 <= value <= most


def _counts(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        kind in CLINICAL and _count(number, 2**31) and number for kind, number in value.items()
    )


def _words(value: object) -> bool:
    return isinstance(value, list) and all(word in WARNINGS for word in value)
