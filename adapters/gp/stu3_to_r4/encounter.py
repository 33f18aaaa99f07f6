"""Encounter: consultations. GP records state no class; R4 demands one, so its absence is said."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.datatypes import quantity
from adapters.gp.stu3_to_r4.elements import absent, codeable, coding, compound, identifier, period, reference
from adapters.gp.stu3_to_r4.fields import listed, many, one
from adapters.gp.stu3_to_r4.resource import supply, supply_subject, table
from adapters.gp.unit import Unit
from adapters.interface import JSON

_status = p.enum("Encounter.status")
_participant = compound(many("type", codeable), one("period", period), one("individual", reference))
_diagnosis = compound(
    one("condition", reference), one("role", codeable, "use"), one("rank", p.positive), needs=("condition",)
)
_hospitalization = compound(
    one("preAdmissionIdentifier", identifier),
    one("origin", reference),
    one("admitSource", codeable),
    one("reAdmission", codeable),
    many("dietPreference", codeable),
    many("specialCourtesy", codeable),
    many("specialArrangement", codeable),
    one("destination", reference),
    one("dischargeDisposition", codeable),
)
_location = compound(
    one("location", reference),
    one("status", p.enum("Encounter.location.status")),
    one("period", period),
    needs=("location",),
)


def _finish(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply(unit, r4, "status", "unknown")
    supply(unit, r4, "class", absent(), "class")
    supply_subject(unit, r4)


ENCOUNTER = table(
    "Encounter",
    many("identifier", identifier),
    one("status", _status),
    many(
        "statusHistory", compound(one("status", _status), one("period", period), needs=("_status", "period"))
    ),
    one("class", coding),
    many("classHistory", compound(one("class", coding), one("period", period), needs=("class", "period"))),
    many("type", codeable),
    one("priority", codeable),
    one("subject", reference),
    many("episodeOfCare", reference),
    many("incomingReferral", reference, "basedOn"),
    many("participant", _participant),
    listed("appointment", reference),
    one("period", period),
    one("length", quantity),
    many("reason", codeable, "reasonCode"),
    many("diagnosis", _diagnosis),
    many("account", reference),
    one("hospitalization", _hospitalization),
    many("location", _location),
    one("serviceProvider", reference),
    one("partOf", reference),
    finish=_finish,
)
