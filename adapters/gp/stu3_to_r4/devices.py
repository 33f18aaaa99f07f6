"""Device and DeviceUseStatement."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.datatypes import note, telecom
from adapters.gp.stu3_to_r4.dosage import timing
from adapters.gp.stu3_to_r4.elements import absent, codeable, compound, identifier, kinds, period, reference
from adapters.gp.stu3_to_r4.fields import Field, Table, choice, listed, many, one
from adapters.gp.stu3_to_r4.resource import supply, supply_subject, table
from adapters.gp.unit import Unit
from adapters.interface import JSON
from adapters.reading import Holder, Step

_carrier = compound(
    one("deviceIdentifier", p.string),
    one("issuer", p.uri),
    one("jurisdiction", p.uri),
    one("carrierAIDC", p.base64_text),
    one("carrierHRF", p.string),
    one("entryType", p.enum("Device.udi.entryType")),
)

_NAME = Table((one("name", p.string),))


def _name(unit: Unit, holder: Holder, step: Step) -> JSON | None:
    """`udi.name`: R4 keeps the names of a device in one list and says which kind each is."""
    raw = holder[step]  # type: ignore[index]
    named = _NAME.build(unit, raw) if isinstance(raw, dict) else {}
    return {**named, "type": "udi-label-name"} if named else None


def _version(unit: Unit, holder: Holder, step: Step) -> JSON | None:
    text = p.string(unit, holder, step)
    return {"value": text} if text else None


def _finish_device(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    if "patient" in stu3:  # a device may be nobody's
        supply_subject(unit, r4, "patient")


def _finish_use(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply(unit, r4, "status", "active")
    supply_subject(unit, r4)
    r4.setdefault("device", absent())


DEVICE = table(
    "Device",
    many("identifier", identifier),
    listed("udi", _carrier, "udiCarrier"),
    one("status", p.enum("Device.status")),
    one("manufacturer", p.string),
    one("manufactureDate", p.date_time),
    one("expirationDate", p.date_time),
    one("lotNumber", p.string),
    Field("udi", "deviceName", _name, False, True),
    one("model", p.string, "modelNumber"),
    one("type", codeable),
    listed("version", _version),
    one("patient", reference),
    one("owner", reference),
    many("contact", telecom),
    one("location", reference),
    one("url", p.uri),
    many("note", note),
    many("safety", codeable),
    finish=_finish_device,
)
DEVICE_USE_STATEMENT = table(
    "DeviceUseStatement",
    many("identifier", identifier),
    one("status", p.enum("DeviceUseStatement.status")),
    one("subject", reference),
    choice("timing", {"Timing": timing} | kinds("Period", "DateTime")),
    Field("whenUsed", "timingPeriod", period, choice="timing"),
    one("recordedOn", p.date_time),
    one("source", reference),
    one("device", reference),
    many("indication", codeable, "reasonCode"),
    one("bodySite", codeable),
    many("note", note),
    finish=_finish_use,
)
