"""Devices: a product instance with the parts of its unique device identifier (UDI)."""

from typing import Any

from adapters.specialist.markup import Element, find, find_all, local, peek, type_of
from adapters.specialist.people import settle
from adapters.specialist.quantities import time
from adapters.specialist.record import Record
from adapters.specialist.values import concept, identifiers, present, string

JSON = dict[str, Any]
_FDA = "2.16.840.1.113883.3.3719"
_UDI_PARTS = {
    "C101671": "serialNumber",
    "C101672": "lotNumber",
    "C101669": "manufactureDate",
    "C101670": "expirationDate",
    "C113843": "distinctIdentifier",
    "C99285": "modelNumber",
    "C99286": "partNumber",
    "C54131": "manufacturer",
}
"""NCI codes of the observations in a UDI organizer, and the element of Device that each is."""
_DEVICE_IDENTIFIER = "C101722"
_BRAND = "C71898"


def product(record: Record, act: Element, owner: JSON) -> list[JSON]:
    """References to the devices that take part in an act (participants DEV and PRD)."""
    found = []
    for participant in find_all(act, "participant"):
        role = find(participant, "participantRole")
        if peek(participant, "typeCode") in ("DEV", "PRD") and role is not None:
            found.append(_device(record, role, _udi_parts(record, act), owner))
    return [f for f in found if f]


def _device(record: Record, role: Element, stated: JSON, owner: JSON) -> JSON | None:
    kind = concept(record, find(role, "playingDevice/code"))
    model = string(record, find(role, "playingDevice/manufacturerModelName"))
    maker = string(record, find(role, "scopingEntity/desc"))
    carrier = _carrier(record, role, stated.pop("deviceIdentifier", None))
    names = [present(name=stated.pop("brand", None), type="user-friendly-name")]
    names += [present(name=model, type="model-name")]
    resource = {"resourceType": "Device"} | present(
        identifier=identifiers(record, find_all(role, "id")),
        udiCarrier=[carrier] if carrier else None,
        manufacturer=stated.pop("manufacturer", None) or maker,
        deviceName=[n for n in names if "name" in n],
        type=kind,
        patient=record.subject if carrier or stated else None,
    )
    return settle(record, resource | stated, owner)


def _carrier(record: Record, role: Element, identifier: str | None) -> JSON:
    """The UDI as a person reads it is the extension of an id under the root of the FDA."""
    human = next((peek(i, "extension") for i in find_all(role, "id") if peek(i, "root") == _FDA), None)
    return present(deviceIdentifier=identifier, carrierHRF=human)


def _udi_parts(record: Record, act: Element) -> JSON:
    """What the observations of a UDI organizer say, by their NCI codes."""
    found: JSON = {}
    for organizer in find_all(act, "entryRelationship/organizer"):
        for observation in find_all(organizer, "component/observation"):
            code, value = find(observation, "code"), find(observation, "value")
            name = _part_name(peek(code, "code"))
            if name is None or value is None or local(value) != "value":
                continue
            words = _part_value(record, value, name)
            if words:
                record.doc.get(code, "code"), record.doc.get(code, "codeSystem")
                found.setdefault(name, words)
    return found


def _part_name(code: str) -> str | None:
    return {_DEVICE_IDENTIFIER: "deviceIdentifier", _BRAND: "brand"}.get(code) or _UDI_PARTS.get(code)


def _part_value(record: Record, value: Element, name: str) -> str | None:
    """A date, the extension of an identifier, or words."""
    if type_of(value) == "TS" or name.endswith("Date"):
        return time(record, value)
    if peek(value, "extension"):
        record.doc.get(value, "root")
        return record.doc.get(value, "extension")
    return string(record, value)
