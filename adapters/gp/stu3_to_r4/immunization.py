"""Immunization: given or not, and why (R4 folds `notGiven` and `explanation` into status and reasons)."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.crossed import crossed
from adapters.gp.stu3_to_r4.datatypes import note, simple_quantity
from adapters.gp.stu3_to_r4.elements import absent, codeable, compound, identifier, reference
from adapters.gp.stu3_to_r4.fields import Field, Table, first, many, one
from adapters.gp.stu3_to_r4.resource import supply, supply_subject, table
from adapters.gp.unit import Unit
from adapters.interface import JSON
from adapters.reading import Holder, Step

_RECORDED = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-DateRecorded-1"
_performer = compound(one("role", codeable, "function"), one("actor", reference), needs=("actor",))
_reaction = compound(one("date", p.date_time), one("detail", reference), one("reported", p.boolean))
_protocol = compound(
    crossed("Immunization.vaccinationProtocol.description", "String", p.string),
    crossed("Immunization.vaccinationProtocol.doseStatus", "CodeableConcept", codeable),
    crossed("Immunization.vaccinationProtocol.doseStatusReason", "CodeableConcept", codeable),
    one("series", p.string),
    one("authority", reference),
    many("targetDisease", codeable),
    one("doseSequence", p.positive, "doseNumberPositiveInt"),
    one("seriesDoses", p.positive, "seriesDosesPositiveInt"),
)


def _explained(name: str, row: Field, target: str) -> Field:
    """Row of one member of `explanation`, at its new place."""
    part = Table((row,))

    def convert(unit: Unit, holder: Holder, step: Step) -> Any:
        raw = holder[step]  # type: ignore[index]
        return part.build(unit, raw).get(name) if isinstance(raw, dict) else None

    return Field("explanation", target, convert)


def _not_given(unit: Unit, holder: Holder, step: Step) -> None:
    """Said by the status (`_finish`): `not-done`, unless the record was a mistake altogether."""
    p.boolean(unit, holder, step)


def _finish(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    if p.negated(stu3.get("notGiven")) and r4.get("status") != "entered-in-error":
        r4["status"] = "not-done"
    supply(unit, r4, "status", "completed")
    r4.setdefault("vaccineCode", absent())
    supply_subject(unit, r4, "patient")
    if "occurrenceDateTime" not in r4:
        supply(unit, r4, "occurrenceString", "unknown")
    for protocol in r4.get("protocolApplied", ()):
        if "doseNumberPositiveInt" not in protocol:
            supply(unit, protocol, "doseNumberString", "unknown")
    _move_recorded(r4)


def _move_recorded(r4: JSON) -> None:
    """Care Connect had the date of recording as extension; R4 has a member for it."""
    for extension in list(r4["extension"]):
        if extension["url"] == _RECORDED and "recorded" not in r4 and "valueDateTime" in extension:
            r4["recorded"] = extension["valueDateTime"]
            r4["extension"].remove(extension)


IMMUNIZATION = table(
    "Immunization",
    many("identifier", identifier),
    one("status", p.enum("Immunization.status")),
    one("notGiven", _not_given),
    _explained("reasonNotGiven", first("reasonNotGiven", codeable), "statusReason"),
    one("vaccineCode", codeable),
    one("patient", reference),
    one("encounter", reference),
    one("date", p.date_time, "occurrenceDateTime"),
    one("primarySource", p.boolean),
    one("reportOrigin", codeable),
    one("location", reference),
    one("manufacturer", reference),
    one("lotNumber", p.string),
    one("expirationDate", p.date),
    one("site", codeable),
    one("route", codeable),
    one("doseQuantity", simple_quantity),
    many("practitioner", _performer, "performer"),
    many("note", note),
    _explained("reason", many("reason", codeable), "reasonCode"),
    one("isSubpotent", p.boolean),  # of R4, and sent before its time, as is fundingSource
    one("fundingSource", codeable),
    many("reaction", _reaction),
    many("vaccinationProtocol", _protocol, "protocolApplied"),
    finish=_finish,
)
