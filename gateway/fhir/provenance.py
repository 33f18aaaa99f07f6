"""Provenance of an answer: one for each contributing source, one for the assembly (http-api.md 4)."""

import base64
from collections.abc import Sequence
from typing import Any

_AGENT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_SIGNATURE_TYPE = {"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.14"}


def assembly(
    *, id: str, targets: Sequence[str], recorded: str, node: str, statement: bytes, sources: Sequence[str]
) -> dict[str, Any]:
    """This node put the answer together; its signature is the completeness statement (`application/jose`).

    `targets`, `sources`: references (`Type/id`) inside the Bundle, urn for Provenance of contributions.
    """
    return {
        "resourceType": "Provenance",
        "id": id,
        "target": [{"reference": target} for target in targets],
        "recorded": recorded,
        "activity": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "code": "merge"}
            ]
        },
        "agent": [_agent("assembler", node)],
        "entity": [
            {"role": "source", "what": {"identifier": {"system": "urn:carepact:source", "value": source}}}
            for source in sources
        ],
        "signature": [
            {
                "type": [_SIGNATURE_TYPE],
                "when": recorded,
                "who": _member(node),
                "sigFormat": "application/jose",
                "data": base64.b64encode(statement).decode("ascii"),
            }
        ],
    }


def contribution(
    *, id: str, targets: Sequence[str], recorded: str, member: str, manifest: bytes
) -> dict[str, Any]:
    """What one member sent; the signature is the manifest of its answer as received (`application/jose`).

    `targets`: the member's own addresses of its entries.
    """
    return {
        "resourceType": "Provenance",
        "id": id,
        "target": [{"reference": target} for target in targets],
        "recorded": recorded,
        "agent": [_agent("custodian", member)],
        "signature": [
            {
                "type": [_SIGNATURE_TYPE],
                "when": recorded,
                "who": _member(member),
                "sigFormat": "application/jose",
                "data": base64.b64encode(manifest).decode("ascii"),
            }
        ],
    }


def _agent(role: str, member: str) -> dict[str, Any]:
    return {"type": {"coding": [{"system": _AGENT, "code": role}]}, "who": _member(member)}


def _member(member: str) -> dict[str, Any]:
    return {"identifier": {"system": "urn:carepact:member", "value": member}}
