"""FHIR primitives: what is good passes as written, what can be mended is a remark, the rest is rejected."""

import base64
import binascii
import re
from decimal import Decimal
from typing import Any

from adapters import codec, times
from adapters.gp.stu3_to_r4 import usual
from adapters.gp.stu3_to_r4.fields import GOOD, KNOWN, PLAIN, Convert
from adapters.gp.unit import Unit
from adapters.identity import is_fhir_id
from adapters.reading import Holder, Step
from adapters.terminology.tables import Concept, concept_map

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BLANK = re.compile(r"\s")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_OID = re.compile(r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+\Z")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?\Z")
_WRITTEN = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(\.\d+)?)?)?\s?(Z|[+-]\d\d:?\d\d)?)?)?)?\Z"
)


def text_of(unit: Unit, holder: Holder, step: Step) -> str | None:
    """A string without control characters and outer blanks; None (and nothing said) if it is not one."""
    raw = holder[step]  # type: ignore[index]
    if not isinstance(raw, str):
        return None
    if raw.isprintable() and raw.strip() == raw:  # nearly all are
        return raw or None
    clean = _CONTROL.sub("", raw).strip()
    if clean and clean != raw:
        unit.alter(holder, step, "control-character")
    return clean or None


def string(unit: Unit, holder: Holder, step: Step) -> str | None:
    text = text_of(unit, holder, step)
    if text is None:
        unit.reject(holder, step, "bad-text")
        return None
    unit.take(holder, step)
    return text


def _pattern(test: Any, reason: str) -> Convert:
    def convert(unit: Unit, holder: Holder, step: Step) -> str | None:
        text = text_of(unit, holder, step)
        if text is None or not test(text):
            unit.reject(holder, step, reason)
            return None
        unit.take(holder, step)
        return text

    return convert


def _is_uri(text: str) -> bool:
    if _BLANK.search(text):
        return False
    return not text.startswith("urn:oid:") or _OID.match(text) is not None


code = _pattern(re.compile(r"\S+( \S+)*\Z").match, "bad-code")
uri = _pattern(_is_uri, "bad-id")
identifier = _pattern(is_fhir_id, "bad-id")
clock_time = _pattern(_TIME.match, "bad-date")
GOOD |= {string: usual.text, code: usual.code, uri: usual.uri}


def boolean(unit: Unit, holder: Holder, step: Step) -> bool | None:
    raw = holder[step]  # type: ignore[index]
    if raw in ("true", "false"):
        unit.alter(holder, step, "number")
        raw = raw == "true"
    if not isinstance(raw, bool):
        unit.reject(holder, step, "bad-code")
        return None
    unit.take(holder, step)
    return raw


_NO = frozenset(("false", "no", "n", "0", ""))


def negated(raw: object) -> bool:
    """Whether a negation is said: anything there but a plain no. What cannot be read never says "done"."""
    if isinstance(raw, str):
        return raw.strip().lower() not in _NO
    return raw is not None and raw is not False and raw != 0


def decimal(unit: Unit, holder: Holder, step: Step) -> Decimal | int | None:
    """A number with the digits of the source; one that came as a string is read as number (a remark)."""
    raw = holder[step]  # type: ignore[index]
    if isinstance(raw, str) and len(raw) <= codec.MAX_NUMBER_CHARS and _NUMBER.match(raw.strip()):
        unit.alter(holder, step, "number")
        raw = codec.decimal_from_text(raw.strip())
    if isinstance(raw, bool) or not isinstance(raw, int | Decimal):
        unit.reject(holder, step, "bad-number")
        return None
    unit.take(holder, step)
    return raw


PLAIN |= {boolean: frozenset((bool,)), decimal: frozenset((int, Decimal))}


def _whole(low: int) -> Convert:
    def convert(unit: Unit, holder: Holder, step: Step) -> int | None:
        raw = holder[step]  # type: ignore[index]
        if isinstance(raw, str) and re.fullmatch(r"-?[0-9]{1,10}", raw.strip()):
            unit.alter(holder, step, "number")
            raw = int(raw)
        if isinstance(raw, bool) or not isinstance(raw, int) or not low <= raw < 2**31:
            unit.reject(holder, step, "bad-number")
            return None
        unit.take(holder, step)
        return raw

    return convert


integer, unsigned, positive = _whole(-(2**31)), _whole(0), _whole(1)


def base64_text(unit: Unit, holder: Holder, step: Step) -> str | None:
    raw = holder[step]  # type: ignore[index]
    try:
        packed = "".join(raw.split()) if isinstance(raw, str) else ""
        base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        packed = ""
    if not packed:
        unit.reject(holder, step, "bad-base64")
        return None
    unit.take(holder, step)
    return packed


def date_time(unit: Unit, holder: Holder, step: Step) -> str | None:
    """A dateTime at its own precision. Without an offset: that of the source's zone, else the date alone."""
    raw = holder[step]  # type: ignore[index]
    text = raw.strip() if isinstance(raw, str) else ""
    fits = times.fhir_time(text)
    if fits is not None and ("T" not in fits or _has_offset(fits)):
        unit.take(holder, step)
        return fits
    found = _WRITTEN.match(text)
    parsed = times.parse_compact(_compact(found), zone=unit.source.zone) if found else None
    if parsed is None:
        unit.reject(holder, step, "bad-date")
        return None
    if parsed.assumed:
        unit.assume("zone", holder, step)
    if parsed.altered:
        unit.alter(holder, step, "precision")
    unit.take(holder, step)
    return parsed.text


GOOD[date_time] = usual.date_time


def date(unit: Unit, holder: Holder, step: Step) -> str | None:
    """A date; a time of day in its place is cut off (a remark)."""
    text = date_time(unit, holder, step)
    if text is None or "T" not in text:
        return text
    unit.alter(holder, step, "precision")
    return text[:10]


GOOD[date] = usual.date


def instant(unit: Unit, holder: Holder, step: Step) -> str | None:
    """A moment, to the second at least, with its offset: anything less is no instant."""
    raw = holder[step]  # type: ignore[index]
    text = raw.strip() if isinstance(raw, str) else ""
    fits = times.fhir_time(text)
    if fits is None or not _has_offset(fits):
        mended = date_time(unit, holder, step)
        if mended is None or "T" not in mended:
            unit.reject(holder, step, "bad-date")
            return None
        return mended
    unit.take(holder, step)
    return fits


GOOD[instant] = usual.instant


def _row(table: str, text: str | None) -> Concept | None:
    """The row of a code; one that came in capitals means the same code."""
    rows = concept_map("stu3_codes")
    return (rows.get((table, text)) or rows.get((table, text.lower()))) if text else None


def enum(table: str) -> Convert:
    """A code of a closed R4 list, translated by the rows `table` of stu3_codes.csv."""

    def convert(unit: Unit, holder: Holder, step: Step) -> str | None:
        text = text_of(unit, holder, step)
        found = _row(table, text)
        if found is not None and (table, text) not in concept_map("stu3_codes"):
            unit.alter(holder, step, "namespace")
        if found is None:
            unit.reject(holder, step, "bad-code")
            return None
        if not found.code:
            unit.drop(holder, step)
            return None
        unit.take(holder, step)
        return found.code

    def known(text: str) -> str | None:
        found = concept_map("stu3_codes").get((table, text))
        return found.code or None if found is not None else None

    KNOWN[convert] = known
    return convert


def coded(table: str) -> Convert:
    """As `enum`, but R4 has a CodeableConcept there."""
    plain = enum(table)

    def convert(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
        raw = holder[step]  # type: ignore[index]
        if plain(unit, holder, step) is None:
            return None
        row = _row(table, raw.strip())
        return {"coding": [row.coding()]} if row is not None else None

    return convert


def _has_offset(text: str) -> bool:
    return "T" in text and (text.endswith("Z") or text[-6] in "+-")


def _compact(found: re.Match[str]) -> str:
    year, month, day, hour, minute, second, fraction, offset = (part or "" for part in found.groups())
    seconds = second + fraction if minute else ""
    return year + month + day + hour + minute + seconds + (offset.replace(":", "") if hour else "")
