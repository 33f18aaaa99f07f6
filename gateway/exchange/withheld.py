"""References to what is withheld: gone from lists, nameless elsewhere (consent.md 11). Pure."""

from collections.abc import Set
from typing import Any


def unlinked(resource: dict[str, Any], held: Set[str]) -> dict[str, Any]:
    """A copy in which no reference to `held` (`Type/id`) names what it points at."""
    kind = resource["resourceType"]
    copy = {name: _nameless(value, held) for name, value in resource.items()}
    if kind == "List":
        copy["entry"] = [e for e in copy.get("entry", []) if not _points(e.get("item"), held)]
    elif kind == "Composition":
        copy["section"] = [_section(section, held) for section in copy.get("section", [])]
    return {name: value for name, value in copy.items() if value not in ([], {})}


def _section(section: dict[str, Any], held: Set[str]) -> dict[str, Any]:
    kept = [entry for entry in section.get("entry", []) if not _points(entry, held)]
    inner = [_section(child, held) for child in section.get("section", [])]
    cut = {name: value for name, value in section.items() if name not in ("entry", "section")}
    if len(kept) != len(section.get("entry", [])):
        cut.pop("text", None)  # its words tell what the entries say
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
