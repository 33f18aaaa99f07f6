"""The Provenance of one answer (normalisation.md 1, rule 9)."""

from collections import Counter
from datetime import datetime
from typing import Any

from adapters import identity, times
from adapters.interface import JSON, Source
from adapters.losses import Losses

_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def provenance_from_answer(
    resources: list[JSON],
    source: Source,
    intake: str,
    mapping: str,
    at: datetime,
    occurred: str | None,
    losses: Losses,
) -> JSON:
    """One Provenance over all resources. `mapping`: policy; `occurred`: the answer's own time if stated."""
    made: JSON = {
        "resourceType": "Provenance",
        "id": identity.resource_id(source.id_key, "Provenance", source.custodian, source.id, intake),
        "meta": {"source": identity.meta_source(source.custodian, source.id, intake)},
    }
    assumed = Counter(line.reason for line in losses.entries if line.disposition == "assumed")
    if assumed:
        made["extension"] = [_assumption(kind, items, source) for kind, items in sorted(assumed.items())]
    made["target"] = [{"reference": f"{each['resourceType']}/{each['id']}"} for each in resources]
    if occurred:
        made["occurredDateTime"] = occurred
    return made | {
        "recorded": times.instant(at),
        "policy": [f"urn:carepact:mapping:{mapping}"],
        "activity": {"coding": [{"system": _LIFECYCLE, "code": "transform"}]},
        "agent": [
            _agent("assembler", {"display": "carepact"}),
            _agent("author", {"identifier": {"system": "urn:carepact:member", "value": source.custodian}}),
        ],
        "entity": [
            {
                "role": "source",
                "what": {"identifier": {"system": "urn:carepact:intake", "value": intake}},
            }
        ],
    }


def _assumption(kind: str, items: int, source: Source) -> JSON:
    """What we supplied, how often and on what basis (normalisation.md 1, rule 5)."""
    parts: list[JSON] = [{"url": "kind", "valueCode": kind}]
    if kind == "zone" and source.zone:
        parts.append({"url": "value", "valueString": source.zone})
    parts.append({"url": "basis", "valueCode": "feed" if kind == "zone" else "default"})
    parts.append({"url": "items", "valueInteger": items})
    return {"url": "urn:carepact:assumption", "extension": parts}


def _agent(code: str, who: dict[str, Any]) -> JSON:
    return {"type": {"coding": [{"system": _PARTICIPANT, "code": code}]}, "who": who}
