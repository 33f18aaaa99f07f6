"""Provisions of a FHIR Consent from their JSON, tolerantly: every fault is noted, none raises (consent.md
14).
"""

from collections.abc import Mapping
from typing import Any

from consent.digest import code_key
from consent.notes import Notes
from consent.provision import Actor, LabelFilter, Listed, Provision
from consent.vocabulary import (
    ACT_CODE,
    ACT_REASON,
    ACTIONS,
    CONFIDENTIALITY,
    EMERGENCY_PURPOSES,
    LADDER,
    PURPOSE_UP,
    RESOURCE_TYPES,
    SENSITIVITY_UP,
    STRUCTURE_DEFINITION,
)

DEEPEST, MOST_NODES = 4, 500
MEANINGS = frozenset(("instance", "related", "dependents", "authoredby"))
_RECIPIENT_ROLES = frozenset(("IRCP", "PRCP", "GRANTEE"))
_PROVISION = (
    "type period actor action securityLabel purpose class code dataPeriod data provision".split()
)  # fmt: skip


def provision_from_json(value: Any, path: str, base: str | None, notes: Notes, depth: int = 0) -> Provision:
    """One node and those below it. `base`: its type if it states none (root: policyRule; child: the
    opposite).
    """
    node = notes.members(value, path, _PROVISION)
    notes.nodes += 1
    if notes.nodes > MOST_NODES:
        notes.breaks(path, "has more nodes than are computed")
        return Provision("deny", path)
    kind = node.get("type", base)
    if kind not in ("permit", "deny"):
        notes.breaks(f"{path}.type", "is neither permit nor deny")
        kind = "deny"
    children: tuple[Provision, ...] = ()
    if depth == DEEPEST and "provision" in node:
        notes.breaks(f"{path}.provision", "lies deeper than four levels")
    else:
        opposite = "deny" if kind == "permit" else "permit"
        below = notes.items(node, "provision", path) or []
        children = tuple(provision_from_json(item, at, opposite, notes, depth + 1) for at, item in below)
    return Provision(
        type=kind,
        path=path.removeprefix("Consent."),
        period=notes.period(node, "period", path),
        actors=_actors(node, path, notes),
        actions=_actions(node, path, notes),
        purposes=_purposes(node, path, notes),
        classes=_classes(node, path, notes),
        codes=_codes(node, path, notes),
        labels=_labels(node, path, notes),
        data_period=notes.period(node, "dataPeriod", path),
        data=_data(node, path, notes),
        children=children,
    )


def _actors(node: Mapping[str, Any], path: str, notes: Notes) -> tuple[Actor, ...] | None:
    items = notes.items(node, "actor", path)
    if items is None:
        return None
    found = []
    for place, item in items:
        actor = notes.members(item, place, ("role", "reference"))
        codes = (
            {code for _, code in notes.concept(actor["role"], f"{place}.role")} if "role" in actor else None
        )
        if codes is None or codes & _RECIPIENT_ROLES:
            kind = "recipient"
        elif codes == {"CST"}:
            kind = "custodian"
        else:
            kind = "other"
            notes.refuses(f"{place}.role", "is a role that is not computed")
        if "reference" not in actor:
            notes.refuses(f"{place}.reference", "is missing")
        reference = (
            notes.reference(actor["reference"], f"{place}.reference") if "reference" in actor else None
        )
        found.append(Actor(kind, reference))
    return tuple(found)


def _actions(node: Mapping[str, Any], path: str, notes: Notes) -> Listed | None:
    items = notes.items(node, "action", path)
    if items is None:
        return None
    codes: set[str] = set()
    unknown = False
    for place, item in items:
        given = {code for _, code in notes.concept(item, place)}
        codes |= given & ACTIONS
        if not given or given - ACTIONS:
            unknown = True
            notes.refuses(place, "is an action that is not computed")
    return Listed(frozenset(codes), unknown)


def _purposes(node: Mapping[str, Any], path: str, notes: Notes) -> Listed | None:
    items = notes.items(node, "purpose", path)
    if items is None:
        return None
    codes: set[str] = set()
    unknown = False
    for place, item in items:
        system, code = notes.coding(item, place)
        if system == ACT_REASON and code in PURPOSE_UP:
            codes.add(code)
        else:
            unknown = True
            notes.refuses(place, "is a purpose outside the vocabulary")
    return Listed(frozenset(codes), unknown)


def _classes(node: Mapping[str, Any], path: str, notes: Notes) -> Listed | None:
    items = notes.items(node, "class", path)
    if items is None:
        return None
    codes: set[str] = set()
    unknown = False
    for place, item in items:
        system, code = notes.coding(item, place)
        if code and system in ("", RESOURCE_TYPES, STRUCTURE_DEFINITION):
            codes.add(code.partition("|")[0])
        else:
            unknown = True
            notes.refuses(place, "is a class of another system")
    return Listed(frozenset(codes), unknown)


def _codes(node: Mapping[str, Any], path: str, notes: Notes) -> Listed | None:
    items = notes.items(node, "code", path)
    if items is None:
        return None
    codes: set[str] = set()
    unknown = False
    for place, item in items:
        notes.concept(item, place)
        coding = item.get("coding") if isinstance(item, Mapping) else None
        keys = {code_key(entry) for entry in coding} if isinstance(coding, list) else set()
        unknown = unknown or not keys or None in keys
        codes |= {key for key in keys if key}
    return Listed(frozenset(codes), unknown)


def _labels(node: Mapping[str, Any], path: str, notes: Notes) -> LabelFilter | None:
    items = notes.items(node, "securityLabel", path)
    if items is None:
        return None
    levels: set[int] = set()
    sensitivities: set[str] = set()
    unknown = False
    for place, item in items:
        system, code = notes.coding(item, place)
        if system == CONFIDENTIALITY and len(code) == 1 and code in LADDER:
            levels.add(LADDER.index(code))
        elif system == ACT_CODE and code in SENSITIVITY_UP:
            sensitivities.add(code)
        else:
            unknown = True
            notes.refuses(place, "is a label outside the vocabulary")
    return LabelFilter(frozenset(levels), frozenset(sensitivities), unknown)


def _data(node: Mapping[str, Any], path: str, notes: Notes) -> tuple[tuple[str, str | None], ...] | None:
    items = notes.items(node, "data", path)
    if items is None:
        return None
    found = []
    for place, item in items:
        data = notes.members(item, place, ("meaning", "reference"))
        meaning = notes.text(data, "meaning", place) or ""
        if meaning not in MEANINGS:
            notes.refuses(f"{place}.meaning", "is a meaning that is not computed")
        reference = notes.reference(data["reference"], f"{place}.reference") if "reference" in data else None
        if "reference" not in data:
            notes.refuses(f"{place}.reference", "is missing")
        found.append((meaning, reference))
    return tuple(found)


def names_emergency(value: Any, depth: int = 0) -> bool:
    """Whether any `purpose` anywhere below names an emergency purpose, however broken the rest is."""
    if depth > 100:
        return True
    if isinstance(value, list):
        return any(names_emergency(item, depth + 1) for item in value)
    if not isinstance(value, Mapping):
        return False
    listed = value.get("purpose")
    for coding in listed if isinstance(listed, list) else [listed]:
        if isinstance(coding, Mapping) and coding.get("code") in EMERGENCY_PURPOSES:
            return True
    return any(names_emergency(item, depth + 1) for item in value.values())
