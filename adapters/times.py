"""Times of sources as FHIR times: precision survives, no zone is invented (normalisation.md 1, rule 7)."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_TS = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(\.\d+)?)?)?)?)?)?([+-]\d\d(?:\d\d)?|Z)?\Z",
    re.ASCII,
)
_FHIR = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?", re.ASCII
)
_LEAP = re.compile(r"(T\d\d:\d\d):60", re.ASCII)


@dataclass(frozen=True, slots=True)
class Time:
    """A FHIR date or dateTime `text`; what was `assumed` for its zone; whether precision was `altered`."""

    text: str
    assumed: str | None = None
    """`zone` when the offset came from the feed's setting or from the message header."""
    altered: bool = False
    """An hour without minutes became the date."""

    @property
    def is_instant(self) -> bool:
        """Has a time of day and an offset, so that it may be a FHIR `instant`."""
        return "T" in self.text


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def known_zone(name: str) -> bool:
    """Whether `name` is an IANA zone of this system."""
    try:
        _zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@lru_cache(maxsize=1024)
def parse_compact(text: str, *, zone: str | None = None, default_offset: str | None = None) -> Time | None:
    """HL7 v2 DTM or CDA TS (`YYYY[MM[DD[HH[MM[SS[.f]]]]]][+ZZzz]`) to FHIR; None if it is no real date.

    `zone`: IANA zone configured for the feed; else `default_offset` (`+HH:MM`, of the header).
    Without either, a time without offset becomes its date. Offsets stay as written, never turned to Z.
    """
    found = _TS.match(text.strip())
    if not found:
        return None
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    if year == "0000" or not _real(year, month, day, hour, minute, second):
        return None
    if month is None:
        return Time(year)
    if day is None:
        return Time(f"{year}-{month}")
    on = f"{year}-{month}-{day}"
    if hour is None:
        return Time(on)
    if minute is None:
        return Time(on, altered=True)
    clock = f"{hour}:{minute}:{second or '00'}{fraction or ''}"
    if offset:
        written = _offset(offset)
        return Time(f"{on}T{clock}{written}") if written else None
    if zone:
        local = datetime(int(year), int(month), int(day), int(hour), int(minute), min(int(second or 0), 59))
        return Time(f"{on}T{clock}{_offset_in(zone, local)}", assumed="zone")
    if default_offset:
        return Time(f"{on}T{clock}{default_offset}", assumed="zone")
    return Time(on, altered=True)


def offset_of(text: str) -> str | None:
    """The offset that a header time states, as `+HH:MM` or `Z`; None if it states none."""
    found = _TS.match(text.strip())
    return _offset(found.group(8)) if found and found.group(8) else None


def fhir_time(text: str) -> str | None:
    """A FHIR date, dateTime or instant if it is one (real calendar, offset with a time), else None."""
    found = _FHIR.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second, _, offset = found.groups()
    if year == "0000" or not _real(year, month, day, hour, minute, second):
        return None
    return text if offset in (None, "Z") or _offset(offset.replace(":", "")) else None


def utc_key(text: str | None) -> str:
    """Sort key of a FHIR time: UTC with six digits of fraction; a partial date counts from its start.

    A leap second counts as the one before; a time whose UTC is outside of our calendar as it is written.
    """
    if not text:
        return ""
    padded = _LEAP.sub(r"\1:59", text + {4: "-01-01", 7: "-01"}.get(len(text), ""))
    try:
        moment = datetime.fromisoformat(padded)
    except ValueError:
        return ""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return instant(moment)
    except OverflowError:
        return instant(moment.replace(tzinfo=UTC))


def later_by_minutes(text: str, minutes: int) -> str | None:
    """A dateTime with time and offset, moved on; the offset stays as written. None if it is none."""
    try:
        moment = datetime.fromisoformat(text) + timedelta(minutes=minutes)
    except (ValueError, OverflowError):
        return None
    moved = moment.isoformat()
    return f"{moved[:-6]}Z" if text.endswith("Z") else moved


def instant(at: datetime) -> str:
    """A clock reading as FHIR instant in UTC, six digits of fraction (fixed width, so it sorts)."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _real(
    year: str, month: str | None, day: str | None, hour: str | None, minute: str | None, second: str | None
) -> bool:
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return False
    return int(hour or 0) < 24 and int(minute or 0) < 60 and int(second or 0) <= 60


def _offset(text: str) -> str | None:
    if text == "Z":
        return "Z"
    hours, minutes = int(text[1:3]), int(text[3:5] or 0)
    if hours > 14 or minutes > 59 or (hours == 14 and minutes):
        return None
    return f"{text[0]}{hours:02d}:{minutes:02d}"


def _offset_in(zone: str, local: datetime) -> str:
    """Offset of a local time: the first of two, and before the gap for one that never occurs (fold=0)."""
    delta = local.replace(tzinfo=_zone(zone), fold=0).utcoffset() or timedelta()
    sign = "-" if delta < timedelta() else "+"
    minutes = abs(int(delta.total_seconds())) // 60
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"


def as_timezone(offset: str) -> timezone:
    """`+HH:MM` or `Z` as a tzinfo."""
    if offset == "Z":
        return UTC
    sign = -1 if offset[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6])))
