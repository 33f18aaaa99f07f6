"""A CDA document with its account: a mark on every value that a mapping took, and its position in words."""

from collections.abc import Sequence
from typing import Any, Literal

from lxml import etree

from adapters.losses import Losses
from adapters.specialist.account import Account
from adapters.specialist.closing import close
from adapters.specialist.markup import read
from adapters.specialist.tree import NARRATIVE, OPEN, TAKEN, TEXT, Element

_AS_IT_CAME: dict[str, Any] = {"encoding": "utf-8", "resolve_entities": False, "no_network": True} | {
    "load_dtd": False,
    "huge_tree": True,
    "remove_comments": True,
    "remove_pis": True,
}


class Document:
    """A parsed document with its account. Items are taken through `get` and `text`."""

    def __init__(self, body: bytes) -> None:
        self.tree, self._markup, repaired = read(body)
        self.root = self.tree.root
        self._account = Account(self.tree.nodes)
        self._raw: dict[Element, etree._Element] = {}
        self._paths: dict[Element, str] = {self.root: f"/{self.root.name}[1]"}
        if repaired:
            self.remark(self.root, "altered", "namespace")

    @property
    def total(self) -> int:
        return self._account.total

    @property
    def acts(self) -> list[Element]:
        """All clinical statements, in document order."""
        return self.tree.acts

    @property
    def marks(self) -> list[Element]:
        """All confidentiality codes and masked elements."""
        return self.tree.marks

    @property
    def ids(self) -> list[Element]:
        """All `id` elements."""
        return self.tree.ids

    def get(self, element: Element | None, name: str) -> str:
        """An attribute's trimmed value, taken; empty if absent."""
        if element is None:
            return ""
        value = element.attrib.get(name)
        if value is None:
            return ""
        items = element.items
        if items.get(name) == OPEN:
            items[name] = TAKEN
            if self._account.unit is not None:
                self._account.unit.append((element, name))
        return value.strip()

    def take(self, element: Element, names: Sequence[str]) -> None:
        """Take those of these attributes that are there."""
        items, unit = element.items, self._account.unit
        for name in names:
            if items.get(name) == OPEN:
                items[name] = TAKEN
                if unit is not None:
                    unit.append((element, name))

    def text(self, element: Element | None) -> str:
        """All text of an element, trimmed, taken (markup inside is dropped)."""
        if element is None:
            return ""
        if not element.children:  # by far the most: a leaf
            self._account.take(element, TEXT)
            return element.text.strip()
        self._account.take_words(element)
        return "".join(element.words()).strip()

    def take_narrative(self, text: Element) -> None:
        """The whole narrative of a section, one item."""
        self._account.take(text, NARRATIVE)

    def is_open(self, element: Element, name: str) -> bool:
        """Whether nobody took an attribute yet."""
        return self._account.is_open(element, name)

    def begin(self) -> None:
        """Open a unit: `rollback` undoes what it took, lost and remarked."""
        self._account.begin()

    def commit(self) -> None:
        self._account.end("commit")

    def rollback(self) -> None:
        self._account.end("rollback")

    def lose(
        self,
        element: Element,
        disposition: Literal["kept", "not-mapped", "rejected", "failed"],
        reason: str,
        name: str | None = None,
        *,
        target: str | None = None,
        resource: str | None = None,
    ) -> None:
        """Close an attribute or, without `name`, everything below an element that nobody took."""
        account = self._account
        items = account.close_item(element, name) if name else account.close_below(element)
        if items:
            at = self.position(element) + (f"/@{name}" if name else "")
            account.line(element, at, items, disposition, reason, target, resource)

    def reject(self, element: Element, reason: str, name: str) -> None:
        """Close an attribute that cannot stay, also if it was taken to be looked at."""
        self._account.release(element, name)
        self.lose(element, "rejected", reason, name)

    def remark(self, element: Element, disposition: Literal["assumed", "altered"], reason: str) -> None:
        self._account.line(element, self.position(element), 1, disposition, reason)

    def note(self, element: Element, disposition: Literal["not-mapped", "failed"], reason: str) -> None:
        """A line without items: something that is no value went, or is missing."""
        self._account.line(element, self.position(element), 0, disposition, reason)

    def position(self, element: Element) -> str:
        """XPath without prefixes, every step with its ordinal among equal names."""
        known = self._paths.get(element)
        if known is None:
            parent = element.parent
            above = self.position(parent) if parent is not None else ""
            counts: dict[str, int] = {}
            for sibling in parent.children if parent is not None else ():
                name = sibling.name
                counts[name] = counts.get(name, 0) + 1
                self._paths[sibling] = f"{above}/{name}[{counts[name]}]"
            known = self._paths[element]
        return known

    def raw(self, element: Element) -> etree._Element:
        """The same element as XML, for what is written as it came. Parsed again: few documents need it."""
        known = self._raw.get(element)
        if known is None:
            above = element.parent
            if above is None:
                known = etree.fromstring(self._markup.encode("utf-8"), etree.XMLParser(**_AS_IT_CAME))
                self._raw[element] = known
            else:
                self._raw.update(zip(above.children, self.raw(above), strict=True))
                known = self._raw[element]
        return known

    def close(self) -> Losses:
        """The ledger, in the order of the document (`closing`)."""
        for element in self.tree.authors:  # a nearer one replaced them
            own = element.parent is not self.root
            self.lose(element, "not-mapped", "superseded" if own else "administrative")
        return close(self.tree, self._account, self.position)
