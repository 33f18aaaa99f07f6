"""CDA quantities and times as FHIR ones, digit by digit (normalisation.md 1, rules 1 and 7)."""

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from adapters.specialist.markup import Element, find, peek
from adapters.specialist.record import Record
from adapters.specialist.values import present
from adapters.terminology.ucum import UCUM, ucum_code
from adapters.times import Time, parse_compact, utc_key

JSON = dict[str, Any]
_LONGEST = 100
"""A text of more is no time."""
_DIGITS = 30
"""More before or after the point are no measure, and more than a reader's floating point holds."""
_NUMBER = re.compile(r"([+-]?)(\d*)(\.\d+|\.)?([eE][+-]?\d{1,3})?\Z", re.ASCII)
_PLAIN = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?\Z", re.ASCII)
_PADDED = re.compile(r"[+-]?0\d")
_AGES = frozenset("a mo wk d h min".split())
"""What an Age counts in (age-1)."""


def number(record: Record, element: Element | None, name: str = "value") -> Decimal | None:
    """A decimal with the digits of the source; None (and a line) if it is none."""
    text = peek(element, name)
    if element is None or not text:
        return None
    if _PLAIN.match(text):  # by far the most
        record.doc.get(element, name)
        return Decimal(text)
    found = _NUMBER.match(text)
    written = found and (found.group(2) or (found.group(3) or "").strip("."))
    if not written or len(text) > 40 or abs(Decimal(text).adjusted()) > _DIGITS:
        record.doc.lose(element, "rejected", "bad-number", name)
        return None
    power = "e" in text.lower()
    if power or text[0] in "+." or text.startswith("-.") or text.endswith(".") or _PADDED.match(text):
        record.doc.remark(element, "altered", "number")
    record.doc.get(element, name)
    # No exponent: not every reader of JSON knows it.
    return Decimal(f"{Decimal(text):f}" if power else text)


def integer(record: Record, element: Element | None) -> int | None:
    """A whole number, or None."""
    text = peek(element, "value")
    if element is None or not text:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", text):
        record.doc.lose(element, "rejected", "bad-number", "value")
        return None
    return int(record.doc.get(element, "value"))


def quantity(record: Record, element: Element | None) -> JSON | None:
    """PQ to Quantity. CDA defines `unit` as UCUM; what is none is a remark, and coded only if it is exact."""
    value = number(record, element)
    if value is None or element is None:
        return None
    unit = record.doc.get(element, "unit")
    code = ucum_code(unit)
    if code != unit:
        record.doc.remark(element, "altered", "namespace")
    found: JSON = {"value": value}
    if unit:
        found["unit"] = unit
    if code:
        found |= {"system": UCUM, "code": code}
    return found


def aged(record: Record, element: Element | None, prefix: str) -> JSON:
    """An age to `<prefix>Age`; of no unit of time `<prefix>String`, with the words that are there (age-1)."""
    found = quantity(record, element)
    if found is None:
        return {}
    if found.get("code") in _AGES:
        return {f"{prefix}Age": found}
    return {f"{prefix}String": f"{found['value']} {found.get('unit', '')}".rstrip()}


def ranged(record: Record, element: Element | None) -> JSON | None:
    """IVL_PQ to Range."""
    low, high = (quantity(record, find(element, side)) for side in ("low", "high"))
    return present(low=low, high=high) or None


def time(record: Record, element: Element | None) -> str | None:
    """TS to dateTime; a bad one is a line, a zone that we filled in a remark."""
    value = element.attrib.get("value") if element is not None else None
    text = value.strip() if value else ""
    if element is None or not text:
        return None
    found = _time(text[:_LONGEST], record.source.zone, record.offset)
    if found is None:
        record.doc.lose(element, "rejected", "bad-date", "value")
        return None
    record.doc.get(element, "value")
    if found.altered:
        record.doc.remark(element, "altered", "precision")
    if found.assumed:
        record.assume_zone(element)
    return found.text


@lru_cache(maxsize=4096)
def _time(text: str, zone: str | None, offset: str | None) -> Time | None:
    """A document states few times, and states them often."""
    return parse_compact(text, zone=zone, default_offset=offset) if len(text) < _LONGEST else None


def day(record: Record, element: Element | None) -> str | None:
    """TS to date: what a FHIR `date` can hold of it."""
    whole = time(record, element)
    if whole and len(whole) > 10 and element is not None:
        record.doc.remark(element, "altered", "precision")
    return whole[:10] if whole else None


def period(record: Record, element: Element | None) -> JSON | None:
    """IVL_TS to Period; an end before the start is rejected (per-1)."""
    low, high = find(element, "low"), find(element, "high")
    start, end = time(record, low), time(record, high)
    if start and end and high is not None and _precedes(end, start):
        record.doc.reject(high, "bad-date", "value")
        end = None
    return present(start=start, end=end) or None


def _precedes(end: str, start: str) -> bool:
    """Whether `end` is before `start` at the precision that both have."""
    shared = min(len(end), len(start))
    return end[:shared] < start[:shared] if shared <= 10 else utc_key(end) < utc_key(start)


def when(record: Record, element: Element | None, prefix: str) -> JSON:
    """effectiveTime to `<prefix>DateTime` or `<prefix>Period`."""
    point = time(record, element) or time(record, find(element, "center"))
    if point:
        return {f"{prefix}DateTime": point}
    span = period(record, element)
    if span and span.get("start") == span.get("end"):
        return {f"{prefix}DateTime": span["start"]}
    return {f"{prefix}Period": span} if span else {}
