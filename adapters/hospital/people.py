"""XPN, XCN, XON, XTN, XAD and PL: names, telecoms, addresses, practitioners, organisations, places.

People and organisations without identifier are contained: never a resource keyed by a name (rule 3).
"""

import re

from adapters.hospital.context import Draft
from adapters.hospital.identifiers import TYPES, named, system_from_authority
from adapters.hospital.message import Element
from adapters.hospital.periods import period_from
from adapters.identity import local_system
from adapters.interface import JSON

_CX_OF_XON = ((6, 1), (6, 2), (6, 3))
_PLACES = ((3, "bd"), (2, "ro"), (1, "wa"), (8, "lvl"), (7, "bu"))
"""PL components from the smallest place up, with their physical type."""


def name_from_xpn(draft: Draft, element: Element, target: str, first: int = 1) -> JSON | None:
    """HumanName; `first` is the component of the family name (1 in XPN, 2 in XCN)."""
    family = element.take(first)
    given = [element.take(first + 1), *element.take(first + 2).split()]
    made = {
        "family": family,
        "given": [name for name in given if name],
        "prefix": _words(element.take(first + 4)),
        "suffix": _words(element.take(first + 3)) + _words(element.take(first + 5)),
    }
    said: JSON = {key: value for key, value in made.items() if value}
    if not said:
        return None
    use = draft.code(element, "v2_name_use", f"{target}.use", 7 if first == 1 else 10)
    if first == 1:
        period = period_from(draft, element, 12, 13, f"{target}.period")
        if period:
            said["period"] = period
    return ({"use": use} if use else {}) | said


def text_of_name(name: JSON | None) -> str:
    """A name as a person would write it."""
    if not name:
        return ""
    parts = [*name.get("prefix", ()), *name.get("given", ()), name.get("family", ""), *name.get("suffix", ())]
    return " ".join(part for part in parts if part)


def _words(text: str) -> list[str]:
    return [text] if text else []


def telecom_from_xtn(draft: Draft, element: Element, target: str, use: str = "") -> JSON | None:
    """ContactPoint; `use` is what the field says when the element does not."""
    email = element.take(4)
    value = email or element.take(1) or element.take(12) or _composed(element)
    if not value:
        return None
    equipment = draft.context.concept(element, "v2_telecom_system", f"{draft.type}.{target}.system", 3)
    stated = draft.code(element, "v2_telecom_use", f"{target}.use", 2)
    system = "email" if email or "@" in value else "phone"
    if equipment and equipment.system.endswith("contact-point-system") and system == "phone":
        system = equipment.code
    if equipment and equipment.code == "mobile":
        stated = stated or "mobile"
    made = {"system": system, "value": value}
    chosen = stated or use
    return made | ({"use": chosen} if chosen else {})


def _composed(element: Element) -> str:
    country, area, local = (element.take(comp) for comp in (5, 6, 7))
    extension = element.take(8)
    parts = [f"+{country.lstrip('+')}" if country else "", area, local, f"x{extension}" if extension else ""]
    return " ".join(part for part in parts if part)


def address_from_xad(draft: Draft, element: Element, target: str) -> JSON | None:
    """Address; XAD-1 may be a street in three subcomponents (SAD)."""
    line = [element.take(1, sub) for sub in (1, 2, 3)] + [element.take(2), element.take(8)]
    made = {
        "line": [part for part in line if part],
        "city": element.take(3),
        "district": element.take(9),
        "state": element.take(4),
        "postalCode": element.take(5),
        "country": element.take(6),
    }
    said: JSON = {key: value for key, value in made.items() if value}
    if not said:
        return None
    if element.text(7).upper() in ("M", "SH"):
        kind = draft.code(element, "v2_address_type", f"{target}.type", 7)
        return ({"type": kind} if kind else {}) | said
    use = draft.code(element, "v2_address_use", f"{target}.use", 7)
    return ({"use": use} if use else {}) | said


def practitioner_from_xcn(draft: Draft, element: Element, target: str) -> JSON | None:
    """Reference to a Practitioner: a resource if XCN-1 identifies one, else contained in `draft`."""
    context = draft.context
    made = context.scratch("Practitioner")
    name = name_from_xpn(made, element, "name", first=2)
    display = text_of_name(name)
    if element.text(1):
        system, namespace = system_from_authority(context, element, ((9, 1), (9, 2), (9, 3)))
        identifier = named(made, element, system, namespace)
        if identifier is not None:
            kind = element.take(13)
            if re.fullmatch(r"[A-Za-z0-9-]+", kind):
                identifier.body["type"] = {"coding": [{"system": TYPES, "code": kind}]}
            kept = context.draft("Practitioner", identifier.key)
            kept.tags = made.tags
            kept.put("identifier", [identifier.body])
            kept.put("name", [name] if name else None)
            known = context.add(kept)
            if name and not any(_says(said, name) for said in known.body["name"]):
                known.append("name", name)
            return known.link(display)
    if not name:
        return None
    return draft.contain({"resourceType": "Practitioner", "name": [name]}, display)


def _says(said: JSON, name: JSON) -> bool:
    """Whether one name says all that another says."""
    return all(said.get(part) == value for part, value in name.items())


def organization_from_xon(draft: Draft, element: Element) -> JSON | None:
    """Reference to an Organization: a resource if XON-10 or XON-3 identifies one, else contained."""
    context = draft.context
    name = element.take(1)
    comp = 10 if element.text(10) else 3
    if element.text(comp):
        system, namespace = system_from_authority(context, element, _CX_OF_XON)
        found = named(draft, element, system, namespace, comp)
        if found is not None:
            made = context.draft("Organization", found.key)
            made.put("identifier", [found.body])
            made.put("name", name)
            return context.add(made).link(name)
    return draft.contain({"resourceType": "Organization", "name": name}, name) if name else None


def location_from_la2(draft: Draft, element: Element) -> JSON | None:
    """The same of an LA2 (RXA-11), whose components from the ninth on are an address."""
    found = location_from_pl(draft, element, words_at=0)
    if found is None:
        return None
    parts = {
        "line": [line for comp in (9, 10) if (line := element.take(comp))],
        "city": element.take(11),
        "state": element.take(12),
        "postalCode": element.take(13),
        "country": element.take(14),
    }
    said = {name: value for name, value in parts.items() if value}
    place = draft.context.known(found["reference"])
    if said and place is not None:
        place.body.setdefault("address", said)
    return found


def location_from_pl(draft: Draft, element: Element, words_at: int = 9) -> JSON | None:
    """Reference to a Location, keyed by facility and the places inside it."""
    if not element.raw:
        return None
    context = draft.context
    parts = [(element.take(comp), kind) for comp, kind in _PLACES]
    words = element.take(words_at) if words_at else ""
    facility = element.take(4, 1) or element.take(4, 2)
    said = [(text, kind) for text, kind in parts if text]
    if not said and not words and not facility:
        return None
    name = words or ", ".join(text for text, _ in said[::-1]) or facility
    key = "\x1f".join(["pl", facility, *(text for text, _ in parts), "" if said else words])
    made = context.draft("Location", key)
    if said:
        made.put("identifier", [_place_identifier(draft, facility, [text for text, _ in said[::-1]])])
    made.put("name", name)
    made.put("mode", "instance")
    if words and said:
        made.put("description", ", ".join(text for text, _ in said[::-1]))
    if said and said[0][1] != "lvl":
        system = "http://terminology.hl7.org/CodeSystem/location-physical-type"
        made.put("physicalType", {"coding": [{"system": system, "code": said[0][1]}]})
    if facility:
        made.put("managingOrganization", {"display": facility})
    return context.add(made).link(name)


def _place_identifier(draft: Draft, facility: str, places: list[str]) -> JSON:
    source = draft.context.source
    system = local_system(source.custodian, source.id, f"location-{facility}" if facility else "location")
    return {"system": system, "value": "-".join(places)}
