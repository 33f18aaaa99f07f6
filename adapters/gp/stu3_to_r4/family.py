"""FamilyMemberHistory and Flag."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.datatypes import note
from adapters.gp.stu3_to_r4.elements import absent, codeable, compound, identifier, kinds, period, reference
from adapters.gp.stu3_to_r4.fields import choice, listed, many, no_target, one
from adapters.gp.stu3_to_r4.resource import supply, supply_subject, table
from adapters.gp.unit import Unit
from adapters.interface import JSON
from adapters.reading import Holder, Step


def _not_done(unit: Unit, holder: Holder, step: Step) -> None:
    """Said by the status (`_finish_history`)."""
    p.boolean(unit, holder, step)


def _finish_history(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    if p.negated(stu3.get("notDone")) and r4.get("status") != "entered-in-error":
        r4["status"] = "health-unknown"  # asked for and not had: R4 says it so, the reason beside it
    supply(unit, r4, "status", "health-unknown")
    supply_subject(unit, r4, "patient")
    r4.setdefault("relationship", absent())
    for condition in r4.get("condition", ()):
        condition.setdefault("code", absent())
    if "estimatedAge" in r4 and not any(name.startswith("age") for name in r4):  # fhs-2
        del r4["estimatedAge"]
        unit.reject(stu3, "estimatedAge", "too-many")
    if any(name.startswith("age") for name in r4) and any(name.startswith("born") for name in r4):  # fhs-1
        for name in [name for name in r4 if name.startswith("age")]:
            del r4[name]
            unit.reject(stu3, name, "too-many")
        r4.pop("estimatedAge", None)


def _finish_flag(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply(unit, r4, "status", "active")
    supply_subject(unit, r4)
    r4.setdefault("code", absent())


_condition = compound(
    one("code", codeable),
    one("outcome", codeable),
    choice("onset", kinds("Age", "Range", "Period", "String")),
    many("note", note),
)
FAMILY_MEMBER_HISTORY = table(
    "FamilyMemberHistory",
    many("identifier", identifier),
    one("status", p.enum("FamilyMemberHistory.status")),
    one("notDone", _not_done),
    one("notDoneReason", codeable, "dataAbsentReason"),
    one("patient", reference),
    one("date", p.date_time),
    one("name", p.string),
    one("relationship", codeable),
    one("gender", p.coded("FamilyMemberHistory.gender"), "sex"),
    choice("born", kinds("Period", "Date", "String")),
    choice("age", kinds("Age", "Range", "String")),
    one("estimatedAge", p.boolean),
    choice("deceased", kinds("Boolean", "Age", "Range", "Date", "String")),
    many("reasonCode", codeable),
    many("reasonReference", reference),
    many("note", note),
    many("condition", _condition),
    no_target("definition"),
    finish=_finish_history,
)
FLAG = table(
    "Flag",
    many("identifier", identifier),
    one("status", p.enum("Flag.status")),
    listed("category", codeable),
    one("code", codeable),
    one("subject", reference),
    one("period", period),
    one("encounter", reference),
    one("author", reference),
    finish=_finish_flag,
)
