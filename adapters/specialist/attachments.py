"""CDA encapsulated data (ED) as FHIR Attachment: base64 checked, text as it reads, nothing fetched."""

import base64
import hashlib
from typing import Any

from adapters.specialist.markup import Element, find, peek
from adapters.specialist.record import Record
from adapters.specialist.values import present

JSON = dict[str, Any]


def attachment(record: Record, element: Element | None) -> JSON | None:
    """Inline bytes, inline text, a passage of the narrative, or an address; None if nothing is there."""
    if element is None:
        return None
    reference = find(element, "reference")
    target = peek(reference, "value")
    if target:
        return _referred(record, element, target)
    if peek(element, "representation") == "B64":
        return _decoded(record, element)
    words = record.doc.text(element)
    return _data(record.doc.get(element, "mediaType") or "text/plain", words.encode("utf-8"))


def _referred(record: Record, element: Element, target: str) -> JSON | None:
    reference = find(element, "reference")
    words = record.narratives.lines_of(target)
    if words:
        record.doc.get(reference, "value")
        return _data("text/plain", words.encode("utf-8"))
    if target.startswith("#"):
        if reference is not None:
            record.doc.lose(reference, "rejected", "bad-reference", "value")
        return _data("text/plain", record.doc.text(element).encode("utf-8"))
    record.doc.get(reference, "value")
    return present(contentType=record.doc.get(element, "mediaType"), url=target)


def _decoded(record: Record, element: Element) -> JSON | None:
    packed = "".join("".join(element.words()).split())
    try:
        content = base64.b64decode(packed, validate=True)
    except ValueError:
        record.doc.lose(element, "rejected", "bad-base64")
        return None
    record.doc.get(element, "representation"), record.doc.text(element)
    return _data(record.doc.get(element, "mediaType") or "application/octet-stream", content)


def _data(kind: str, content: bytes) -> JSON | None:
    if not content:
        return None
    digest = hashlib.sha1(content, usedforsecurity=False).digest()
    data, check = (base64.b64encode(b).decode("ascii") for b in (content, digest))
    return {"contentType": kind, "data": data, "size": len(content), "hash": check}
