"""FHIR Consent JSON to the model, tolerantly: every fault is noted with its path, none raises (consent.md
14).

A note that `breaks` makes the consent uncomputable at decision time, and so a denial. The others only stop it
at the door (`fhir.admit`): in a decision they are values that count against access.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from consent.digest import code_key
from consent.instants import interval
from consent.provision import Actor, LabelFilter, Listed, Period, Provision
from consent.references import plain_reference
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
    system_name,
)

DEEPEST, MOST_NODES = 4, 500
MEANINGS = frozenset(("instance", "related", "dependents", "authoredby"))
_RECIPIENT_ROLES = frozenset(("IRCP", "PRCP", "GRANTEE"))
_CODING = ("system", "version", "code", "display", "userSelected")
_CONCEPT = ("coding", "text")
_REFERENCE = ("reference", "type", "identifier", "display")
_PROVISION = (
    "type period actor action securityLabel purpose class code dataPeriod data provision".split()
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """`path` from `Consent`; `breaks` the consent, or only refuses it at the door."""

    path: str
    why: str
    breaks: bool


@dataclass(slots=True)
class Notes:
    """What was found wrong, in reading order, and how many nodes were read."""

    faults: list[Fault] = field(default_factory=list)
    nodes: int = 0

    def breaks(self, path: str, why: str) -> None:
        self.faults.append(Fault(path, why, True))

    def refuses(self, path: str, why: str) -> None:
        self.faults.append(Fault(path, why, False))

    def members(self, value: Any, path: str, known: Sequence[str]) -> Mapping[str, Any]:
        """The object; unknown members, `modifierExtension` and `implicitRules` break it."""
        if not isinstance(value, Mapping):
            self.breaks(path, "must be an object")
            return {}
        for key in value:
            name = key[1:] if isinstance(key, str) and key.startswith("_") else key
            if name not in known and name not in ("id", "extension"):
                self.breaks(f"{path}.{name}", "is not known here")
        return value

    def items(self, node: Mapping[str, Any], name: str, path: str) -> list[tuple[str, Any]] | None:
        """`[(path, item)]` of an array; None if absent; an empty or other value breaks it."""
        if name not in node:
            return None
        value = node[name]
        if not isinstance(value, list) or not value:
            self.breaks(f"{path}.{name}", "must be an array with something in it")
            return []
        return [(f"{path}.{name}[{place}]", item) for place, item in enumerate(value)]

    def text(self, node: Mapping[str, Any], name: str, path: str) -> str | None:
        value = node.get(name)
        if value is not None and (not isinstance(value, str) or not value):
            self.breaks(f"{path}.{name}", "must be text")
            return None
        return value

    def coding(self, value: Any, path: str) -> tuple[str, str]:
        """`(system, code)`, each empty if absent."""
        found = self.members(value, path, _CODING)
        system = self.text(found, "system", path)
        return system_name(system) if system else "", self.text(found, "code", path) or ""

    def concept(self, value: Any, path: str) -> list[tuple[str, str]]:
        """Codings of a CodeableConcept; none if it is text alone."""
        found = self.members(value, path, _CONCEPT)
        return [self.coding(item, place) for place, item in self.items(found, "coding", path) or []]

    def reference(self, value: Any, path: str) -> str | None:
        """`Type/id`; None if the reference is only an identifier or a name."""
        found = self.members(value, path, _REFERENCE)
        written = self.text(found, "reference", path)
        if written is None:
            self.refuses(path, "is a reference that resolves to nobody")
        return plain_reference(written) if written else None

    def period(self, node: Mapping[str, Any], name: str, path: str) -> Period | None:
        if name not in node:
            return None
        place = f"{path}.{name}"
        found = self.members(node[name], place, ("start", "end"))
        ends: list[int | None] = []
        for side, last in (("start", 0), ("end", 1)):
            written = self.text(found, side, place)
            span = interval(written) if written else None
            if written and span is None:
                self.breaks(f"{place}.{side}", "is no date")
            ends.append(span[last] if span else None)
        start, end = ends
        if start is not None and end is not None and start > end:
            self.breaks(place, "starts after its end")
        return start, end


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
