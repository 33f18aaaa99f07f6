"""What a search for documents answered: the attachments worth fetching, and what of them was promised."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

from adapters.errors import SourceError, SourceMalformed

JSON = dict[str, Any]
_XML = frozenset({"", "text/xml", "application/xml", "application/hl7-v3+xml", "application/hl7-cda+xml"})
_DIGESTS = {20: "sha1", 32: "sha256"}


@dataclass(slots=True)
class Listing:
    """What the search found; `missing` counts pages and documents that it could not."""

    attachments: list[JSON] = field(default_factory=list)
    missing: int = 0
    error: SourceError | None = None


def read_page(page: JSON, listing: Listing) -> None:
    """Adds the page's documents; one that offers no XML is a part of the record that we miss."""
    known = {a.get("url") for a in listing.attachments if a.get("url")}
    for entry in _dicts(page.get("entry")):
        resource = entry.get("resource")
        if not isinstance(resource, dict) or resource.get("resourceType") != "DocumentReference":
            continue
        if resource.get("status", "current") != "current":
            continue
        attachments = [a for c in _dicts(resource.get("content")) for a in _dicts([c.get("attachment")])]
        document = next((a for a in attachments if media_type(a) in _XML), None)
        if document is None:
            listing.missing += 1
        elif document.get("url") not in known:
            listing.attachments.append(document)


def next_link(page: JSON) -> str | None:
    """Address of the next page, if there is one."""
    for link in _dicts(page.get("link")):
        if link.get("relation") == "next" and isinstance(link.get("url"), str):
            return str(link["url"])
    return None


def _dicts(value: Any) -> list[JSON]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def media_type(attachment: JSON) -> str:
    """`contentType` without parameters; empty if not stated."""
    kind = attachment.get("contentType")
    return kind.partition(";")[0].strip().lower() if isinstance(kind, str) else ""


def verify(attachment: JSON, body: bytes) -> None:
    """`size` and `hash` of the attachment, where stated (R4: SHA-1; SHA-256 by its length)."""
    size, stated = attachment.get("size"), attachment.get("hash")
    if isinstance(size, int) and size != len(body):
        raise SourceMalformed("a document of another size than stated")
    if isinstance(stated, str):
        try:
            digest = base64.b64decode(stated, validate=True)
        except ValueError:
            raise SourceMalformed("a hash that is not base64") from None
        name = _DIGESTS.get(len(digest))
        if name is None or hashlib.new(name, body, usedforsecurity=False).digest() != digest:
            raise SourceMalformed("a document with another hash than stated")
