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
    raw: dict[str, Any], source: Source, anchor: str, position: str, patient: str | None
) -> JSON | None:
    """A Basic with the JSON of one resource; None if that is longer than a FHIR string may be."""
    return _basic([(position, raw)], _key(raw), "resource", source, anchor, patient)


def basic_from_elements(
    kept: list[tuple[str, Any]], owner: str, source: Source, anchor: str, patient: str | None
) -> JSON | None:
    """A Basic with elements (position, value) of the resource `owner` (`Type/id`), as they came."""
    return _basic(kept, f"elements|{owner}", "element", source, anchor, patient)


def _basic(
    kept: list[tuple[str, Any]], key: str, code: str, source: Source, anchor: str, patient: str | None
) -> JSON | None:
    raws = [(position, codec.encode(value).decode("utf-8")) for position, value in kept]
    if any(len(raw) > MAX_KEPT_CHARS for _, raw in raws):
        return None
    made: JSON = {
        "resourceType": "Basic",
        "id": identity.resource_id(source.id_key, "Basic", source.custodian, source.id, key),
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
            for position, raw in raws
        ],
        "code": {"coding": [{"system": KEPT, "code": code}]},
    }
    if patient:
        made["subject"] = {"reference": patient}
    return made


def _key(raw: dict[str, Any]) -> str:
    original = raw.get("id")
    kind = raw["resourceType"]
    return (
        f"{kind}/{original}"
        if isinstance(original, str)
        else f"{kind}|{sha256(codec.encode(raw)).hexdigest()}"
    )
