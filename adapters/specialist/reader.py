"""A CDA document with its account: a mark on every value that a mapping took.

An item is an attribute or a non-blank text node below the root, but for namespaces, `xsi:*`, `templateId`
and `typeId`; the `text` of one section is one item (normalisation.md 2).
"""

from collections.abc import Iterator
from typing import Literal

from adapters.losses import LossAccount, LossEntry, Losses
from adapters.specialist.markup import CDA, XSI, Element, local, parse, peek

Key = tuple[Element, str]
"""One item: an element with `@name`, `text`, `tail` or `narrative`."""

_UNCOUNTED = frozenset({"templateId", "typeId"})
_STRUCTURAL = frozenset(
    "@classCode @moodCode @typeCode @contextConductionInd @contextControlCode @determinerCode @inversionInd "
    "@independentInd @codeSystemName @mediaType @representation @institutionSpecified @operator".split()
)
# Codes that only say which kind of statement a node is; the template or the place says the same.
_FIXED = frozenset(
    "ASSERTION CONC SEV 33999-4 82606-5 48767-8 445518008 SECCLASSOBS SECCATOBS SECCONOBS SECCONTROLOBS "
    "SECINTOBS 48765-2 29308-4 11535-2 10219-4 10183-2 48766-0 75303-8 IMMUNIZ DRUG PINSTRUCT "
    "404684003".split()
)
_SAYS_NOTHING = frozenset({"NI", "UNK", "NA", "NP"})


class Document:
    """A parsed document with its account. Items are taken through `get` and `text`."""

    def __init__(self, body: bytes) -> None:
        self.root, repaired = parse(body)
        # Holding every element keeps lxml's proxies alive, so that identity can be a key.
        self._order = {element: n for n, element in enumerate(self.root.iter())}
        self._paths: dict[Element, str] = {self.root: f"/{local(self.root)}[1]"}
        self._ranks: dict[str, int] = {}
        self._account = LossAccount()
        self._keys = list(_items(self.root))
        self._unit: set[Key] | None = None
        for key in self._keys:
            self._account.item(key)
        if repaired:
            self.remark(self.root, "altered", "namespace")

    @property
    def total(self) -> int:
        return len(self._keys)

    def get(self, element: Element | None, name: str) -> str:
        """An attribute's trimmed value, taken; empty if absent."""
        if element is None or name not in element.attrib:
            return ""
        self.take((element, f"@{name}"))
        return peek(element, name)

    def text(self, element: Element | None) -> str:
        """All text of an element, trimmed, taken (markup inside is dropped)."""
        if element is None:
            return ""
        if not len(element):  # by far the most: a leaf
            self.take((element, "text"))
            return (element.text or "").strip()
        for key in _items(element):
            if not key[1].startswith("@"):
                self.take(key)
        return "".join(str(t) for t in element.itertext()).strip()

    def is_open(self, element: Element, name: str) -> bool:
        """Whether nobody took an attribute (`@name`) yet, in this unit or before."""
        key = (element, name)
        return key not in (self._unit or ()) and self._account.is_open(key)

    def take(self, key: Key) -> None:
        if self._unit is not None:
            self._unit.add(key)
        else:
            self._account.take(key)

    def begin(self) -> None:
        """Open a unit: what it takes counts when `commit` is called."""
        self._unit = set()

    def commit(self) -> None:
        for key in self._unit or ():
            self._account.take(key)
        self._unit = None

    def rollback(self) -> None:
        self._unit = None

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
        """Close an attribute (`@name`) or, without `name`, everything below an element that nobody took."""
        keys = [(element, name)] if name else list(_items(element))
        untaken = [k for k in keys if k not in (self._unit or ())]
        at = self.position(element) + (f"/{name}" if name else "")
        self._account.lose(untaken, disposition, reason, position=at, target=target, resource=resource)

    def remark(self, element: Element, disposition: Literal["assumed", "altered"], reason: str) -> None:
        self._account.remark(self.position(element), disposition, reason)

    def position(self, element: Element) -> str:
        """XPath without prefixes, every step with its ordinal among equal names."""
        known = self._paths.get(element)
        if known is None:
            parent = element.getparent()
            above = self.position(parent) if parent is not None else ""
            counts: dict[str, int] = {}
            for sibling in parent if parent is not None else ():
                name = local(sibling)
                counts[name] = counts.get(name, 0) + 1
                self._paths[sibling] = f"{above}/{name}[{counts[name]}]"
            known = self._paths[element]
        self._ranks.setdefault(known, self._order[element])
        return known

    def close(self, *, notes: tuple[LossEntry, ...] = (), unreadable: bool = False) -> Losses:
        """The ledger, in the order of the document; XML scaffolding is one line for each entry."""
        self._drop_foreseen()
        self._drop_scaffolding()
        for key in self._keys:
            if self._account.is_open(key):
                name = (
                    "text()[1]" if key[1] in ("text", "tail") else f"@{key[1].rpartition('}')[2].lstrip('@')}"
                )
                at = f"{self.position(key[0])}/{name}"
                self._account.lose((key,), "not-mapped", "no-target", position=at)
        closed = self._account.close(unreadable=unreadable)
        entries = sorted(closed.entries + notes, key=lambda e: self._rank(e.position))
        return Losses(closed.total, closed.mapped, tuple(entries), unreadable)

    def _rank(self, position: str) -> int:
        return self._ranks.get(position, self._ranks.get(position.rpartition("/")[0], 0))

    def _drop_foreseen(self) -> None:
        """Authors that a nearer one replaced; pointers at narrative and words for codes that are there."""
        for element in self.root.iter(f"{{{CDA}}}author"):
            own = element.getparent() is not self.root
            self.lose(element, "not-mapped", "superseded" if own else "administrative")
        for element in self.root.iter(f"{{{CDA}}}reference"):
            if peek(element, "value").startswith("#"):
                self.lose(element, "not-mapped", "duplicate", "@value")
        for element in self._order:
            names = element.attrib
            if "displayName" in names and "code" in names and not self._account.is_open((element, "@code")):
                self.lose(element, "not-mapped", "duplicate", "@displayName")

    def _drop_scaffolding(self) -> None:
        """Codes that say which kind of node it is, and null flavours that say no more than absence."""
        units: dict[Element, list[Key]] = {}
        for key in self._keys:
            if self._account.is_open(key) and _is_scaffolding(key):
                units.setdefault(_unit(key[0]), []).append(key)
        for element, keys in units.items():
            self._account.lose(keys, "not-mapped", "structural", position=self.position(element))


def _unit(element: Element) -> Element:
    """The entry that an element is in, else the child of the root, else the root."""
    at: Element = element
    while True:
        parent = at.getparent()
        if parent is None or parent.getparent() is None or local(at) in ("entry", "section"):
            return at
        at = parent


def _is_scaffolding(key: Key) -> bool:
    element, name = key
    if name == "@nullFlavor":
        return peek(element, "nullFlavor") in _SAYS_NOTHING
    if name in _STRUCTURAL:
        return True
    if local(element) == "statusCode":
        holder = element.getparent()
        above = holder.getparent() if holder is not None else None
        kind = peek(holder.find(f"{{{CDA}}}code"), "code") if holder is not None else ""
        return kind == "CONC" or (above is not None and local(above) == "entryRelationship")
    return local(element) == "code" and peek(element, "code") in _FIXED


def _items(top: Element) -> Iterator[Key]:
    """Items of an element in document order (normalisation.md 2): attributes, non-blank text."""
    stack = [top]
    while stack:
        element = stack.pop()
        if element is not top and element.tail and element.tail.strip():
            yield (element, "tail")
        name = local(element)
        if name in _UNCOUNTED:
            continue
        if name == "text" and _in_section(element):
            yield (element, "narrative")
            continue
        for attribute in map(str, element.attrib):
            if not attribute.startswith(f"{{{XSI}}}"):
                yield (element, f"@{attribute}")
        if element.text and element.text.strip():
            yield (element, "text")
        stack.extend(reversed(element))


def _in_section(element: Element) -> bool:
    parent = element.getparent()
    return parent is not None and local(parent) == "section"
