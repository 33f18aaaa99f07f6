"""Coverage: STU3 groups have members of their own, R4 classes are coded."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.crossed import crossed
from adapters.gp.stu3_to_r4.elements import absent, codeable, identifier, period, reference
from adapters.gp.stu3_to_r4.fields import Field, Table, many, one
from adapters.gp.stu3_to_r4.resource import supply, supply_subject, table
from adapters.gp.unit import Unit
from adapters.interface import JSON
from adapters.reading import Holder, Step

_CLASS = "http://terminology.hl7.org/CodeSystem/coverage-class"
_GROUPS = {
    "group": "group",
    "subGroup": "subgroup",
    "plan": "plan",
    "subPlan": "subplan",
    "class": "class",
    "subClass": "subclass",
}
"""Member of `grouping` to code of coverage-class."""
_NAMED = {
    name: Table((one(name, p.string, "value"), one(f"{name}Display", p.string, "name"))) for name in _GROUPS
}


def _classes(unit: Unit, holder: Holder, step: Step) -> Any:
    """`grouping` as the list of classes that R4 has in its place."""
    raw = holder[step]  # type: ignore[index]
    if not isinstance(raw, dict):
        unit.reject(holder, step, "bad-text")
        return None
    found = []
    for name, code in _GROUPS.items():
        made = _NAMED[name].build(unit, raw)
        if made and "value" not in made:
            made["_value"] = absent()
        if made:
            found.append({"type": {"coding": [{"system": _CLASS, "code": code}]}, **made})
    return found or None


def _finish(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply(unit, r4, "status", "active")
    supply_subject(unit, r4, "beneficiary")
    r4.setdefault("payor", [absent()])
    if "class" in r4:
        r4["class"] = r4["class"][0]


COVERAGE = table(
    "Coverage",
    crossed("Coverage.sequence", "String", p.string),
    many("identifier", identifier),
    one("status", p.enum("Coverage.status")),
    one("type", codeable),
    one("policyHolder", reference),
    one("subscriber", reference),
    one("subscriberId", p.string),
    one("beneficiary", reference),
    one("dependent", p.string),
    one("relationship", codeable),
    one("period", period),
    many("payor", reference),
    Field("grouping", "class", _classes, False, True),
    one("order", p.positive),
    one("network", p.string),
    many("contract", reference),
    finish=_finish,
)
