"""CX, EI and HD: identifiers with their authority, and the key that an identifier is for ids."""

import re
from dataclasses import dataclass

from adapters.hospital.context import Context, Draft
from adapters.hospital.message import Element
from adapters.hospital.periods import period_from
from adapters.identity import US_SSN, is_national, local_system, national_number
from adapters.interface import JSON
from adapters.terminology.tables import system_from_oid

TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+\Z")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_URI = re.compile(r"(https?|urn):\S+\Z")


@dataclass(frozen=True, slots=True)
class Named:
    """An identifier as FHIR JSON and as key (`system|value`)."""

    body: JSON
    key: str
    namespace: str
    stated: bool
    """The authority came with it."""


def system_from_authority(
    context: Context, element: Element, places: tuple[tuple[int, int], ...]
) -> tuple[str | None, str]:
    """URI of an HD, and its namespace: the feed's table, then OID, UUID or URI, then a local namespace.

    `places`: component and subcomponent of namespace, universal id and its type. What was used counts as
    mapped, the other name of the same authority as superseded. (None, "") if the HD is empty.
    """
    source = context.source
    namespace, universal, kind = (element.text(*place) for place in places)
    system, used = None, 0
    for number, name in enumerate((namespace, universal)):
        if system is None and name and name in source.authorities:
            system, used = source.authorities[name], number
    for number, name in ((1, universal), (0, namespace)):
        known = None if system else _universal_system(name, kind.upper())
        if known:
            system, used = known, number
    if system is None and (namespace or universal):
        used = 0 if namespace else 1
        system = local_system(source.custodian, source.id, namespace or universal)
    if system:
        element.take(*places[used])
        if used == 1:
            element.take(*places[2])
        element.lose("not-mapped", "superseded", "Identifier.system", places)
    return system, namespace or universal


def _universal_system(name: str, kind: str) -> str | None:
    if _OID.match(name):
        return system_from_oid(name)
    if _UUID.match(name):
        return f"urn:uuid:{name.lower()}"
    if _URI.match(name) and kind in ("", "URI", "URL", "HCD", "L"):
        return name
    return None


def default_system(context: Context) -> str:
    """Authority of identifiers that name none: the feed's facility, else the source itself."""
    facility = context.source.facility or "default"
    return context.source.authorities.get(facility) or local_system(
        context.source.custodian, context.source.id, facility
    )


def named(draft: Draft, element: Element, system: str | None, namespace: str, comp: int = 1) -> Named | None:
    """Value plus authority to an identifier, with the rule of check digits."""
    context = draft.context
    value = element.text(comp)
    if not value:
        return None
    stated = system is not None
    if system is None:
        system = default_system(context)
        draft.tags.add("authority")
        context.assume(element.position(comp), "authority", system, "feed")
    if is_national(system):
        number = national_number(system, value)
        if number:
            value = number
        else:
            system = local_system(context.source.custodian, context.source.id, namespace or "check-digit")
            context.message.account.remark(element.position(comp), "altered", "check-digit")
    element.take(comp)
    return Named({"system": system, "value": value}, f"{system}|{value}", namespace, stated)


def identifier_from_cx(draft: Draft, element: Element) -> Named | None:
    """CX: value, authority, type, period."""
    if not element.text(1):
        return None
    system, namespace = system_from_authority(draft.context, element, ((4, 1), (4, 2), (4, 3)))
    made = named(draft, element, system, namespace)
    if made is None:
        return None
    kind = element.take(5)
    if kind:
        is_code = re.fullmatch(r"[A-Za-z0-9-]+", kind)
        made.body["type"] = {"coding": [{"system": TYPES, "code": kind}]} if is_code else {"text": kind}
    period = period_from(draft, element, 7, 8, "identifier.period")
    if period:
        made.body["period"] = period
    return made


def identifier_from_ei(draft: Draft, element: Element, kind: str = "") -> Named | None:
    """EI: value and authority; `kind` is the code of table 0203 that the field implies."""
    if not element.text(1):
        return None
    system, namespace = system_from_authority(draft.context, element, ((2, 1), (3, 1), (4, 1)))
    made = named(draft, element, system, namespace)
    if made is None:
        return None
    if kind:
        made.body["type"] = {"coding": [{"system": TYPES, "code": kind}]}
    return made


def ssn_from(draft: Draft, element: Element) -> JSON | None:
    """PID-19, of the country that the segment cannot name: the United States' system as the guide says."""
    value = element.take()
    if not value:
        return None
    return {
        "type": {"coding": [{"system": TYPES, "code": "SS"}]},
        "system": US_SSN if re.fullmatch(r"\d{3}-?\d{2}-?\d{4}", value) else default_system(draft.context),
        "value": value,
    }


def first_key(identifiers: list[Named], order: tuple[str, ...]) -> Named | None:
    """The identifier that keys a patient: by the feed's order, else the first with an authority, else any."""
    for wanted in order:
        for one in identifiers:
            if wanted in (one.body["system"], one.namespace):
                return one
    return next((one for one in identifiers if one.stated), identifiers[0] if identifiers else None)
