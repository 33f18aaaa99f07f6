"""A CDA document with its account: a mark on every value that a mapping took, and its position in words."""

from typing import Literal

from lxml import etree

from adapters.losses import Losses
from adapters.specialist.account import Account
from adapters.specialist.markup import find, peek, read
from adapters.specialist.tree import NARRATIVE, OPEN, TAKEN, TEXT, Element

_STRUCTURAL = frozenset(
    "classCode moodCode typeCode contextConductionInd contextControlCode determinerCode inversionInd "
    "independentInd codeSystemName mediaType representation institutionSpecified operator".split()
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
        self.tree, self._markup, repaired = read(body)
        self.root = self.tree.root
        self._account = Account(self.tree.nodes)
        self._raw: etree._Element | None = None
        self._paths: dict[Element, str] = {self.root: f"/{self.root.name}[1]"}
        self._units: dict[Element, Element] = {}
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
        if self._raw is None:
            parser = etree.XMLParser(
                encoding="utf-8",
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                huge_tree=True,
                remove_comments=True,
                remove_pis=True,
            )
            self._raw = etree.fromstring(self._markup.encode("utf-8"), parser)
        if element.parent is None:
            return self._raw
        return self.raw(element.parent)[element.parent.children.index(element)]

    def close(self) -> Losses:
        """The ledger, in the order of the document; XML scaffolding is one line for each entry."""
        self._drop_foreseen()
        self._drop_scaffolding()
        for element, name in self._account.open_items():
            items = self._account.close_item(element, name)
            at = f"{self.position(element)}{_step_of(name)}"
            self._account.line(element, at, items, "not-mapped", "no-target")
        return self._account.close()

    def _drop_foreseen(self) -> None:
        """Authors that a nearer one replaced; pointers at narrative and words for codes that are there."""
        for element in self.tree.authors:
            own = element.parent is not self.root
            self.lose(element, "not-mapped", "superseded" if own else "administrative")
        for element, name in self._account.open_items():
            if name == "value" and element.name == "reference":
                if peek(element, "value").startswith("#"):
                    self.lose(element, "not-mapped", "duplicate", name)
            elif name == "displayName" and element.get("code") and not self.is_open(element, "code"):
                self.lose(element, "not-mapped", "duplicate", name)

    def _drop_scaffolding(self) -> None:
        """Codes that say which kind of node it is, and null flavours that say no more than absence."""
        found: dict[Element, int] = {}
        for element, name in self._account.open_items():
            if _is_scaffolding(element, name):
                unit = self._unit(element)
                found[unit] = found.get(unit, 0) + self._account.close_item(element, name)
        for unit, items in found.items():
            self._account.line(unit, self.position(unit), items, "not-mapped", "structural")

    def _unit(self, element: Element) -> Element:
        """The entry that an element is in, else the child of the root, else the root."""
        known = self._units.get(element)
        if known is None:
            parent = element.parent
            top = parent is None or parent.parent is None or element.name in ("entry", "section")
            known = element if top or parent is None else self._unit(parent)
            self._units[element] = known
        return known


def _step_of(name: str) -> str:
    """The last step of an item's position; a narrative is its element."""
    if name == NARRATIVE:
        return ""
    return f"/@{name.rpartition('}')[2]}" if name[0] != "/" else "/text()[1]"


def _is_scaffolding(element: Element, name: str) -> bool:
    if name == "nullFlavor":
        return peek(element, "nullFlavor") in _SAYS_NOTHING
    if name in _STRUCTURAL:
        return True
    kind = element.name
    if kind == "statusCode":
        holder = element.parent
        above = holder.parent if holder is not None else None
        code = peek(find(holder, "code"), "code")
        return code == "CONC" or (above is not None and above.name == "entryRelationship")
    return kind == "code" and peek(element, "code") in _FIXED
