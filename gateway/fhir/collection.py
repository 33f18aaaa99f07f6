"""A collection Bundle of what one input became (normalisation.md 10): no database, no signature."""

from collections.abc import Iterable, Iterator
from typing import Any

from gateway.fhir.bundle import Entry
from gateway.fhir.json import encode
from gateway.fhir.order import ordered

INTAKE = "urn:carepact:intake"
TURNS = {"Patient": 0, "Provenance": 2}
"""Patients first, Provenance last; all others have turn 1, in order of appearance."""


def entry_of(resource: dict[str, Any], base: str) -> bytes:
    """One entry, its members in the order of R4."""
    full_url = f"{base}/{resource['resourceType']}/{resource['id']}"
    return Entry(full_url, encode(ordered(resource))).encoded()


def collection(entries: Iterable[bytes], *, id: str, intake: str, timestamp: str) -> Iterator[bytes]:
    """The Bundle piece by piece, entries as they come; without `entry` where none does."""
    members = {
        "resourceType": "Bundle",
        "id": id,
        "identifier": {"system": INTAKE, "value": intake},
        "type": "collection",
        "timestamp": timestamp,
    }
    yield encode(members)[:-1]
    separator = b',"entry":['
    for entry in entries:
        yield separator + entry
        separator = b","
    yield b"}" if separator != b"," else b"]}"
