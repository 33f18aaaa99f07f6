"""State by key: a pure fold over all contributions (normalisation.md 3.4).

By resource: the latest event wins, so out of order equals in order and a replay changes nothing. The fold by
element (Patient, Encounter) and merges are not here yet; until then a status that says nothing (`unknown`)
keeps the newest one that does.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from adapters.interface import JSON

_RANK = {
    status: rank
    for rank, status in enumerate(
        "registered preliminary partial final amended corrected cancelled entered-in-error".split(), 1
    )
}
_KEEPS_STATUS = frozenset({"Encounter", "ServiceRequest"})


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
        if known is not None and _says_no_status(resource) and not _says_no_status(known):
            resource = resource | {"status": known["status"]}
        state[reference] = resource
    return state


def _says_no_status(resource: JSON) -> bool:
    return resource["resourceType"] in _KEEPS_STATUS and resource.get("status") == "unknown"
