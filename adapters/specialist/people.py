"""The people, devices and organisations that a document names.

Who has an identifier becomes a resource of its own; who has none is contained in what names them: never a
resource keyed by a name (normalisation.md 1, rule 3).
"""

from collections.abc import Sequence
from typing import Any

from adapters.specialist.markup import Element, find, find_all, peek
from adapters.specialist.names import addresses, human_names, name_text, telecoms
from adapters.specialist.quantities import time
from adapters.specialist.record import Record
from adapters.specialist.values import concept, identifiers, present, string

JSON = dict[str, Any]


def actor(record: Record, entity: Element | None, owner: JSON) -> JSON | None:
    """Reference to whom an assigned or related entity means; contained in `owner` if it has no identifier."""
    if entity is None:
        return None
    person = _first(entity, "assignedPerson", "associatedPerson", "relatedPerson", "informationRecipient")
    device = find(entity, "assignedAuthoringDevice")
    held_by = _first(entity, "representedOrganization", "scopingOrganization")
    somebody = person is not None or device is not None
    if somebody and not any(peek(i, "root") for i in find_all(held_by, "id")):
        held_by = None  # nothing would refer to it: its words stay in the ledger as not mapped
    # Where nobody is named, the organisation is meant, and by the number that stands there.
    ids = find_all(entity, "id") if not somebody else []
    organisation = organization(record, held_by, owner, ids)
    if person is None and device is not None:
        return settle(record, _device(record, entity, device), owner) or organisation
    if person is None and organisation is not None:
        return organisation
    return settle(record, _practitioner(record, entity, person), owner) or organisation


def _first(element: Element, *names: str) -> Element | None:
    return next((found for found in (find(element, name) for name in names) if found is not None), None)


def _practitioner(record: Record, entity: Element, person: Element | None) -> JSON:
    role = concept(record, find(entity, "code"))
    return {"resourceType": "Practitioner"} | present(
        identifier=identifiers(record, find_all(entity, "id")),
        name=human_names(record, find_all(person, "name")),
        telecom=telecoms(record, find_all(entity, "telecom")),
        address=addresses(record, find_all(entity, "addr")),
        qualification=[{"code": role}] if role else None,
    )


def _device(record: Record, entity: Element, device: Element) -> JSON:
    names = [
        {"name": words, "type": kind}
        for words, kind in (
            (string(record, find(device, "manufacturerModelName")), "model-name"),
            (string(record, find(device, "softwareName")), "other"),
        )
        if words
    ]
    return {"resourceType": "Device"} | present(
        identifier=identifiers(record, find_all(entity, "id")),
        deviceName=names,
        type=concept(record, find(device, "code")),
    )


def organization(
    record: Record, element: Element | None, owner: JSON, other_ids: Sequence[Element] | None = None
) -> JSON | None:
    """Reference to an organisation; None if it has neither identifier nor name (org-1)."""
    if element is None:
        return None
    resource: JSON = {"resourceType": "Organization"} | present(
        identifier=identifiers(record, [*find_all(element, "id"), *(other_ids or [])]),
        name=string(record, find(element, "name")),
        telecom=telecoms(record, find_all(element, "telecom")),
        address=addresses(record, find_all(element, "addr")),
    )
    if not ({"identifier", "name"} & set(resource)):
        return None
    for address in resource.get("address", []):
        if address.get("use") == "home":
            del address["use"]  # org-2: an organisation's address can never be of use home
    resource["telecom"] = [_not_home(t) for t in resource.get("telecom", [])]
    return settle(record, {k: v for k, v in resource.items() if v != []}, owner)


def _not_home(telecom: JSON) -> JSON:
    """org-3: an organisation's telecom can never be of use home."""
    return {k: v for k, v in telecom.items() if (k, v) != ("use", "home")}


def settle(record: Record, resource: JSON, owner: JSON) -> JSON | None:
    """Adds a person or organisation, or grows the known one; contained without identifier."""
    kind = resource["resourceType"]
    display = _display(resource)
    if len(resource) == 1:
        return None
    known_by = resource.get("identifier")
    if not known_by:
        return _contain(resource, owner) | present(display=display)
    key = f"{known_by[0]['system']}|{known_by[0]['value']}"
    reference = record.reference(kind, key)
    known = record.known(reference)
    if known is None:
        record.add(resource, key, person=True)
    else:
        grow(known, resource)
    return {"reference": reference} | present(display=display)


def _display(resource: JSON) -> str:
    if resource["resourceType"] in ("Organization", "Location"):
        return str(resource.get("name", ""))
    if resource["resourceType"] == "Device":
        return str(resource.get("deviceName", [{}])[0].get("name", ""))
    return name_text(resource.get("name", []))


def grow(known: JSON, other: JSON) -> None:
    """One person named several times: the lists are joined, the first single value stands."""
    for name, value in other.items():
        if isinstance(value, list):
            known[name] = known.get(name, []) + [v for v in value if v not in known.get(name, [])]
        else:
            known.setdefault(name, value)


def _contain(resource: JSON, owner: JSON) -> JSON:
    held = owner.setdefault("contained", [])
    for one in held:
        if {k: v for k, v in one.items() if k != "id"} == resource:
            return {"reference": f"#{one['id']}"}
    name = f"{resource['resourceType'].lower()}{len(held) + 1}"
    held.append({"resourceType": resource["resourceType"], "id": name} | resource)
    return {"reference": f"#{name}"}


def author(record: Record, act: Element | None, owner: JSON) -> tuple[JSON | None, str | None]:
    """First author of an act, and when: (Reference, dateTime)."""
    element = find(act, "author")
    if element is None:
        return None, None
    return actor(record, find(element, "assignedAuthor"), owner), time(record, find(element, "time"))


def authors_of(record: Record, owner: JSON) -> list[JSON]:
    """References to the authors of the document."""
    entities = find_all(record.doc.root, "author/assignedAuthor")
    return [a for a in (actor(record, e, owner) for e in entities) if a]


def custodian_of(record: Record, owner: JSON) -> JSON | None:
    """Reference to the organisation that keeps the document."""
    path = "custodian/assignedCustodian/representedCustodianOrganization"
    return organization(record, find(record.doc.root, path), owner)
