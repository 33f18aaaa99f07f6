"""What RXO, RXE, RXD and RXA have in common: the medicine, its dose, how it is to be taken.

The medicine is always a `medicationCodeableConcept`: what is inferred of a record's sensitivity reads codes
there, so a contained Medication would hide them. Form, strength and components stand in notes.
"""

from dataclasses import dataclass

from adapters.hospital.codes import concept_from_cwe, table
from adapters.hospital.context import ABSENT, Context, Draft
from adapters.hospital.groups import Order
from adapters.hospital.message import Segment
from adapters.hospital.segments.tq1 import UCUM, Timed
from adapters.hospital.units import unit_from_cwe
from adapters.hospital.values import number_at, number_from
from adapters.interface import JSON

_DOSE_TYPE = "http://terminology.hl7.org/CodeSystem/dose-rate-type"


@dataclass(frozen=True, slots=True)
class Places:
    """Field numbers of one segment; 0: it has no such field. Pairs are a number and its units."""

    code: int
    low: int
    high: int
    units: int
    form: int
    strength: tuple[int, int]
    volume: tuple[int, int]
    rate: tuple[int, int]
    per: int
    """Unit of time that the dose is given in."""
    instructions: int
    pharmacy: tuple[int, ...]
    """Instructions to the pharmacy, notes."""
    indication: int


RXO = Places(1, 2, 3, 4, 5, (18, 19), (25, 26), (21, 22), 17, 7, (6,), 20)
RXE = Places(2, 3, 4, 5, 6, (25, 26), (33, 34), (23, 24), 22, 7, (21,), 27)
RXD = Places(2, 0, 0, 0, 6, (16, 17), (27, 28), (0, 0), 0, 0, (9, 15), 21)
RXA = Places(5, 6, 0, 7, 8, (13, 14), (23, 24), (0, 0), 12, 0, (9,), 19)


def put_medicine(draft: Draft, segment: Segment, places: Places) -> None:
    """`medicationCodeableConcept`; absent, with its reason, if the segment names none."""
    concept = concept_from_cwe(draft.context, segment.first(places.code))
    draft.put(
        "medicationCodeableConcept", concept or {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
    )


def put_facts(draft: Draft, segment: Segment, places: Places) -> None:
    """Indications as `reasonCode`; form, strength and instructions to the pharmacy as notes."""
    for element in segment.all(places.indication):
        draft.append("reasonCode", concept_from_cwe(draft.context, element))
    said = [
        ("Form", _words(draft.context, segment, places.form)),
        ("Strength", _amount_in_words(draft.context, segment, places)),
    ]
    for name, words in said:
        draft.append("note", {"text": f"{name}: {words}"} if words else None)
    for number in places.pharmacy:
        for element in segment.all(number):
            words = _text(concept_from_cwe(draft.context, element))
            draft.append("note", {"text": words} if words else None)


def components_in_words(draft: Draft, order: Order) -> None:
    """RXC: each base or additive with its amount, as a note."""
    for rxc in order.all("RXC"):
        name = _text(concept_from_cwe(draft.context, rxc.first(2)))
        kind = {"B": "Base", "A": "Additive"}.get(rxc.text(1).upper(), "Component")
        rxc.first(1).take(1)
        amount = " ".join(filter(None, (rxc.first(3).take(1), _words(draft.context, rxc, 4))))
        strength = " ".join(filter(None, (rxc.first(5).take(1), _words(draft.context, rxc, 6))))
        words = ", ".join(filter(None, (name, amount, strength)))
        draft.append("note", {"text": f"{kind}: {words}"} if words else None)


def quantity_from(draft: Draft, segment: Segment, number: int, units: int, target: str) -> JSON | None:
    """Quantity of a number and a field of units; a number that is none is `rejected`."""
    text = segment.text(number) if number else ""
    if not text:
        return None
    value = number_at(segment.first(number))
    if value is None:
        draft.context.reject(segment.first(number), "bad-number", f"{draft.type}.{target}")
        return None
    segment.first(number).take(1)
    return {"value": value} | (unit_from_cwe(draft.context, segment.first(units)) if units else {})


def dosages_from(
    draft: Draft, segment: Segment, places: Places, order: Order, timed: list[Timed]
) -> list[JSON]:
    """One Dosage for each timing, all with the same dose, route and words."""
    shared = _route(draft, order) | _dose(draft, segment, places)
    text = "; ".join(
        words
        for element in (segment.all(places.instructions) if places.instructions else ())
        if (words := _text(concept_from_cwe(draft.context, element)))
    )
    made = []
    for number, one in enumerate(timed or [Timed()], 1):
        said = "; ".join(part for part in (text, one.words) if part)
        dosage: JSON = {"sequence": number} if len(timed) > 1 else {}
        dosage |= ({"text": said} if said else {}) | shared
        if one.condition:
            dosage["additionalInstruction"] = [{"text": one.condition}]
        if one.timing:
            dosage["timing"] = one.timing
        if one.quantity and "doseAndRate" not in dosage:
            dosage["doseAndRate"] = [{"doseQuantity": one.quantity}]
        made.append(dosage)
    return [one for one in made if one.keys() - {"sequence"}]


def _route(draft: Draft, order: Order) -> JSON:
    rxr = order.first("RXR")
    if rxr is None:
        return {}
    context = draft.context
    said = {
        "route": concept_from_cwe(context, rxr.first(1), table("0162")),
        "site": concept_from_cwe(context, rxr.first(2), table("0163")),
        "method": concept_from_cwe(context, rxr.first(4), table("0165")),
    }
    return {name: concept for name, concept in said.items() if concept}


def _dose(draft: Draft, segment: Segment, places: Places) -> JSON:
    low = quantity_from(draft, segment, places.low, places.units, "dose")
    high = quantity_from(draft, segment, places.high, places.units, "dose")
    rate = quantity_from(draft, segment, places.rate[0], places.rate[1], "rate")
    dose: JSON = {}
    if low and high and high["value"] > low["value"]:
        dose["doseRange"] = {"low": low, "high": high}
    elif low or high:
        dose["doseQuantity"] = low or high
    per = _words(draft.context, segment, places.per)
    if rate:
        dose["rateQuantity"] = rate
    if not dose:
        return {"additionalInstruction": [{"text": f"per {per}"}]} if per else {}
    kind = {"coding": [{"system": _DOSE_TYPE, "code": "ordered", "display": "Ordered"}]}
    made: JSON = {"doseAndRate": [{"type": kind} | dose]}
    return ({"additionalInstruction": [{"text": f"per {per}"}]} if per else {}) | made


def daily_maximum(draft: Draft, segment: Segment, number: int) -> JSON | None:
    """RXE-19 or RXD-12, total daily dose, as `maxDosePerPeriod`."""
    element = segment.first(number)
    value = number_from(element.text(1))
    if value is None:
        return None
    element.take(1)
    unit = element.take(2, 1)
    day = {"value": number_from("1"), "unit": "d", "system": UCUM, "code": "d"}
    return {"numerator": {"value": value} | ({"unit": unit} if unit else {}), "denominator": day}


def _words(context: Context, segment: Segment, number: int) -> str:
    return _text(concept_from_cwe(context, segment.first(number))) if number else ""


def _text(concept: JSON | None) -> str:
    """What a person would read of a concept."""
    if not concept:
        return ""
    codings = concept.get("coding", [{}])
    return str(concept.get("text") or codings[0].get("display") or codings[0].get("code", ""))


def _amount_in_words(context: Context, segment: Segment, places: Places) -> str:
    parts = []
    for number, units in (places.strength, places.volume):
        if number and segment.text(number):
            parts.append(
                " ".join(filter(None, (segment.first(number).take(1), _words(context, segment, units))))
            )
    return " per ".join(parts)
