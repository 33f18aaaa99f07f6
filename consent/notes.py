"""What was found wrong while a Consent was read, and the tolerant reading of FHIR datatypes.

A note that `breaks` makes the consent uncomputable at decision time, and so a denial. The others only stop
it at
the door (`fhir.admit`): in a decision they are values that count against access.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from consent.instants import interval
from consent.provision import Period
from consent.references import plain_reference
from consent.vocabulary import system_name

_CODING = ("system", "version", "code", "display", "userSelected")
_CONCEPT = ("coding", "text")
_REFERENCE = ("reference", "type", "identifier", "display")


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
