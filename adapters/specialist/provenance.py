"""The one Provenance of a document (normalisation.md 1, rule 9)."""

import hashlib
from datetime import datetime
from typing import Any

from adapters.interface import Original
from adapters.specialist.markup import find_all
from adapters.specialist.people import actor
from adapters.specialist.record import Record
from adapters.specialist.values import present
from adapters.times import instant

JSON = dict[str, Any]
_AGENT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"


def provenance(record: Record, original: Original, at: datetime, mapping: str) -> JSON:
    """Targets all resources of the document; names who assembled, who wrote, and the original."""
    owner: JSON = {}
    entities = find_all(record.doc.root, "author/assignedAuthor")
    authors = [a for a in (actor(record, e, owner) for e in entities) if a]
    resources = record.resources()
    intake = original.intake or hashlib.sha256(original.body).hexdigest()
    custodian = {"system": "urn:carepact:member", "value": record.source.custodian}
    agents = [
        {"type": _type("assembler"), "who": {"display": "carepact"}},
        {"type": _type("author"), "who": {"identifier": custodian}},
        *({"type": _type("author"), "who": a} for a in authors),
    ]
    return (
        {"resourceType": "Provenance", "id": record.identify("Provenance", intake)}
        | {"meta": {"source": record.meta_source}}
        | owner
        | present(
            extension=_assumptions(record),
            target=[{"reference": f"{r['resourceType']}/{r['id']}"} for r in resources],
            occurredDateTime=record.document_time,
            recorded=instant(at),
            policy=[f"urn:carepact:mapping:{mapping}"],
            activity={"coding": [{"system": _LIFECYCLE, "code": "transform"}]},
            agent=agents,
            entity=[
                {
                    "role": "source",
                    "what": {"identifier": {"system": "urn:carepact:intake", "value": intake}},
                }
            ],
        )
    )


def _type(code: str) -> JSON:
    return {"coding": [{"system": _AGENT, "code": code}]}


def _assumptions(record: Record) -> list[JSON]:
    """The zone that times without offset were read in, and on whose word."""
    if not record.zones:
        return []
    zone = record.source.zone
    parts = [
        {"url": "kind", "valueCode": "zone"},
        {"url": "value", "valueString": zone or record.offset or ""},
        {"url": "basis", "valueCode": "feed" if zone else "document"},
        {"url": "items", "valueInteger": record.zones},
    ]
    return [{"url": "urn:carepact:assumption", "extension": parts}]
