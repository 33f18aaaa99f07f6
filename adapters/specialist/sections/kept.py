"""An entry that no mapping knows, kept as it came: a Basic with its XML, never released as such."""

from typing import Any

from lxml import etree

from adapters.specialist.marks import CONFIDENTIALITY
from adapters.specialist.markup import Element
from adapters.specialist.record import KEPT, Record
from adapters.specialist.sections.acts import Place

JSON = dict[str, Any]
_LONGEST = 1_048_576  # FHIR R4 string


def keep(record: Record, act: Element, place: Place, reason: str = "unknown-template") -> JSON:
    """Reference to a Basic labelled R with position and raw XML; too long a one is left in the original."""
    raw = etree.tostring(record.doc.raw(act), encoding="unicode", with_tail=False)
    key = record.key(act, place.code, place.ordinal)
    reference = record.reference("Basic", key)
    if len(raw) > _LONGEST:
        record.doc.lose(act, "rejected", "too-long")
        return {"display": "kept in the original only"}
    extension = {
        "url": KEPT,
        "extension": [
            {"url": "position", "valueString": record.doc.position(act)},
            {"url": "value", "valueString": raw},
        ],
    }
    basic = {
        "resourceType": "Basic",
        "extension": [extension],
        "code": {"coding": [{"system": KEPT, "code": "entry"}]},
        "subject": record.subject,
    }
    added = record.add(basic, key, [{"system": CONFIDENTIALITY, "code": "R"}])
    record.doc.lose(act, "kept", reason, target="Basic", resource=added.get("reference", reference))
    return added
