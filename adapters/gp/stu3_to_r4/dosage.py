"""Dosage and Timing. R4 groups dose and rate of a dosage under `doseAndRate`."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.datatypes import quantity, ratio, simple_quantity
from adapters.gp.stu3_to_r4.elements import codeable, compound, element_table, kinds
from adapters.gp.stu3_to_r4.fields import Table, choice, flat, many, one
from adapters.gp.unit import Unit
from adapters.reading import Holder, Step

_repeat = compound(
    choice("bounds", kinds("Duration", "Range", "Period")),
    one("count", p.positive),
    one("countMax", p.positive),
    one("duration", p.decimal),
    one("durationMax", p.decimal),
    one("durationUnit", p.code),
    one("frequency", p.positive),
    one("frequencyMax", p.positive),
    one("period", p.decimal),
    one("periodMax", p.decimal),
    one("periodUnit", p.code),
    many("dayOfWeek", p.code),
    many("timeOfDay", p.clock_time),
    many("when", p.code),
    one("offset", p.unsigned),
)
timing = compound(many("event", p.date_time), one("repeat", _repeat), one("code", codeable))
_QUANTITY = {"Quantity": simple_quantity}
_DOSE = Table(
    (
        *choice("dose", kinds("Range") | _QUANTITY),
        *choice("rate", kinds("Ratio", "Range") | _QUANTITY),
    )
)
_ROWS = (
    one("sequence", p.integer),
    one("text", p.string),
    many("additionalInstruction", codeable),
    one("patientInstruction", p.string),
    one("timing", timing),
    choice("asNeeded", kinds("Boolean", "CodeableConcept")),
    one("site", codeable),
    one("route", codeable),
    one("method", codeable),
)
_DOSAGE = element_table(flat(_ROWS))
_LIMITS = Table(
    (
        one("maxDosePerPeriod", ratio),
        one("maxDosePerAdministration", quantity),
        one("maxDosePerLifetime", quantity),
    )
)


def dosage(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
    """One Dosage; the words of the prescriber (`text`, `patientInstruction`) stay as they are."""
    raw = holder[step]  # type: ignore[index]
    if not isinstance(raw, dict):
        unit.reject(holder, step, "bad-text")
        return None
    made = _DOSAGE.build(unit, raw)
    amounts = _DOSE.build(unit, raw)
    if amounts:
        made["doseAndRate"] = [amounts]
    return made | _LIMITS.build(unit, raw) or None
