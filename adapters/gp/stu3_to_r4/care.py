"""CarePlan and CareTeam."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.crossed import crossed
from adapters.gp.stu3_to_r4.datatypes import note, simple_quantity
from adapters.gp.stu3_to_r4.dosage import timing
from adapters.gp.stu3_to_r4.elements import codeable, compound, identifier, kinds, period, reference
from adapters.gp.stu3_to_r4.fields import choice, listed, many, no_target, one
from adapters.gp.stu3_to_r4.references import encounter
from adapters.gp.stu3_to_r4.resource import supply, supply_subject, table
from adapters.gp.unit import Unit
from adapters.interface import JSON
from adapters.reading import Holder, Step


def _finish_plan(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply(unit, r4, "status", "unknown")
    supply(unit, r4, "intent", "plan", "intent")
    supply_subject(unit, r4)
    authors = r4.pop("contributor", [])  # R4 has one author; the others are contributors
    if authors:
        r4["author"], rest = authors[0], authors[1:]
        if rest:
            r4["contributor"] = rest


def _finish_team(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply_subject(unit, r4, required=False)


def _words(unit: Unit, holder: Holder, step: Step) -> JSON | None:
    """A string that R4 made a CodeableConcept."""
    text = p.string(unit, holder, step)
    return {"text": text} if text else None


_detail = compound(
    crossed("CarePlan.activity.detail.category", "CodeableConcept", codeable),
    no_target("definition"),
    one("code", codeable),
    many("reasonCode", codeable),
    many("reasonReference", reference),
    many("goal", reference),
    one("status", p.enum("CarePlan.activity.detail.status")),
    one("statusReason", _words),
    one("prohibited", p.boolean, "doNotPerform"),
    choice("scheduled", kinds("Period", "String") | {"Timing": timing}),
    one("location", reference),
    many("performer", reference),
    choice("product", kinds("CodeableConcept", "Reference")),
    one("dailyAmount", simple_quantity),
    one("quantity", simple_quantity),
    one("description", p.string),
    needs=("_status",),
)
_activity = compound(
    many("outcomeCodeableConcept", codeable),
    many("outcomeReference", reference),
    many("progress", note),
    one("reference", reference),
    one("detail", _detail),
)
CARE_PLAN = table(
    "CarePlan",
    many("identifier", identifier),
    many("basedOn", reference),
    many("replaces", reference),
    many("partOf", reference),
    one("status", p.enum("CarePlan.status")),
    one("intent", p.enum("CarePlan.intent")),
    many("category", codeable),
    one("title", p.string),
    one("description", p.string),
    one("subject", reference),
    one("context", encounter, "encounter"),
    one("period", period),
    many("author", reference, "contributor"),
    many("careTeam", reference),
    many("addresses", reference),
    many("supportingInfo", reference),
    many("goal", reference),
    many("activity", _activity),
    many("note", note),
    no_target("definition"),
    finish=_finish_plan,
)
_participant = compound(
    listed("role", codeable), one("member", reference), one("onBehalfOf", reference), one("period", period)
)
CARE_TEAM = table(
    "CareTeam",
    many("identifier", identifier),
    one("status", p.enum("CareTeam.status")),
    many("category", codeable),
    one("name", p.string),
    one("subject", reference),
    one("context", encounter, "encounter"),
    one("period", period),
    many("participant", _participant),
    many("reasonCode", codeable),
    many("reasonReference", reference),
    many("managingOrganization", reference),
    many("note", note),
    finish=_finish_team,
)
