"""A collection Bundle of what one input became (normalisation.md 10): no database, no signature."""

from collections.abc import Iterable
from typing import Any

from gateway.fhir.bundle import Entry
from gateway.fhir.json import encode, joined_array, spliced
from gateway.fhir.order import ordered

INTAKE = "urn:carepact:intake"
_TURN = {"Patient": 0, "Provenance": 2}


def collection(
    resources: Iterable[dict[str, Any]], *, id: str, intake: str, timestamp: str, base: str
) -> bytes:
    """Patients first, Provenance last, else in order of appearance; without `entry` where nothing came."""
    inorder = sorted(resources, key=lambda one: _TURN.get(one["resourceType"], 1))
    members = {
        "resourceType": "Bundle",
        "id": id,
        "identifier": {"system": INTAKE, "value": intake},
        "type": "collection",
        "timestamp": timestamp,
    }
    entries = [
        Entry(f"{base}/{one['resourceType']}/{one['id']}", encode(ordered(one))).encoded() for one in inorder
    ]
    return spliced(members, "entry", joined_array(entries)) if entries else encode(members)
