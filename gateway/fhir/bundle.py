"""Bundles, spliced from stored bytes (FHIR R4 2.36)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.fhir.json import encode, joined_array, spliced


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: absolute `full_url`, resource bytes as stored, search mode in a searchset."""

    full_url: str | None
    resource: bytes
    mode: str | None = None

    def encoded(self) -> bytes:
        head: dict[str, Any] = {"fullUrl": self.full_url} if self.full_url else {}
        body = spliced(head, "resource", self.resource)
        return body[:-1] + b',"search":{"mode":"' + self.mode.encode() + b'"}}' if self.mode else body


def searchset(
    entries: Sequence[Entry],
    *,
    id: str,
    timestamp: str,
    self_url: str,
    security: Sequence[dict[str, str]] = (),
    total: int | None = None,
) -> bytes:
    """A searchset. `security`: highest confidentiality released and the obligations (consent.md 11).

    `total` only when the answer is complete (http-api.md 3); it counts what was released.
    """
    members: dict[str, Any] = {"resourceType": "Bundle", "id": id}
    if security:
        members["meta"] = {"security": list(security)}
    members |= {"type": "searchset", "timestamp": timestamp}
    if total is not None:
        members["total"] = total
    members["link"] = [{"relation": "self", "url": self_url}]
    return _with_entries(members, entries)


def document(entries: Sequence[Entry], *, id: str, identifier: str, timestamp: str,
             security: Sequence[dict[str, str]] = ()) -> bytes:  # fmt: skip
    """A document Bundle (FHIR R4 3.3): Composition first, identifier and timestamp always there."""
    members: dict[str, Any] = {"resourceType": "Bundle", "id": id}
    if security:
        members["meta"] = {"security": list(security)}
    members |= {
        "identifier": {"system": "urn:ietf:rfc:3986", "value": identifier},
        "type": "document",
        "timestamp": timestamp,
    }
    return _with_entries(members, entries)


def _with_entries(members: dict[str, Any], entries: Iterable[Entry]) -> bytes:
    encoded = [entry.encoded() for entry in entries]
    return spliced(members, "entry", joined_array(encoded)) if encoded else encode(members)
