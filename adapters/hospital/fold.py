"""State by key: a pure fold over all contributions (normalisation.md 3.4).

Contributions are sorted by event, so out of order equals in order and a replay changes nothing. Patient,
Encounter and ServiceRequest fold by element: what a later message says replaces, what it does not mention
stays. All others fold by resource: the latest event wins. Marks in `meta.security` are never lowered by a
message that says nothing about them.

Not here yet: `""` (delete) does not reach the fold, so an element that a sender deletes stays until a later
value replaces it; merges and moves.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from adapters.codec import encode
from adapters.hospital.labels import folded
from adapters.interface import JSON

FOLDED = frozenset(
    """Patient Encounter ServiceRequest DiagnosticReport Observation Specimen AllergyIntolerance
    Condition""".split()
)
"""Types whose state is more than their latest contribution."""
_BY_ELEMENT = frozenset({"Patient", "Encounter", "ServiceRequest"})
_CHOICES = ("deceased", "multipleBirth", "occurrence")
_OPEN = frozenset({"planned", "arrived", "triaged", "in-progress", "onleave"})
_RANK = {
    status: rank
    for rank, status in enumerate(
        "registered preliminary partial final amended corrected cancelled entered-in-error".split(), 1
    )
}


@dataclass(frozen=True, slots=True)
class Contribution:
    """One resource as one message said it. `arrival` is the order of intake, unique in the source."""

    event_time: str
    sequence: int
    arrival: int
    resource: JSON


def order_of(one: Contribution) -> tuple[str, int, int, int]:
    """Sort key. Of two statuses at the same time and sequence the higher rank wins (S21), else arrival."""
    status = one.resource.get("status")
    return one.event_time, one.sequence, _RANK.get(status, 0) if isinstance(status, str) else 0, one.arrival


def fold(contributions: Iterable[Contribution]) -> dict[str, JSON]:
    """`Type/id` to its current resource; the order in which contributions come does not matter."""
    state: dict[str, JSON] = {}
    for one in sorted(contributions, key=order_of):
        resource = one.resource
        reference = f"{resource['resourceType']}/{resource['id']}"
        known = state.get(reference)
        state[reference] = resource if known is None else _joined(known, resource)
    return state


def _joined(known: JSON, later: JSON) -> JSON:
    """The later statement on top of what was known. New members stand behind those of the later one."""
    made = later
    if later["resourceType"] in _BY_ELEMENT:
        made = _by_element(known, later)
    return _marked(known, made)


def _by_element(known: JSON, later: JSON) -> JSON:
    said = [choice for choice in _CHOICES if any(name.lstrip("_").startswith(choice) for name in later)]
    stays = {
        name: value
        for name, value in known.items()
        if name not in later and name != "contained" and not name.lstrip("_").startswith(tuple(said))
    }
    if "birthDate" in later:
        stays.pop("_birthDate", None)
    made = later | stays
    if later.get("status") == "unknown" and known.get("status"):
        made["status"] = known["status"]
    elif later.get("status") in _OPEN and "period" in stays:
        # a stay that is open again has no end (S06)
        period = {name: moment for name, moment in stays["period"].items() if name != "end"}
        made = {name: value for name, value in made.items() if name != "period"}
        made |= {"period": period} if period else {}
    if later["resourceType"] == "Patient":
        made = _with_identifiers(known, made)
    return _with_contained(known, later, made)


def _with_identifiers(known: JSON, made: JSON) -> JSON:
    """A message with fewer identifiers takes none away: they still find the patient."""
    listed = made.get("identifier", [])
    pairs = {(one.get("system"), one.get("value")) for one in listed}
    more = [one for one in known.get("identifier", []) if (one.get("system"), one.get("value")) not in pairs]
    return made | {"identifier": [*listed, *more]} if more else made


def _with_contained(known: JSON, later: JSON, made: JSON) -> JSON:
    """Contained people of both that something still refers to (dom-3); their ids are of their content."""
    listed = {one["id"]: one for resource in (known, later) for one in resource.get("contained", ())}
    if not listed:
        return made
    text = encode({name: value for name, value in made.items() if name != "contained"})
    needed = [one for id, one in listed.items() if f'"#{id}"'.encode() in text]
    if needed == later.get("contained"):
        return made
    rest = {name: value for name, value in made.items() if name != "contained"}
    return rest | ({"contained": needed} if needed else {})


def _marked(known: JSON, made: JSON) -> JSON:
    before = known.get("meta", {}).get("security", [])
    now = made.get("meta", {}).get("security", [])
    both = folded([*now, *before])
    return made if not before or both == now else made | {"meta": made.get("meta", {}) | {"security": both}}
