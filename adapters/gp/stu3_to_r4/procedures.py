"""Procedure, and the two request types that became ServiceRequest."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.datatypes import note, note_from_text
from adapters.gp.stu3_to_r4.dosage import timing
from adapters.gp.stu3_to_r4.elements import codeable, compound, identifier, kinds, reference
from adapters.gp.stu3_to_r4.fields import choice, listed, many, no_target, one
from adapters.gp.stu3_to_r4.references import encounter, wrapped
from adapters.gp.stu3_to_r4.resource import supply, supply_subject, table
from adapters.gp.unit import Unit
from adapters.interface import JSON
from adapters.reading import Holder, Step


def _not_done(unit: Unit, holder: Holder, step: Step) -> None:
    """Said by the status (`_finish_procedure`)."""
    p.boolean(unit, holder, step)


def _finish_procedure(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    if p.negated(stu3.get("notDone")) and r4.get("status") != "entered-in-error":
        r4["status"] = "not-done"
    supply(unit, r4, "status", "unknown")
    supply_subject(unit, r4)


def _finish_request(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply(unit, r4, "status", "unknown")
    supply(unit, r4, "intent", "order", "intent")
    supply_subject(unit, r4)
    asked = r4.get("code")
    if isinstance(asked, list):  # ReferralRequest.serviceRequested repeats; ServiceRequest.code does not
        r4["code"], rest = asked[0], asked[1:]
        if rest:
            r4["orderDetail"] = rest


_performer = compound(
    one("role", codeable, "function"), one("actor", reference), one("onBehalfOf", reference), needs=("actor",)
)
PROCEDURE = table(
    "Procedure",
    many("identifier", identifier),
    many("basedOn", reference),
    many("partOf", reference),
    one("status", p.enum("Procedure.status")),
    one("notDone", _not_done),
    one("notDoneReason", codeable, "statusReason"),
    one("category", codeable),
    one("code", codeable),
    one("subject", reference),
    one("context", encounter, "encounter"),
    choice("performed", kinds("DateTime", "Period")),
    many("performer", _performer),
    one("location", reference),
    many("reasonCode", codeable),
    many("reasonReference", reference),
    many("bodySite", codeable),
    one("outcome", codeable),
    many("report", reference),
    many("complication", codeable),
    many("complicationDetail", reference),
    many("followUp", codeable),
    many("note", note),
    many(
        "focalDevice",
        compound(one("action", codeable), one("manipulated", reference), needs=("manipulated",)),
    ),
    many("usedReference", reference),
    many("usedCode", codeable),
    no_target("definition"),
    finish=_finish_procedure,
)
_WHEN = kinds("DateTime", "Period") | {"Timing": timing}
PROCEDURE_REQUEST = table(
    "ServiceRequest",
    many("identifier", identifier),
    many("basedOn", reference),
    many("replaces", reference),
    one("requisition", identifier),
    one("status", p.enum("request-status")),
    one("intent", p.enum("request-intent")),
    many("category", codeable),
    one("priority", p.enum("request-priority")),
    one("doNotPerform", p.boolean),
    one("code", codeable),
    one("subject", reference),
    one("context", encounter, "encounter"),
    choice("occurrence", _WHEN),
    choice("asNeeded", kinds("Boolean", "CodeableConcept")),
    one("authoredOn", p.date_time),
    one("requester", wrapped("agent", "ProcedureRequest.requester.onBehalfOf")),
    one("performerType", codeable),
    listed("performer", reference),
    many("reasonCode", codeable),
    many("reasonReference", reference),
    many("supportingInfo", reference),
    many("specimen", reference),
    many("bodySite", codeable),
    many("note", note),
    many("relevantHistory", reference),
    no_target("definition"),
    finish=_finish_request,
)
REFERRAL_REQUEST = table(
    "ServiceRequest",
    many("identifier", identifier),
    many("basedOn", reference),
    many("replaces", reference),
    one("groupIdentifier", identifier, "requisition"),
    one("status", p.enum("request-status")),
    one("intent", p.enum("request-intent")),
    listed("type", codeable, "category"),
    one("priority", p.enum("request-priority")),
    many("serviceRequested", codeable, "code"),
    one("subject", reference),
    one("context", encounter, "encounter"),
    choice("occurrence", _WHEN),
    one("authoredOn", p.date_time),
    one("requester", wrapped("agent", "ReferralRequest.requester.onBehalfOf")),
    one("specialty", codeable, "performerType"),
    many("recipient", reference, "performer"),
    many("reasonCode", codeable),
    many("reasonReference", reference),
    many("supportingInfo", reference),
    listed("description", note_from_text, "note"),
    many("note", note),
    many("relevantHistory", reference),
    no_target("definition"),
    finish=_finish_request,
)
