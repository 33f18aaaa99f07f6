"""What an operator adds to the tables for one source: `codes = "adt-codes.csv"` (normalisation.md 7). Pure.

The same columns as every table. Only code systems of that source may be mapped, and never to a status, a
confidentiality or a negation: those decide what a record means and who sees it, and are not an operator's
to change. The target is added beside the source's own coding, which stays.
"""

import csv
import hashlib
import re
from dataclasses import replace
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from adapters.identity import local_system
from adapters.interface import JSON, Normaliser, Original, Source, SourceBatch
from adapters.terminology.tables import (
    HEADER,
    RELATIONS,
    Concept,
    Overlay,
    concept_map,
    is_known_system,
    system_from_name,
    table_names,
)

MOST_BYTES = 8 * 1024 * 1024
_STATES = re.compile("status|confidentiality|null_flavor")
_NEGATIONS = re.compile("no_known")
_UNTOUCHED = frozenset(("meta", "clinicalStatus", "verificationStatus", "dataAbsentReason", "statusReason"))
_URI = re.compile(r"[a-z][a-z0-9+.-]*:\S+\Z")
_OWN_URN = "urn:carepact:"


class OverlayRefused(ValueError):
    """The file cannot be used. The text names the line and the reason, and no value."""


def overlay_from_bytes(data: bytes, *, custodian: str, source: str) -> Overlay:
    """Read and check a file. A system without colon is a namespace of the source. Raises `OverlayRefused`."""
    if len(data) > MOST_BYTES:
        raise OverlayRefused("larger than 8 MiB")
    try:
        lines = list(csv.reader(data.decode("utf-8-sig").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise OverlayRefused("no CSV in UTF-8") from None
    if not lines or lines[0] != HEADER:
        raise OverlayRefused(f"line 1: the header is {','.join(HEADER)}")
    rows: dict[tuple[str, str], Concept] = {}
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        key, concept = _row(number, line, custodian, source)
        if key in rows:
            raise OverlayRefused(f"line {number}: this code was mapped before")
        rows[key] = concept
    return Overlay(MappingProxyType(rows), hashlib.sha256(data).hexdigest()[:8])


class Overlaying:
    """A `Normaliser` whose resources get what the overlay of their source adds."""

    def __init__(self, inner: Normaliser) -> None:
        self._inner = inner

    def normalise(self, original: Original, source: Source, at: datetime) -> SourceBatch:
        """As the inner one, then the overlay."""
        batch = self._inner.normalise(original, source, at)
        return overlaid_batch(batch, source.codes) if source.codes else batch


def overlaid_batch(batch: SourceBatch, overlay: Overlay) -> SourceBatch:
    """The batch with targets added; its mapping, and the policy of every Provenance, name the overlay too."""
    mapping = f"{batch.mapping}+{overlay.hash}"
    policies = (f"urn:carepact:mapping:{batch.mapping}", f"urn:carepact:mapping:{mapping}")

    def finished(resource: JSON) -> JSON:
        if resource["resourceType"] != "Provenance":
            return overlaid(resource, overlay)
        policy = [policies[1] if one == policies[0] else one for one in resource.get("policy", [])]
        return resource | ({"policy": policy} if policy else {})

    resources = tuple(finished(one) for one in batch.resources)
    provenance = finished(batch.provenance) if batch.provenance else None
    return replace(batch, resources=resources, provenance=provenance, mapping=mapping)


def overlaid(resource: JSON, overlay: Overlay) -> JSON:
    """A copy in which each CodeableConcept has the targets of its codings beside them."""
    made: JSON = _overlaid(resource, overlay)
    return made


def _overlaid(node: Any, overlay: Overlay) -> Any:
    if isinstance(node, list):
        return [_overlaid(child, overlay) for child in node]
    if not isinstance(node, dict):
        return node
    made = {name: child if name in _UNTOUCHED else _overlaid(child, overlay) for name, child in node.items()}
    if isinstance(node.get("coding"), list):
        made["coding"] = _with_targets(node["coding"], overlay)
    return made


def _with_targets(codings: list[Any], overlay: Overlay) -> list[Any]:
    made = list(codings)
    for coding in codings:
        target = overlay.rows.get((coding.get("system", ""), coding.get("code", "")))
        if target is None or not target.code:
            continue
        if not any((c.get("system"), c.get("code")) == (target.system, target.code) for c in made):
            made.append(target.coding())
    return made


def _row(number: int, line: list[str], custodian: str, source: str) -> tuple[tuple[str, str], Concept]:
    def refuse(why: str) -> OverlayRefused:
        return OverlayRefused(f"line {number}: {why}")

    if len(line) != len(HEADER):
        raise refuse("not as many columns as the header")
    system, code, target_system, target_code, display, relation, origin = (cell.strip() for cell in line)
    if not code or not origin:
        raise refuse("a row needs source_code and origin (who decided, and why)")
    own = _own_system(system, custodian, source)
    if own is None:
        raise refuse("source_system is not of this source: codes of a known system mean what they say")
    if relation not in RELATIONS or not bool(target_system) == bool(target_code) == (relation != "none"):
        raise refuse("relation is equivalent, wider or narrower with a target, or none without one")
    if target_system and not _URI.match(target_system):
        raise refuse("target_system is no absolute URI")
    states, negations = _protected()
    if target_system in states or target_system.startswith(_OWN_URN):
        raise refuse("a status, a confidentiality or a mark of absence is not an overlay's to set")
    if (target_system, target_code) in negations:
        raise refuse("the target says that something is absent: not an overlay's to set")
    return (own, code), Concept(target_system, target_code, display)


def _own_system(system: str, custodian: str, source: str) -> str | None:
    """The URI of a system of this source, None if it is not one."""
    prefix = local_system(custodian, source, "")
    if ":" not in system:
        known = system_from_name(system) or concept_map("v2_coding_systems").get(("", system.upper()))
        return None if known or not system else local_system(custodian, source, system)
    if system.startswith(_OWN_URN):
        return system if system.startswith(prefix) and system != prefix else None
    return system if _URI.match(system) and not is_known_system(system) else None


@cache
def _protected() -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """Systems of statuses and confidentiality, and concepts of absence, as our own tables have them."""
    states: set[str] = set()
    negations: set[tuple[str, str]] = set()
    for name in table_names():
        targets = concept_map(name).values() if _STATES.search(name) or _NEGATIONS.search(name) else ()
        if _STATES.search(name):
            states |= {target.system for target in targets if target.system}
        else:
            negations |= {(target.system, target.code) for target in targets}
    return frozenset(states), frozenset(negations)
