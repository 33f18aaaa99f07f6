"""MedicationAdministration and MedicationDispense: given or not, handed over or not, and why."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.crossed import crossed
from adapters.gp.stu3_to_r4.datatypes import note, simple_quantity
from adapters.gp.stu3_to_r4.dosage import dosage
from adapters.gp.stu3_to_r4.elements import absent, codeable, compound, identifier, kinds, reference
from adapters.gp.stu3_to_r4.fields import choice, many, no_target, one
from adapters.gp.stu3_to_r4.resource import supply, supply_subject, table
from adapters.gp.unit import Unit
from adapters.interface import JSON
from adapters.reading import Holder, Step

_MEDICATION = kinds("CodeableConcept", "Reference")


def _not_done(unit: Unit, holder: Holder, step: Step) -> None:
    """Said by the status (`_finish_...`)."""
    p.boolean(unit, holder, step)


def _finish(unit: Unit, stu3: dict[str, Any], r4: JSON, negation: str, status: str) -> None:
    if p.negated(stu3.get(negation)) and r4.get("status") != "entered-in-error":
        r4["status"] = status
    supply(unit, r4, "status", "unknown")
    if "medicationCodeableConcept" not in r4 and "medicationReference" not in r4:
        supply(unit, r4, "medicationCodeableConcept", absent(), "class")
    supply_subject(unit, r4)


def _finish_administration(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    _finish(unit, stu3, r4, "notGiven", "not-done")
    if "effectiveDateTime" not in r4 and "effectivePeriod" not in r4:
        r4.setdefault("_effectiveDateTime", absent())
    held = r4.get("dosage", {})
    if held and not held.keys() & {"dose", "rateRatio", "rateQuantity"}:  # mad-1
        held["dose"] = absent()


def _finish_dispense(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    _finish(unit, stu3, r4, "notDone", "declined")
    if "substitution" in r4 and "wasSubstituted" not in r4["substitution"]:
        r4["substitution"].setdefault("_wasSubstituted", absent())


def _performer(path: str) -> Any:
    behalf = crossed(f"{path}.performer.onBehalfOf", "Reference", reference)
    return compound(behalf, one("actor", reference), needs=("actor",))


_given = compound(
    one("text", p.string),
    one("site", codeable),
    one("route", codeable),
    one("method", codeable),
    one("dose", simple_quantity),
    choice("rate", kinds("Ratio") | {"Quantity": simple_quantity}),
)
MEDICATION_ADMINISTRATION = table(
    "MedicationAdministration",
    many("identifier", identifier),
    many("partOf", reference),
    one("status", p.enum("MedicationAdministration.status")),
    one("notGiven", _not_done),
    many("reasonNotGiven", codeable, "statusReason"),
    one("category", codeable),
    choice("medication", _MEDICATION),
    one("subject", reference),
    one("context", reference),
    many("supportingInformation", reference),
    choice("effective", kinds("DateTime", "Period")),
    many("performer", _performer("MedicationAdministration")),
    many("reasonCode", codeable),
    many("reasonReference", reference),
    one("prescription", reference, "request"),
    many("device", reference),
    many("note", note),
    one("dosage", _given),
    many("eventHistory", reference),
    no_target("definition"),
    finish=_finish_administration,
)
_substitution = compound(
    one("wasSubstituted", p.boolean),
    one("type", codeable),
    many("reason", codeable),
    many("responsibleParty", reference),
)
MEDICATION_DISPENSE = table(
    "MedicationDispense",
    many("identifier", identifier),
    many("partOf", reference),
    one("status", p.enum("MedicationDispense.status")),
    one("notDone", _not_done),
    choice("notDoneReason", kinds("CodeableConcept", "Reference"), "statusReason"),
    one("category", codeable),
    choice("medication", _MEDICATION),
    one("subject", reference),
    one("context", reference),
    many("supportingInformation", reference),
    many("performer", _performer("MedicationDispense")),
    many("authorizingPrescription", reference),
    one("type", codeable),
    one("quantity", simple_quantity),
    one("daysSupply", simple_quantity),
    one("whenPrepared", p.date_time),
    one("whenHandedOver", p.date_time),
    one("destination", reference),
    many("receiver", reference),
    many("note", note),
    many("dosageInstruction", dosage),
    one("substitution", _substitution),
    many("detectedIssue", reference),
    many("eventHistory", reference),
    finish=_finish_dispense,
)
