"""TQ1, and the older TQ inside of ORC-7, OBR-27 and RXE-1: when, how often, how much, how urgent."""

import re
from dataclasses import dataclass, field
from decimal import Decimal

from adapters.hospital.codes import table
from adapters.hospital.context import Draft
from adapters.hospital.groups import Order
from adapters.hospital.message import Element, Segment
from adapters.hospital.values import number_from
from adapters.interface import JSON

UCUM = "http://unitsofmeasure.org"
PRIORITIES = {"S": "stat", "A": "asap", "R": "routine", "P": "routine", "T": "urgent", "U": "urgent"}
_UNITS = {"S": "s", "M": "min", "H": "h", "D": "d", "W": "wk", "L": "mo", "J": "wk"}
"""Letters of repeat patterns (table 0335) and of TQ-3 to `Timing.repeat.periodUnit`."""
_TIMES_A_DAY = {"QD": 1, "OD": 1, "BID": 2, "TID": 3, "QID": 4}
_EVERY = re.compile(r"Q([1-9]\d?)([SMHDWL])\Z")
_A_DAY = re.compile(r"([1-9]\d?)ID\Z")
_DURATION = re.compile(r"([SMHDWL])([1-9]\d{0,3})\Z")
_WRITTEN = {"S": "s", "SEC": "s", "MIN": "min", "M": "min", "H": "h", "HR": "h", "HOUR": "h", "HOURS": "h"}
_WRITTEN |= {
    "D": "d",
    "DAY": "d",
    "DAYS": "d",
    "WK": "wk",
    "W": "wk",
    "WEEK": "wk",
    "WEEKS": "wk",
    "MO": "mo",
}
_WRITTEN |= {
    "MINUTE": "min",
    "MINUTES": "min",
    "MONTH": "mo",
    "MONTHS": "mo",
    "A": "a",
    "YEAR": "a",
    "MIN.": "min",
}


@dataclass
class Timed:
    """What one TQ1 or TQ says. `timing`: FHIR Timing; `quantity`: Quantity."""

    timing: JSON = field(default_factory=dict)
    quantity: JSON = field(default_factory=dict)
    priority: str | None = None
    condition: str = ""
    words: str = ""


def timed_from_order(draft: Draft, order: Order) -> list[Timed]:
    """All TQ1 of an order; without any, ORC-7, OBR-27 or RXE-1."""
    found = [timed_from_tq1(draft, tq1) for tq1 in order.all("TQ1")]
    if found:
        return found
    places = [(order.orc, 7), (order.obr.segment if order.obr else None, 27), (order.first("RXE"), 1)]
    for segment, number in places:
        old = [
            timed_from_tq(draft, one) for one in (segment.all(number) if segment is not None else ()) if one
        ]
        if old:
            return old
    return []


def timed_from_tq1(draft: Draft, tq1: Segment) -> Timed:
    """TQ1 (v2-to-FHIR TQ1[ServiceRequest], TQ1[MedicationRequest])."""
    made = Timed(quantity=_quantity(tq1.first(2)), priority=priority_from(tq1.first(9)))
    made.condition = tq1.first(10).take(1)
    made.words = tq1.first(11).take(1)
    patterns = [_pattern(element, 1) for element in tq1.all(3)]
    repeat = patterns[0][1] if patterns else {}
    times = [at for element in tq1.all(4) if (at := _time_of_day(element))]
    if times:
        repeat["timeOfDay"] = times
        repeat.setdefault("period", Decimal(1))
        repeat.setdefault("periodUnit", "d")
    _bounds(draft, repeat, tq1.first(6), (tq1.first(7), 1), (tq1.first(8), 1))
    length, unit = _amount(tq1.first(13))
    if length is not None and unit:
        repeat |= {"duration": length, "durationUnit": unit}
    count = number_from(tq1.text(14))
    if count is not None and count == int(count) and count > 0:
        tq1.first(14).take(1)
        repeat["count"] = int(count)
    made.timing = _timing(repeat, patterns)
    return made


def timed_from_tq(draft: Draft, element: Element) -> Timed:
    """TQ: quantity, interval (pattern, explicit time), duration, start, end, priority, condition, text."""
    amount = number_from(element.text(1, 1))
    made = Timed()
    if amount is not None:
        element.take(1, 1)
        unit = element.take(1, 2)
        made.quantity = {"value": amount} | ({"unit": unit} if unit else {})
    pattern = _pattern(element, 2) if element.text(2) else None
    repeat = pattern[1] if pattern else {}
    length = _DURATION.match(element.text(3).upper())
    if length:
        element.take(3)
    elif re.match(r"X[1-9]\d{0,2}\Z", element.text(3)):
        repeat["count"] = int(element.take(3)[1:])
    _bounds(draft, repeat, None, (element, 4), (element, 5), length)
    urgency = PRIORITIES.get(element.text(6).upper()[:1])
    if urgency:
        element.take(6)
    made.priority, made.condition, made.words = urgency, element.take(7), element.take(8)
    made.timing = _timing(repeat, [pattern] if pattern else [])
    return made


def priority_from(element: Element) -> str | None:
    """Tables 0485 and OBR-5 to request priority."""
    known = PRIORITIES.get(element.text(1).upper())
    if known:
        element.take(1)
    return known


def minutes_from(number: Element, units: Element | None = None) -> int | None:
    """A duration whose units are minutes or hours, in minutes; without units, minutes (SCH-9, AIS-7)."""
    amount = number_from(number.text(1))
    unit = _WRITTEN.get(units.text(1).upper()) if units is not None and units.text(1) else "min"
    factor = {"min": 1, "h": 60}.get(unit or "")
    if amount is None or not factor or amount <= 0 or amount != int(amount):
        return None
    number.take(1)
    if units is not None:
        units.take(1)
    return int(amount) * factor


def _timing(repeat: JSON, patterns: list[tuple[JSON, JSON]]) -> JSON:
    code = patterns[0][0] if patterns else {}
    return ({"repeat": repeat} if repeat else {}) | ({"code": code} if code else {})


def _pattern(element: Element, comp: int) -> tuple[JSON, JSON]:
    """Code of a repeat pattern and what it means: QD BID TID QID nID Q6H; any other is a code alone."""
    code = element.take(comp, 1)
    words = element.take(comp, 2)
    plain = code.upper()
    frequency = _TIMES_A_DAY.get(plain)
    a_day, every = _A_DAY.match(plain), _EVERY.match(plain)
    repeat: JSON = {}
    if frequency or a_day:
        frequency = frequency or int(a_day.group(1) if a_day else 0)
        repeat = {"frequency": frequency, "period": Decimal(1), "periodUnit": "d"}
    elif every:
        number, letter = every.groups()
        repeat = {"frequency": 1, "period": Decimal(number), "periodUnit": _UNITS[letter]}
    if not code:
        return ({"text": words} if words else {}), repeat
    coding = {"system": table("0335"), "code": code} | ({"display": words} if words else {})
    return ({"text": code} if re.search(r"\s", code) else {"coding": [coding]}), repeat


def _bounds(
    draft: Draft,
    repeat: JSON,
    length: Element | None,
    start: tuple[Element, int],
    end: tuple[Element, int],
    old: re.Match[str] | None = None,
) -> None:
    """`boundsPeriod` from start and end; without either, `boundsDuration`."""
    said = [
        (name, draft.time(element, "timing", comp))
        for name, (element, comp) in (("start", start), ("end", end))
    ]
    period = {name: moment for name, moment in said if moment}
    if len(period) == 2 and period["end"][:10] < period["start"][:10]:
        period.pop("end")  # per-1
    amount, unit = _amount(length) if length is not None else (None, "")
    if old:
        amount, unit = Decimal(old.group(2)), _UNITS[old.group(1)]
    if period:
        repeat["boundsPeriod"] = period
    elif amount is not None and unit:
        repeat["boundsDuration"] = {"value": amount, "unit": unit, "system": UCUM, "code": unit}


def _amount(element: Element) -> tuple[Decimal | None, str]:
    """CQ whose unit is one of time: number and UCUM unit."""
    number = number_from(element.text(1))
    unit = _WRITTEN.get(element.text(2, 1).upper(), "")
    if number is None or not unit:
        return None, ""
    element.take(1)
    element.take(2, 1)
    return number, unit


def _quantity(element: Element) -> JSON:
    number = number_from(element.text(1))
    if number is None:
        return {}
    element.take(1)
    unit = element.take(2, 2) or element.take(2, 1)
    return {"value": number} | ({"unit": unit} if unit else {})


def _time_of_day(element: Element) -> str | None:
    found = re.match(r"([01]\d|2[0-3])([0-5]\d)([0-5]\d)?\Z", element.text(1).replace(":", ""))
    if not found:
        return None
    element.take(1)
    return f"{found.group(1)}:{found.group(2)}:{found.group(3) or '00'}"
