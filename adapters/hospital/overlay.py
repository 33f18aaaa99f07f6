"""Links between records as they show: laid over what a record says of itself, so that undoing is exact.

`replaced-by` makes a Patient inactive, a DocumentReference superseded, a ServiceRequest revoked, an Encounter
entered-in-error; `replaces` shows the identifiers of the other as `old`. No reference is ever rewritten.
"""

from collections.abc import Mapping

from adapters.hospital.acts import REPLACED_BY, REPLACES, Act
from adapters.interface import JSON

_ENDED = {"DocumentReference": "superseded", "ServiceRequest": "revoked", "Encounter": "entered-in-error"}
_UNSAID = {"DocumentReference": "current", "ServiceRequest": "unknown", "Encounter": "unknown"}
"""Status of a record of which nothing is known but that another replaces it."""


def shown(resource: JSON, links: Mapping[str, JSON]) -> JSON:
    """The record with its links. `links`: as in `Act.links`."""
    if not links:
        return resource
    made = dict(resource)
    types = {link["type"] for link in links.values()}
    if resource["resourceType"] == "Patient":
        if REPLACED_BY in types:
            made["active"] = False
        made["link"] = [
            {"other": {"reference": other}, "type": links[other]["type"]} for other in sorted(links)
        ]
    elif REPLACED_BY in types and made.get("status") != "entered-in-error":
        made["status"] = _ENDED.get(resource["resourceType"], made.get("status"))
    more = _borrowed(resource, links)
    return made | {"identifier": [*resource.get("identifier", ()), *more]} if more else made


def bare(resource: JSON, act: Act) -> JSON:
    """What a message says of the record itself: the inverse of `shown` on a resource of one message."""
    if not act.links:
        return resource
    made = {name: value for name, value in resource.items() if name != "link"}
    if any(link["type"] == REPLACED_BY for link in act.links.values()):
        made.pop("active", None)
        if resource["resourceType"] in _UNSAID and act.stub:
            made["status"] = _UNSAID[resource["resourceType"]]
    borrowed = [one | {"use": "old"} for link in act.links.values() for one in link.get("identifier", ())]
    if borrowed and "identifier" in made:
        own = [one for one in made["identifier"] if one not in borrowed]
        made = {name: own if name == "identifier" else value for name, value in made.items()}
        made = made if own else {name: value for name, value in made.items() if name != "identifier"}
    return made


def _borrowed(resource: JSON, links: Mapping[str, JSON]) -> list[JSON]:
    """Identifiers of the records that it replaces and does not have itself."""
    own = {(one.get("system"), one.get("value")) for one in resource.get("identifier", ())}
    found: list[JSON] = []
    for other in sorted(links):
        if links[other]["type"] == REPLACES:
            for one in links[other].get("identifier", ()):
                pair = (one.get("system"), one.get("value"))
                if pair not in own:
                    own.add(pair)
                    found.append(one | {"use": "old"})
    return found
