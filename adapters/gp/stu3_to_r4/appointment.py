"""Appointment, as the GP Connect appointment capability returns it."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.elements import codeable, compound, identifier, period, reference
from adapters.gp.stu3_to_r4.fields import listed, many, one
from adapters.gp.stu3_to_r4.resource import supply, table
from adapters.gp.unit import Unit, UnitFailed
from adapters.interface import JSON

_participant = compound(
    many("type", codeable),
    one("actor", reference),
    one("required", p.enum("Appointment.required")),
    one("status", p.enum("Appointment.participant.status")),
)


def _finish(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    if "status" not in r4 or "participant" not in r4:
        raise UnitFailed("unreadable")
    for participant in r4["participant"]:
        supply(unit, participant, "status", "needs-action")


APPOINTMENT = table(
    "Appointment",
    many("identifier", identifier),
    one("status", p.enum("Appointment.status")),
    listed("serviceCategory", codeable),
    many("serviceType", codeable),
    many("specialty", codeable),
    one("appointmentType", codeable),
    many("reason", codeable, "reasonCode"),
    many("indication", reference, "reasonReference"),
    one("priority", p.unsigned),
    one("description", p.string),
    many("supportingInformation", reference),
    one("start", p.instant),
    one("end", p.instant),
    one("minutesDuration", p.positive),
    many("slot", reference),
    one("created", p.date_time),
    one("comment", p.string),
    many("incomingReferral", reference, "basedOn"),
    many("participant", _participant),
    many("requestedPeriod", period),
    finish=_finish,
)
