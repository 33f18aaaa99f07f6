"""References to what is withheld: gone from lists, nameless elsewhere (consent.md 11). Pure.

Words go with them: a narrative renders the whole resource, also the part that points at what is withheld.
"""

from collections.abc import Set
from typing import Any

_OF_ALL = frozenset(("occurredDateTime", "occurredPeriod", "extension"))
"""Members of a Provenance that speak of everything in its original at once."""


def targets(provenance: dict[str, Any]) -> set[str]:
    """What a Provenance is about, `Type/id`; not who acted in it or what it was made from."""
    return {target["reference"] for target in provenance.get("target", []) if "reference" in target}


def with_targets(provenance: dict[str, Any], leaving: Set[str]) -> dict[str, Any]:
    """A Provenance that names only what leaves: its other targets would count what was withheld.

    One that lost any says no more when the event was, nor how often something was assumed.
    """
    kept = [target for target in provenance["target"] if target.get("reference") in leaving]
    if len(kept) == len(provenance["target"]):
        return provenance
    return {name: value for name, value in provenance.items() if name not in _OF_ALL} | {"target": kept}


def unlinked(resource: dict[str, Any], held: Set[str]) -> dict[str, Any]:
    """A copy in which no reference to `held` (`Type/id`) names what it points at."""
    copy: dict[str, Any] = {
        name: _nameless(value, held) for name, value in resource.items() if name != "text"
    }
    if resource["resourceType"] == "List":
        copy["entry"] = [e for e in copy.get("entry", []) if not _points(e.get("item"), held)]
    elif resource["resourceType"] == "Composition":
        copy["section"] = _sections(copy.get("section", []), held)
    return {name: value for name, value in copy.items() if value not in ([], {})}


def _sections(sections: list[dict[str, Any]], held: Set[str]) -> list[dict[str, Any]]:
    """The sections without withheld entries. One that lost any, itself or inside, loses its words."""
    kept = (_section(section, held) for section in sections)
    return [section for section in kept if section.keys() & {"text", "entry", "section"}]


def _section(section: dict[str, Any], held: Set[str]) -> dict[str, Any]:
    entries = section.get("entry", [])
    kept = [entry for entry in entries if not _points(entry, held)]
    inner = _sections(section.get("section", []), held)
    cut = {name: value for name, value in section.items() if name not in ("entry", "section")}
    if len(kept) != len(entries) or inner != section.get("section", []):
        cut.pop("text", None)
    return cut | ({"entry": kept} if kept else {}) | ({"section": inner} if inner else {})


def _nameless(node: Any, held: Set[str]) -> Any:
    if isinstance(node, dict):
        cut = {name: _nameless(value, held) for name, value in node.items()}
        if _points(node, held):
            cut.pop("display", None)
            cut.pop("identifier", None)
        return cut
    return [_nameless(value, held) for value in node] if isinstance(node, list) else node


def _points(node: Any, held: Set[str]) -> bool:
    return isinstance(node, dict) and node.get("reference") in held
