"""Composition. Its sections keep their words; its confidentiality is a label of the resource as well."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.elements import absent, codeable, compound, identifier, kinds, period, reference
from adapters.gp.stu3_to_r4.fields import choice, first, listed, many, one
from adapters.gp.stu3_to_r4.narrative import narrative
from adapters.gp.stu3_to_r4.resource import supply, supply_subject, table
from adapters.gp.unit import Unit, UnitFailed
from adapters.interface import JSON
from adapters.reading import Holder, Step

_CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_DEEPEST = 16
"""Sections in sections: what is deeper is no document."""


def _section(unit: Unit, holder: Holder, step: Step, depth: int = 0) -> Any:
    if depth == _DEEPEST:
        raise UnitFailed("limit")
    inner = many("section", lambda unit, holder, step: _section(unit, holder, step, depth + 1))
    made = compound(*_SECTION, inner)(unit, holder, step)
    if made and "entry" in made and "emptyReason" in made:  # cmp-2
        del made["emptyReason"]
        unit.lose(holder[step], "emptyReason", "rejected", "too-many")  # type: ignore[index]
    if made and not made.keys() & {"text", "entry", "section"}:  # cmp-1
        made["text"] = {"status": "empty", "div": '<div xmlns="http://www.w3.org/1999/xhtml">-</div>'}
    return made


_SECTION = (
    one("title", p.string),
    one("code", codeable),
    one("text", narrative),
    one("mode", p.enum("List.mode")),
    one("orderedBy", codeable),
    many("entry", reference),
    one("emptyReason", codeable),
)
_attester = compound(
    first("mode", p.enum("Composition.attester.mode")),
    one("time", p.date_time),
    one("party", reference),
    needs=("_mode",),
)
_relates = compound(
    one("code", p.enum("DocumentReference.relatesTo.code")),
    choice("target", kinds("Identifier", "Reference")),
    needs=("_code",),
)
_event = compound(many("code", codeable), one("period", period), many("detail", reference))


def _finish(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply(unit, r4, "status", "final")
    r4.setdefault("type", absent())
    supply_subject(unit, r4, required=False)
    r4.setdefault("author", [absent()])
    for name in ("date", "title"):
        if name not in r4:
            r4.setdefault(f"_{name}", absent())
    for related in r4.get("relatesTo", ()):
        if not related.keys() & {"targetIdentifier", "targetReference"}:
            related["targetReference"] = absent()
    if "confidentiality" in r4:
        unit.labels.append({"system": _CONFIDENTIALITY, "code": r4["confidentiality"]})


COMPOSITION = table(
    "Composition",
    one("identifier", identifier),
    one("status", p.enum("composition-status")),
    one("type", codeable),
    listed("class", codeable, "category"),
    one("subject", reference),
    one("encounter", reference),
    one("date", p.date_time),
    many("author", reference),
    one("title", p.string),
    one("confidentiality", p.enum("Composition.confidentiality")),
    many("attester", _attester),
    one("custodian", reference),
    many("relatesTo", _relates),
    many("event", _event),
    many("section", _section),
    identified=False,
    finish=_finish,
)
