"""The primitive types of FHIR R4 (datatypes 2.24.0.1): their patterns, ranges and real calendar dates."""

import binascii
import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from adapters.boundary.defect import Contained, Defect, Found, Test
from adapters.xhtml import has_active_content

MAX_STRING = 1024 * 1024
"""Characters of a `string` or `markdown` (R4: 1 MiB)."""
_DAY = r"(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_MOMENT = rf"{_DAY}T{_CLOCK}{_ZONE}"
_PARTIAL = rf"(?!0000)[0-9]{{4}}(?:-(?:0[1-9]|1[0-2]))?\Z|{_DAY}\Z"
_DATE = re.compile(_PARTIAL)
_DATETIME = re.compile(rf"{_PARTIAL}|{_MOMENT}\Z")
_INSTANT = re.compile(rf"{_MOMENT}\Z")
_TIME = re.compile(rf"{_CLOCK}\Z")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
_CODE = re.compile(r"[^\s]+(?:\s[^\s]+)*\Z")
_URI = re.compile(r"\S+\Z")
_OID = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+\Z")
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SPACE = re.compile(r"\s")


def _string(value: Any, _: Contained) -> Found:
    if type(value) is str and value and not value.isspace():
        if len(value) > MAX_STRING:
            return [Defect("pattern", "too-long")]
        if value.isprintable() or not _CONTROL.search(value):
            return None
    return [Defect("pattern", "bad-text")]


def _matches(pattern: re.Pattern[str], reason: str) -> Test:
    match = pattern.match

    def test(value: Any, _: Contained) -> Found:
        if type(value) is str and match(value):
            return None
        return [Defect("pattern", reason)]

    return test


def _real_date(pattern: re.Pattern[str]) -> Test:
    match = pattern.match

    def test(value: Any, _: Contained) -> Found:
        # Up to the 28th every day is in every month.
        if (
            type(value) is str
            and match(value)
            and (value[8:10] <= "28" or int(value[8:10]) <= monthrange(int(value[:4]), int(value[5:7]))[1])
        ):
            return None
        return [Defect("pattern", "bad-date")]

    return test


def _within(low: int, high: int) -> Test:
    def test(value: Any, _: Contained) -> Found:
        if type(value) is int and low <= value <= high:
            return None
        return [Defect("pattern", "bad-number")]

    return test


def _boolean(value: Any, _: Contained) -> Found:
    return None if type(value) is bool else [Defect("pattern", "bad-code")]


def _decimal(value: Any, _: Contained) -> Found:
    if type(value) is Decimal or type(value) is int:
        return None
    finite = isinstance(value, Decimal) and value.is_finite()
    return None if finite else [Defect("pattern", "bad-number")]


def _base64(value: Any, _: Contained) -> Found:
    if type(value) is str and value:
        try:
            binascii.a2b_base64(_SPACE.sub("", value), strict_mode=True)
        except ValueError:
            return [Defect("pattern", "bad-base64")]
        return None
    return [Defect("pattern", "bad-base64")]


def _xhtml(value: Any, _: Contained) -> Found:
    if type(value) is str:
        text = value.strip()
        whole = text.startswith("<div") and text.endswith((">",)) and not _CONTROL.search(text)
        if whole and not has_active_content(text):
            return None
    return [Defect("pattern", "bad-text")]


_MOST = 2**31 - 1
ATTRIBUTE = "attribute"
"""`Element.id` and `Extension.url`: strings without blanks that have no extensions."""
TESTS: Mapping[str, Callable[[Any, Contained], Found]] = {
    ATTRIBUTE: _matches(_URI, "bad-text"),
    "base64Binary": _base64,
    "boolean": _boolean,
    "canonical": _matches(_URI, "bad-text"),
    "code": _matches(_CODE, "bad-code"),
    "date": _real_date(_DATE),
    "dateTime": _real_date(_DATETIME),
    "decimal": _decimal,
    "id": _matches(_ID, "bad-id"),
    "instant": _real_date(_INSTANT),
    "integer": _within(-_MOST - 1, _MOST),
    "markdown": _string,
    "oid": _matches(_OID, "bad-id"),
    "positiveInt": _within(1, _MOST),
    "string": _string,
    "time": _matches(_TIME, "bad-date"),
    "unsignedInt": _within(0, _MOST),
    "uri": _matches(_URI, "bad-text"),
    "url": _matches(_URI, "bad-text"),
    "uuid": _matches(_UUID, "bad-id"),
    "xhtml": _xhtml,
}
"""Every primitive type of R4 by name."""
_EARLY = r"(?!0000)[0-9]{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|1[0-9]|2[0-8]))?)?"
"""A date up to the 28th: every month has it."""
_PLAIN = re.compile(r"[!-~][ -~]{0,1022}\Z").match
QUICK: Mapping[str, Callable[[str], object]] = {
    ATTRIBUTE: _URI.match,
    "canonical": _URI.match,
    "code": _CODE.match,
    "date": re.compile(rf"{_EARLY}\Z").match,
    "dateTime": re.compile(rf"{_EARLY}(?:\Z|(?<=-[0-9]{{2}}-[0-9]{{2}})T{_CLOCK}{_ZONE}\Z)").match,
    "id": _ID.match,
    "instant": re.compile(rf"{_EARLY}(?<=-[0-9]{{2}}-[0-9]{{2}})T{_CLOCK}{_ZONE}\Z").match,
    "markdown": _PLAIN,
    "string": _PLAIN,
    "uri": _URI.match,
    "url": _URI.match,
}
"""Of a type, what finds a usual text good without a call of ours; what it does not find the test decides."""
