"""The GP Connect triple: a MedicationStatement, its plan, and the orders issued under it.

Rows of Medication, MedicationStatement and MedicationRequest; how the three hang together is
`adapters.gp.medication`.
"""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.datatypes import note, quantity, ratio, simple_quantity
from adapters.gp.stu3_to_r4.dosage import dosage
from adapters.gp.stu3_to_r4.elements import absent, codeable, compound, identifier, kinds, period, reference
from adapters.gp.stu3_to_r4.fields import Table, choice, listed, many, no_target, one
from adapters.gp.stu3_to_r4.references import encounter, wrapped
from adapters.gp.stu3_to_r4.resource import supply, supply_subject, table
from adapters.gp.unit import Unit
from adapters.interface import JSON
from adapters.reading import Holder, Step

_MEDICATION = kinds("CodeableConcept", "Reference")


def _medicine(unit: Unit, r4: JSON) -> None:
    if "medicationCodeableConcept" not in r4 and "medicationReference" not in r4:
        supply(unit, r4, "medicationCodeableConcept", absent(), "class")


def _finish_statement(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    if _said(stu3.get("taken")) == "n" and r4.get("status") != "entered-in-error":
        r4["status"] = "not-taken"
    supply(unit, r4, "status", "unknown")
    _medicine(unit, r4)
    supply_subject(unit, r4)


def _finish_request(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply(unit, r4, "status", "unknown")
    supply(unit, r4, "intent", "order", "intent")
    _medicine(unit, r4)
    supply_subject(unit, r4)
    _say_why(r4)
    if "substitution" in r4:
        r4["substitution"].setdefault("allowedBoolean", False)


def _say_why(r4: JSON) -> None:
    """Why a course was stopped or changed: R4 has a member for it. The extension stays, as it says when."""
    for extension in r4["extension"]:
        if "MedicationStatusReason" not in extension["url"] or "statusReason" in r4:
            continue
        for part in extension.get("extension", ()):
            if part["url"] == "statusReason" and "valueCodeableConcept" in part:
                r4["statusReason"] = part["valueCodeableConcept"]


def _said(raw: Any) -> str:
    return raw.strip().lower() if isinstance(raw, str) else ""


def _taken(unit: Unit, holder: Holder, step: Step) -> None:
    """`n` is the status `not-taken`; `y`, `unk` and `na` say nothing that R4 can hold."""
    if _said(holder[step]) == "n":  # type: ignore[index]
        unit.take(holder, step)
    else:
        unit.drop(holder, step)


_ingredient = compound(
    choice("item", _MEDICATION), one("isActive", p.boolean), one("amount", ratio, "strength")
)


def _batches(unit: Unit, holder: Holder, step: Step) -> Any:
    """`package.batch`; the other parts of `package` have no place."""
    raw = holder[step]  # type: ignore[index]
    if not isinstance(raw, dict):
        return None
    found = _PACKAGE.build(unit, raw).get("batch", [])
    for index in range(1, len(found)):
        unit.reject(raw["batch"], index, "too-many")
    return found[0] if found else None


_batch = compound(one("lotNumber", p.string), one("expirationDate", p.date_time))
_PACKAGE = Table((many("batch", _batch),))
MEDICATION = table(
    "Medication",
    many("identifier", identifier),
    one("code", codeable),
    one("status", p.enum("Medication.status")),
    one("manufacturer", reference),
    one("form", codeable),
    many("ingredient", _ingredient),
    one("package", _batches, "batch"),
    no_target("isBrand", "isOverTheCounter", "image"),
)
MEDICATION_STATEMENT = table(
    "MedicationStatement",
    many("identifier", identifier),
    many("basedOn", reference),
    many("partOf", reference),
    one("status", p.enum("MedicationStatement.status")),
    one("taken", _taken),
    many("reasonNotTaken", codeable, "statusReason"),
    one("category", codeable),
    choice("medication", _MEDICATION),
    one("subject", reference),
    one("context", reference),
    choice("effective", kinds("DateTime", "Period")),
    one("dateAsserted", p.date_time),
    one("informationSource", reference),
    many("derivedFrom", reference),
    many("reasonCode", codeable),
    many("reasonReference", reference),
    many("note", note),
    many("dosage", dosage),
    finish=_finish_statement,
)
_supply = compound(
    one("validityPeriod", period),
    one("numberOfRepeatsAllowed", p.unsigned),
    one("quantity", simple_quantity),
    one("expectedSupplyDuration", quantity),
    one("performer", reference),
)
MEDICATION_REQUEST = table(
    "MedicationRequest",
    many("identifier", identifier),
    one("status", p.enum("MedicationRequest.status")),
    one("intent", p.enum("MedicationRequest.intent")),
    listed("category", codeable),
    one("priority", p.enum("request-priority")),
    choice("medication", _MEDICATION),
    one("subject", reference),
    one("context", encounter, "encounter"),
    many("supportingInformation", reference),
    one("authoredOn", p.date_time),
    one("requester", wrapped("agent", "MedicationRequest.requester.onBehalfOf")),
    one("recorder", reference),
    many("reasonCode", codeable),
    many("reasonReference", reference),
    many("basedOn", reference),
    one("groupIdentifier", identifier),
    many("note", note),
    many("dosageInstruction", dosage),
    one("dispenseRequest", _supply),
    one("substitution", compound(one("allowed", p.boolean, "allowedBoolean"), one("reason", codeable))),
    one("priorPrescription", reference),
    many("detectedIssue", reference),
    many("eventHistory", reference),
    no_target("definition"),
    finish=_finish_request,
)
