"""Times of the engine: whole microseconds since 1970 UTC, and FHIR dates as intervals of them.

A partial date is its whole interval (year, month, day, in UTC), its end inclusive to the last microsecond;
a time without zone is UTC. Text that is no real date is None, and what is unknown counts against access.
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

Micros = int
"""Microseconds since 1970-01-01T00:00Z."""
DAY: Micros = 86_400_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_FHIR = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?\Z"
)


def micros(at: datetime) -> Micros:
    """An aware clock reading; a naive one is taken as UTC."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _TICK


def datetime_from_micros(at: Micros) -> datetime:
    """Back to an aware datetime in UTC."""
    return _EPOCH + at * _TICK


@lru_cache(maxsize=64)
def instant_text(at: datetime) -> str:
    """A clock reading as FHIR instant in UTC, six digits of fraction."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@lru_cache(maxsize=8192)
def interval(text: str) -> tuple[Micros, Micros] | None:
    """First and last microsecond of a FHIR date, dateTime or instant; None if it is no real one."""
    found = _FHIR.match(text)
    if not found:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        if hour is not None:
            point = _point(int(year), int(month), int(day), int(hour), int(minute), second, fraction, zone)
            return point, point
        first = _midnight(int(year), int(month or 1), int(day or 1))
        last_month = int(month or 12)
        last = _midnight(int(year), last_month, int(day or monthrange(int(year), last_month)[1]))
    except (ValueError, OverflowError):
        return None
    return first, last + DAY - 1


def _midnight(year: int, month: int, day: int) -> Micros:
    return (date(year, month, day).toordinal() - date(1970, 1, 1).toordinal()) * DAY


def _point(
    year: int, month: int, day: int, hour: int, minute: int,
    second: str | None, fraction: str | None, zone: str | None,
) -> Micros:  # fmt: skip
    seconds = min(int(second or 0), 59) if int(second or 0) <= 60 else 99  # a leap second is the one before
    wall = datetime(year, month, day, hour, minute, seconds, int((fraction or "0")[:6].ljust(6, "0")), UTC)
    return micros(wall) - _offset(zone)


def _offset(zone: str | None) -> Micros:
    if zone in (None, "Z"):
        return 0
    assert zone is not None
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError("no such offset")
    return (1 if zone[0] == "+" else -1) * (hours * 60 + minutes) * 60_000_000
