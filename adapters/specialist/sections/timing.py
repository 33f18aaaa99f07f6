"""When a medicine is taken: IVL, PIVL, EIVL and TS of a substance administration as a FHIR Timing."""

from decimal import Decimal, InvalidOperation
from typing import Any

from adapters.specialist.markup import Element, find, find_all, peek, type_of
from adapters.specialist.quantities import number, period, time
from adapters.specialist.record import Record
from adapters.specialist.values import present

JSON = dict[str, Any]
_UNITS = frozenset({"s", "min", "h", "d", "wk", "mo", "a"})
_MINUTES = {"min": 1, "h": 60, "d": 1440}
_EVENTS = frozenset("MORN NOON AFT EVE NIGHT HS WAKE C CM CD CV AC ACM ACD ACV PC PCM PCD PCV".split())
_RHYTHMS = ("PIVL_TS", "EIVL_TS")
_MEALS = frozenset("C CM CD CV".split())


def timing(record: Record, act: Element) -> JSON | None:
    """One Timing of all effectiveTimes of an act: bounds, how often, at which event.

    Of two rhythms (each 12 hours, every other day) it has none: one alone would be another dose. `rhythms`
    says them in words.
    """
    repeat: JSON = {}
    events: list[str] = []
    several = len(_rhythmic(act)) > 1
    for element in find_all(act, "effectiveTime"):
        kind = type_of(element)
        if kind in _RHYTHMS:
            if not several:
                repeat |= _periodic(record, element) if kind == "PIVL_TS" else _at_event(record, element)
        elif point := time(record, element):
            events.append(point)
        elif span := period(record, element):
            repeat["boundsPeriod"] = span
    return present(event=events, repeat=repeat) or None


def rhythms(record: Record, act: Element) -> str | None:
    """What a Timing cannot say, in words: several rhythms, or one of an unknown unit or number."""
    found = _rhythmic(act)
    several = len(found) > 1
    words = [w for w in (_words(record, e, several) for e in found) if w]
    return "Timing: " + " and ".join(words) if words else None


def _rhythmic(act: Element) -> list[Element]:
    return [e for e in find_all(act, "effectiveTime") if type_of(e) in _RHYTHMS]


def _words(record: Record, element: Element, several: bool) -> str | None:
    """A rhythm as the source wrote it; what is bad of it is a line too."""
    event = find(element, "event")
    if event is not None:
        known = peek(event, "code") in _EVENTS
        return record.doc.get(event, "code") or None if several or not known else None
    period, low = find(element, "period"), find(element, "period/low")
    span = low if low is not None and not peek(period, "value") else period
    if span is None or not peek(span, "value") or (_is_period(span) and not several):
        return None
    said = f"every {peek(span, 'value')} {peek(span, 'unit')}".rstrip()
    if peek(span, "unit") not in _UNITS:
        record.doc.lose(span, "rejected", "bad-code", "unit")
    elif not _is_period(span):
        record.doc.lose(span, "rejected", "bad-number", "value")
    record.doc.get(span, "value"), record.doc.get(span, "unit")
    return said


def _is_period(span: Element) -> bool:
    """Whether a period is one that FHIR can say: of a unit of time, and longer than nothing."""
    if peek(span, "unit") not in _UNITS:
        return False
    try:
        value = Decimal(peek(span, "value"))
    except InvalidOperation:
        return False
    return value.is_finite() and value > 0


def _periodic(record: Record, element: Element) -> JSON:
    """`<period value="8" unit="h"/>`: every 8 hours; institutionSpecified: 3 times a day, hours left open."""
    span = find(element, "period")
    low, high = find(span, "low"), find(span, "high")
    first = low if low is not None and span is not None and "value" not in span.attrib else span
    unit = peek(first, "unit")
    value = number(record, first) if first is not None and _is_period(first) else None
    if value is None:
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
