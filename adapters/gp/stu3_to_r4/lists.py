"""List: GP Connect sorts a record into lists, and says there what it holds back."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.datatypes import note
from adapters.gp.stu3_to_r4.elements import absent, codeable, compound, identifier, reference
from adapters.gp.stu3_to_r4.fields import many, one
from adapters.gp.stu3_to_r4.resource import supply, supply_subject, table
from adapters.gp.unit import INCOMPLETE, Unit
from adapters.interface import JSON

_WARNING = "ListWarningCode"
_WARNINGS = frozenset(("confidential-items", "data-in-transit", "data-awaiting-filing"))

_entry = compound(
    one("flag", codeable), one("deleted", p.boolean), one("date", p.date_time), one("item", reference)
)


def _finish(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply(unit, r4, "status", "current")
    supply(unit, r4, "mode", "snapshot")
    supply_subject(unit, r4, required=False)
    for entry in r4.get("entry", ()):
        entry.setdefault("item", absent())
    if "entry" in r4 and "emptyReason" in r4:  # lst-1
        del r4["emptyReason"]
        unit.lose(stu3, "emptyReason", "rejected", "too-many")
    for extension in r4["extension"]:
        if _WARNING in extension["url"] and extension.get("valueCode") in _WARNINGS:
            unit.tag(INCOMPLETE, extension["valueCode"])


LIST = table(
    "List",
    many("identifier", identifier),
    one("status", p.enum("List.status")),
    one("mode", p.enum("List.mode")),
    one("title", p.string),
    one("code", codeable),
    one("subject", reference),
    one("encounter", reference),
    one("date", p.date_time),
    one("source", reference),
    one("orderedBy", codeable),
    many("note", note),
    many("entry", _entry),
    one("emptyReason", codeable),
    finish=_finish,
)
