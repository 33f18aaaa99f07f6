"""Resources of types that the network does not carry: kept as they came, in a Basic that never leaves."""

from hashlib import sha256
from typing import Any

from adapters import codec, identity
from adapters.interface import JSON, Source

KEPT = "urn:carepact:kept"
_CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
MAX_KEPT_CHARS = 1024 * 1024
"""FHIR R4 `string`: at most 1 MiB."""


def basic_from_resource(
    stu3: dict[str, Any], source: Source, anchor: str, position: str, patient: str | None
) -> JSON | None:
    """A Basic with the JSON of one resource; None if that is longer than a FHIR string may be."""
    raw = codec.encode(stu3).decode("utf-8")
    if len(raw) > MAX_KEPT_CHARS:
        return None
    made: JSON = {
        "resourceType": "Basic",
        "id": identity.resource_id(source.id_key, "Basic", source.custodian, source.id, _key(stu3, raw)),
        "meta": {
            "source": identity.meta_source(source.custodian, source.id, anchor),
            "security": [{"system": _CONFIDENTIALITY, "code": "R"}],
        },
        "extension": [
            {
                "url": KEPT,
                "extension": [
                    {"url": "position", "valueString": position},
                    {"url": "value", "valueString": raw},
                ],
            }
        ],
        "code": {"coding": [{"system": KEPT, "code": "resource"}]},
    }
    if patient:
        made["subject"] = {"reference": patient}
    return made


def _key(stu3: dict[str, Any], raw: str) -> str:
    original = stu3.get("id")
    kind = stu3["resourceType"]
    return f"{kind}/{original}" if isinstance(original, str) else f"{kind}|{sha256(raw.encode()).hexdigest()}"
