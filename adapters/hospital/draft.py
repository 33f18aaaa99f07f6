"""One resource in the making."""

import hashlib
from typing import TYPE_CHECKING, Any, Literal

from adapters.codec import encode
from adapters.hospital.fields import Element
from adapters.interface import JSON

if TYPE_CHECKING:
    from adapters.hospital.context import Context

Coding = dict[str, str]


class Draft:
    """One resource in the making: its JSON, what was assumed for it, how it is marked."""

    __slots__ = ("body", "context", "id", "incomplete", "key", "labels", "reference", "tags", "type")

    def __init__(self, context: "Context", resource_type: str, id: str, key: str = "") -> None:
        self.context = context
        self.type = resource_type
        self.id = id
        self.key = key
        self.reference = f"{resource_type}/{id}"
        self.body: JSON = {"resourceType": resource_type, "id": id}
        self.tags: set[str] = set()
        self.incomplete: set[str] = set()
        self.labels: list[Coding] = []

    def rename(self, id: str) -> None:
        """Another id, before it was handed in."""
        self.id = self.body["id"] = id
        self.reference = f"{self.type}/{id}"

    def link(self, display: str = "") -> JSON:
        """A Reference to this resource."""
        link = {"reference": self.reference}
        return link | {"display": display} if display else link

    def put(self, name: str, value: Any) -> None:
        """Set an element unless the value says nothing."""
        if value or value == 0:
            self.body[name] = value

    def append(self, name: str, *values: Any) -> None:
        """Add to a repeating element what says something and is not there yet."""
        for value in values:
            if value and value not in self.body.get(name, ()):
                self.body.setdefault(name, []).append(value)

    def time(self, element: Element, target: str, comp: int = 1) -> str | None:
        """dateTime text of a component."""
        made = self.context.time(element, f"{self.type}.{target}", comp, self.tags)
        return made.text if made else None

    def code(self, element: Element, table: str, target: str, comp: int = 1) -> str | None:
        """Code of a component through a table."""
        found = self.context.concept(element, table, f"{self.type}.{target}", comp)
        return found.code if found else None

    def contain(self, body: JSON, display: str = "") -> JSON:
        """Put a person or organisation without identifier inside; a local Reference (id of the content)."""
        id = "c" + hashlib.sha256(encode(body)).hexdigest()[:12]
        inside = self.body.setdefault("contained", [])
        if all(one["id"] != id for one in inside):
            inside.append({"resourceType": body["resourceType"], "id": id} | body)
        return {"reference": f"#{id}"} | ({"display": display} if display else {})

    def assume(
        self, position: str, kind: Literal["status", "class", "intent", "patient"], value: str
    ) -> None:
        """A required element that the source did not say: visible in the ledger and as a tag."""
        self.tags.add(kind)
        self.context.assume(position, kind, value, "default")
