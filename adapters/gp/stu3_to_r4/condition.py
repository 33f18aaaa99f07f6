"""Condition, with the problem header that Care Connect puts into extensions."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.datatypes import note
from adapters.gp.stu3_to_r4.elements import codeable, compound, identifier, kinds, reference
from adapters.gp.stu3_to_r4.fields import choice, listed, many, no_target, one
from adapters.gp.stu3_to_r4.references import encounter
from adapters.gp.stu3_to_r4.resource import supply_subject, table
from adapters.gp.unit import Unit
from adapters.interface import JSON

_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_ACTIVE = frozenset(("active", "recurrence", "relapse"))


def _finish(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply_subject(unit, r4)
    status = r4.get("clinicalStatus")
    verification = r4.get("verificationStatus")
    if verification and verification["coding"][0]["code"] == "entered-in-error":  # con-5
        if r4.pop("clinicalStatus", None):
            unit.drop(stu3, "clinicalStatus")
    elif (
        status and status["coding"][0]["code"] in _ACTIVE and any(name.startswith("abatement") for name in r4)
    ):
        r4["clinicalStatus"] = {"coding": [{"system": _CLINICAL, "code": "inactive"}]}  # con-4
        unit.assume("status", stu3, "clinicalStatus")


_stage = compound(one("summary", codeable), many("assessment", reference))
_evidence = compound(many("code", codeable), many("detail", reference))

CONDITION = table(
    "Condition",
    many("identifier", identifier),
    one("clinicalStatus", p.coded("Condition.clinicalStatus")),
    one("verificationStatus", p.coded("Condition.verificationStatus")),
    many("category", codeable),
    one("severity", codeable),
    one("code", codeable),
    many("bodySite", codeable),
    one("subject", reference),
    one("context", encounter, "encounter"),
    choice("onset", kinds("DateTime", "Age", "Period", "Range", "String")),
    choice("abatement", kinds("DateTime", "Age", "Period", "Range", "String")),
    no_target("abatementBoolean"),
    one("assertedDate", p.date_time, "recordedDate"),
    one("asserter", reference),
    listed("stage", _stage),
    many("evidence", _evidence),
    many("note", note),
    finish=_finish,
)
