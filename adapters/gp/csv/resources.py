"""Rows to R4 resources, one converter a kind. Cells come typed; what R4 demands and none says is assumed."""

from collections.abc import Callable, Mapping
from typing import Any

from adapters.gp.csv.cells import Cell
from adapters.interface import JSON

HL7 = "http://terminology.hl7.org/CodeSystem/"
_UCUM = "http://unitsofmeasure.org"
Cells = Mapping[str, Cell]
"""Field of the kind to its typed value; empty cells are not in it."""
Systems = Mapping[str, str]
Assume = Callable[[str], None]
"""Says that a value was supplied: reason of the ledger."""


def condition(cells: Cells, systems: Systems, assume: Assume) -> JSON:
    """con-4: what has ended is not active; con-5: a mistake has no clinical status."""
    made = _times(cells, onset="onsetDateTime", abatement="abatementDateTime", recorded="recordedDate")
    verification = _text(cells, "verification-status")
    if "clinical-status" in cells and verification != "entered-in-error":
        status = _text(cells, "clinical-status")
        if status in ("active", "recurrence", "relapse") and "abatement" in cells:
            status = "inactive"
            assume("status")
        made["clinicalStatus"] = _coded("condition-clinical", status)
    if verification:
        made["verificationStatus"] = _coded("condition-ver-status", verification)
    if "category" in cells:
        made["category"] = [_coded("condition-category", _text(cells, "category"))]
    return {"resourceType": "Condition", **made, "code": _concept(cells, systems, "condition")}


def allergy(cells: Cells, systems: Systems, assume: Assume) -> JSON:
    """ait-1: without a status it is active, and caution says so; ait-2: a mistake has none."""
    made = _times(cells, onset="onsetDateTime", recorded="recordedDate")
    verification = _text(cells, "verification-status")
    if verification != "entered-in-error":
        if "clinical-status" not in cells:
            assume("status")
        status = _text(cells, "clinical-status") or "active"
        made["clinicalStatus"] = _coded("allergyintolerance-clinical", status)
    if verification:
        made["verificationStatus"] = _coded("allergyintolerance-verification", verification)
    made |= {name: _text(cells, name) for name in ("type", "criticality") if name in cells}
    if "category" in cells:
        made["category"] = [_text(cells, "category")]
    if "reaction" in cells:
        made["reaction"] = [{"manifestation": [{"text": _text(cells, "reaction")}]}]
    return {"resourceType": "AllergyIntolerance", **made, "code": _concept(cells, systems, "allergy")}


def medication(cells: Cells, systems: Systems, assume: Assume) -> JSON:
    """What is taken, as the practice lists it."""
    made = _times(cells, recorded="dateAsserted")
    period = _times(cells, start="start", end="end")
    if period:
        made["effectivePeriod"] = period
    if "dosage" in cells:
        made["dosage"] = [{"text": _text(cells, "dosage")}]
    if "reason" in cells:
        made["reasonCode"] = [{"text": _text(cells, "reason")}]
    return {
        "resourceType": "MedicationStatement",
        "status": _supplied(cells, "status", "unknown", assume),
        "medicationCodeableConcept": _concept(cells, systems, "medication"),
        **made,
    }


def result(cells: Cells, systems: Systems, assume: Assume) -> JSON:
    """A number with its unit, else words; words beside a number are a note."""
    made = _times(cells, date="effectiveDateTime")
    if "issued" in cells and "T" in str(cells["issued"].value):
        made["issued"] = _text(cells, "issued")
    if "value" in cells:
        made["valueQuantity"] = _quantity(cells, "value")
    elif "value-text" in cells:
        made["valueString"] = _text(cells, "value-text")
    limits = {name: _quantity(cells, name) for name in ("low", "high") if name in cells}
    if limits:
        made["referenceRange"] = [limits]
    if "category" in cells:
        made["category"] = [_coded("observation-category", _text(cells, "category"))]
    return {
        "resourceType": "Observation",
        "status": _supplied(cells, "status", "unknown", assume),
        "code": _concept(cells, systems, "result"),
        **made,
    }


def immunisation(cells: Cells, systems: Systems, assume: Assume) -> JSON:
    """Given or not, and why not."""
    made = _times(cells, date="occurrenceDateTime", expiry="expirationDate")
    if "occurrenceDateTime" not in made:
        made["occurrenceString"] = "unknown"
        assume("status")
    if "lot" in cells:
        made["lotNumber"] = _text(cells, "lot")
    made |= {name: {"text": _text(cells, name)} for name in ("site", "route") if name in cells}
    status = _supplied(cells, "status", "completed", assume)
    if "reason" in cells:
        why = {"text": _text(cells, "reason")}
        made |= {"statusReason": why} if status == "not-done" else {"reasonCode": [why]}
    if "dose-number" in cells:
        made["protocolApplied"] = [{"doseNumberPositiveInt": cells["dose-number"].value}]
    return {
        "resourceType": "Immunization",
        "status": status,
        "vaccineCode": _concept(cells, systems, "immunisation"),
        **made,
    }


MAPS: Mapping[str, Callable[[Cells, Systems, Assume], JSON]] = {
    "condition": condition,
    "allergy": allergy,
    "medication": medication,
    "result": result,
    "immunisation": immunisation,
}
SUBJECT = {"allergy": "patient", "immunisation": "patient"}
"""Where a kind names its patient; else `subject`."""


def notes(kind: str, cells: Cells) -> list[JSON]:
    """Annotations of a row."""
    said = [_text(cells, "note")] if "note" in cells else []
    if kind == "result" and "value" in cells and "value-text" in cells:
        said.append(_text(cells, "value-text"))
    return [{"text": words} for words in said]


def _concept(cells: Cells, systems: Systems, kind: str) -> JSON:
    coding = {}
    if "code" in cells:
        system = systems.get(f"{kind}.code")
        coding = ({"system": system} if system else {}) | {"code": _text(cells, "code")}
        coding |= {"display": _text(cells, "display")} if "display" in cells else {}
    words = _text(cells, "text") or ("" if coding else _text(cells, "display"))
    return ({"coding": [coding]} if coding else {}) | ({"text": words} if words else {})


def _quantity(cells: Cells, name: str) -> JSON:
    cell = cells[name]
    made: JSON = {"value": cell.value}
    if cell.comparator:
        made["comparator"] = cell.comparator
    if "unit" in cells:
        made["unit"] = _text(cells, "unit")
    if "unit-code" in cells:
        made |= {"system": _UCUM, "code": _text(cells, "unit-code")}
    return made


def _times(cells: Cells, **names: str) -> JSON:
    return {target: cells[name].value for name, target in names.items() if name in cells}


def _text(cells: Cells, name: str) -> str:
    return str(cells[name].value) if name in cells else ""


def _supplied(cells: Cells, name: str, otherwise: str, assume: Assume) -> str:
    if name not in cells:
        assume("status")
    return _text(cells, name) or otherwise


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": HL7 + system, "code": code}]}
