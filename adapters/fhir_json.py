"""What GP Connect (STU3) and FHIR R4 share: from bytes to a resource, from resources to a batch. Pure."""

from datetime import datetime
from typing import Any

from adapters import codec, times
from adapters.interface import JSON, Source, SourceBatch
from adapters.losses import LossEntry, Losses
from adapters.provenance import provenance_from_answer
from adapters.reading import Reading, scalars


class Unreadable(Exception):
    """Not FHIR JSON; `reason` is a reason of `failed`."""

    def __init__(self, reason: str) -> None:
        super().__init__("not a record")
        self.reason = reason


def decode(body: bytes) -> JSON:
    """The resource in these bytes. Raises `Unreadable`."""
    return read(body).root


def read(body: bytes) -> Reading:
    """`decode`, ready to be accounted for."""
    text = body.removeprefix(b"\xef\xbb\xbf")
    if text.lstrip()[:1] == b"<":
        raise Unreadable("format-not-supported")
    try:
        parsed = codec.parse(text, repeats_apart=True)
    except codec.OverLimit:
        raise Unreadable("limit") from None
    except codec.BadJSON:
        raise Unreadable("unreadable") from None
    if not is_resource(parsed.value):
        raise Unreadable("unreadable")
    return Reading(parsed, parsed.value["resourceType"])


def is_resource(value: Any) -> bool:
    """An object with a name for a type: letters alone, as all of FHIR's are."""
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        return False
    name: str = value["resourceType"]
    return name.isascii() and name.isalpha()


def batch_from_resources(
    resources: list[JSON],
    reading: Reading,
    source: Source,
    anchor: str,
    mapping: str,
    at: datetime,
    occurred: str | None,
) -> SourceBatch:
    """The account closed, and one Provenance over what was made; none where nothing was."""
    losses = reading.close()
    provenance = None
    if resources:
        provenance = provenance_from_answer(resources, source, anchor, mapping, at, occurred, losses)
    return SourceBatch(tuple(resources), provenance, losses, mapping, event_time=times.utc_key(occurred))


def refused(root: JSON, reason: str, mapping: str, quarantine: str) -> SourceBatch:
    """The whole input as one failed line; nothing of it may enter a record."""
    items = max(scalars(root), 1)
    line = LossEntry(str(root["resourceType"]), items, "failed", reason)
    return SourceBatch((), None, Losses(items, 0, (line,)), mapping, quarantine=quarantine)
