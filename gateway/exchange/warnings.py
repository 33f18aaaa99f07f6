"""What sources say themselves that their record lacks (normalisation.md 5, List warnings). Pure.

A reader must learn that the record is short, whatever part of it was asked for. A List that is withheld
warns nobody: that it is there at all would tell.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from gateway.fhir.json import decode_own

INCOMPLETE = "urn:carepact:incomplete"
WARNINGS = ("confidential-items", "data-in-transit", "data-awaiting-filing")
_MARK = INCOMPLETE.encode()


def warnings_of(
    released: Iterable[tuple[str, str, bytes | None]],
) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """(custodian, source) to its warnings, in one order; from (custodian, source, bytes that may leave)."""
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for custodian, source, body in released:
        if body is not None and _MARK in body:
            found[(custodian, source)] |= _codes(body)
    return {name: tuple(code for code in WARNINGS if code in codes) for name, codes in found.items()}


def _codes(body: bytes) -> set[str]:
    resource = decode_own(body)
    if resource["resourceType"] != "List":
        return set()
    tags = resource.get("meta", {}).get("tag", [])
    return {str(tag.get("code")) for tag in tags if tag.get("system") == INCOMPLETE}
