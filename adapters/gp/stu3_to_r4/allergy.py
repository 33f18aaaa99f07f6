"""AllergyIntolerance. An ended one never reads as active, and none reads as ended for want of a status."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.datatypes import note
from adapters.gp.stu3_to_r4.elements import absent, codeable, compound, identifier, kinds, reference
from adapters.gp.stu3_to_r4.fields import choice, many, one
from adapters.gp.stu3_to_r4.resource import supply, supply_subject, table
from adapters.gp.unit import Unit
from adapters.interface import JSON

ENDED_ALLERGIES = "1103671000000101"
"""SNOMED CT code of the GP Connect List "Ended allergies"."""
_ENCOUNTER = "http://hl7.org/fhir/StructureDefinition/encounter-associatedEncounter"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"

_reaction = compound(
    one("substance", codeable),
    many("manifestation", codeable),
    one("description", p.string),
    one("onset", p.date_time),
    one("severity", p.enum("reaction-severity")),
    one("exposureRoute", codeable),
    many("note", note),
)


def _finish(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply_subject(unit, r4, "patient")
    for reaction in r4.get("reaction", ()):
        reaction.setdefault("manifestation", [absent()])
    _move_encounter(r4)
    if _verification(r4) == "entered-in-error":  # ait-2
        if r4.pop("clinicalStatus", None):
            unit.drop(stu3, "clinicalStatus")
    elif unit.ids.is_ended(stu3):
        if _code(r4.get("clinicalStatus")) != "resolved":
            unit.assume("status")
        r4["clinicalStatus"] = _status("resolved")
    elif "clinicalStatus" not in r4 and _has_end(r4):
        unit.assume("status")
        r4["clinicalStatus"] = _status("resolved")
    else:
        supply(unit, r4, "clinicalStatus", _status("active"))  # ait-1, and caution


def _has_end(r4: JSON) -> bool:
    """Care Connect's own way to say that it ended: an extension with the date."""
    ends = (one for one in r4["extension"] if one["url"].endswith("AllergyIntoleranceEnd"))
    return any("valueDateTime" in part for end in ends for part in end.get("extension", ()))


def _move_encounter(r4: JSON) -> None:
    """STU3 had the encounter as extension; R4 has a member for it."""
    for extension in list(r4["extension"]):
        if extension["url"] == _ENCOUNTER and "encounter" not in r4 and "valueReference" in extension:
            r4["encounter"] = extension["valueReference"]
            r4["extension"].remove(extension)


def _status(code: str) -> JSON:
    return {"coding": [{"system": _CLINICAL, "code": code}]}


def _code(concept: Any) -> str | None:
    return concept["coding"][0]["code"] if concept else None


def _verification(r4: JSON) -> str | None:
    return _code(r4.get("verificationStatus"))


ALLERGY_INTOLERANCE = table(
    "AllergyIntolerance",
    many("identifier", identifier),
    one("clinicalStatus", p.coded("AllergyIntolerance.clinicalStatus")),
    one("verificationStatus", p.coded("AllergyIntolerance.verificationStatus")),
    one("type", p.enum("AllergyIntolerance.type")),
    many("category", p.enum("AllergyIntolerance.category")),
    one("criticality", p.enum("AllergyIntolerance.criticality")),
    one("code", codeable),
    one("patient", reference),
    choice("onset", kinds("DateTime", "Age", "Period", "Range", "String")),
    one("assertedDate", p.date_time, "recordedDate"),
    one("recorder", reference),
    one("asserter", reference),
    one("lastOccurrence", p.date_time),
    many("note", note),
    many("reaction", _reaction),
    finish=_finish,
)
