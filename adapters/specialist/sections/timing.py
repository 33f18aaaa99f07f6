"""When a medicine is taken: IVL, PIVL, EIVL and TS of a substance administration as a FHIR Timing."""

from decimal import Decimal
from typing import Any

from adapters.specialist.markup import Element, find, find_all, peek, type_of
from adapters.specialist.quantities import number, period, time
from adapters.specialist.record import Record
from adapters.specialist.values import present

JSON = dict[str, Any]
_UNITS = frozenset({"s", "min", "h", "d", "wk", "mo", "a"})
_MINUTES = {"min": 1, "h": 60, "d": 1440}
_EVENTS = frozenset("MORN NOON AFT EVE NIGHT HS WAKE C CM CD CV AC ACM ACD ACV PC PCM PCD PCV".split())
_MEALS = frozenset("C CM CD CV".split())


def timing(record: Record, act: Element) -> JSON | None:
    """One Timing of all effectiveTimes of an act: bounds, how often, at which event."""
    repeat: JSON = {}
    events: list[str] = []
    for element in find_all(act, "effectiveTime"):
        kind = type_of(element)
        if kind == "PIVL_TS":
            repeat |= _periodic(record, element)
        elif kind == "EIVL_TS":
            repeat |= _at_event(record, element)
        elif point := time(record, element):
            events.append(point)
        elif span := period(record, element):
            repeat["boundsPeriod"] = span
    return present(event=events, repeat=repeat) or None


def _periodic(record: Record, element: Element) -> JSON:
    """`<period value="8" unit="h"/>`: every 8 hours; institutionSpecified: 3 times a day, hours left open."""
    span = find(element, "period")
    low, high = find(span, "low"), find(span, "high")
    first = low if low is not None and span is not None and "value" not in span.attrib else span
    unit = peek(first, "unit")
    if unit not in _UNITS:
        return {}
    value = number(record, first)
    if value is None or value <= 0:
        return {}
    record.doc.get(first, "unit")
    often = _times_a_day(record, element, value, unit)
    if often:
        return often
    longest = number(record, high) if high is not None and peek(high, "unit") == unit else None
    if longest is not None:
        record.doc.get(high, "unit")
    return present(frequency=1, period=value, periodMax=longest, periodUnit=unit)


def _times_a_day(record: Record, element: Element, value: Decimal, unit: str) -> JSON:
    if unit != "h" or Decimal(24) % value or peek(element, "institutionSpecified") != "true":
        return {}
    record.doc.get(element, "institutionSpecified")
    return {"frequency": int(Decimal(24) / value), "period": Decimal(1), "periodUnit": "d"}


def _at_event(record: Record, element: Element) -> JSON:
    """`<event code="HS"/>` to `when`; an offset in minutes where FHIR allows one (tim-9)."""
    event = find(element, "event")
    code = peek(event, "code")
    if code not in _EVENTS:
        return {}
    record.doc.get(event, "code")
    low = find(element, "offset/low")
    offset = low if low is not None else find(element, "offset")
    unit = peek(offset, "unit")
    if unit not in _MINUTES or code in _MEALS:
        return {"when": [code]}
    value = number(record, offset)
    minutes = int(abs(value) * _MINUTES[unit]) if value is not None else 0
    record.doc.get(offset, "unit")
    return {"when": [code]} | ({"offset": minutes} if minutes else {})
