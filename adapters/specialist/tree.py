"""A document as plain nodes, built in one pass of the parser, with everything that is asked of all of them.

Each node knows its children, and of each of its items (attributes, words) whether a mapping took it. What
mappings ask of the whole document (statements, marks, ids, passages of the narrative) is listed on the way.
The parser sees no DOCTYPE (`markup` refuses it), so it expands no entity and opens no file.
"""

from collections.abc import Iterator
from types import MappingProxyType
from typing import NamedTuple, cast
from xml.parsers import expat

import msgspec

from adapters.specialist.limits import DEEPEST, MOST_ATTRIBUTES, OverLimit

CDA = "urn:hl7-org:v3"
SDTC = "urn:hl7-org:sdtc"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XSI_TYPE = f"{XSI}}}type"
ACTS = frozenset("act observation organizer substanceAdministration procedure supply encounter".split())
"""Clinical statements."""
TEXT, TAIL, NARRATIVE = "/text", "/tail", "/narrative"
"""Items that are no attribute: words in an element, words behind it, a section's narrative as a whole."""
OPEN, TAKEN, CLOSED = 0, 1, 2
_UNCOUNTED = frozenset({"templateId", "typeId"})
_FOREIGN = frozenset(
    f"{XSI}}}{name}" for name in ("type", "nil", "schemaLocation", "noNamespaceSchemaLocation")
)
_PREFIXES = {CDA: "", SDTC: "sdtc:"}

_NO_ITEMS = cast("dict[str, int]", MappingProxyType({}))
_NO_NAMES = cast("dict[str, list[Element]]", MappingProxyType({}))
_NO_CHILDREN = cast("list[Element]", ())
"""Shared by all nodes that have none of their own, and never changed."""


class Element(msgspec.Struct, eq=False, gc=False):
    """A node. `name` is its local name, `step` how paths write it (`sdtc:` and foreign namespaces in front).

    `number`: place in the document; inside of a narrative, that of the narrative. `stop`: number behind its
    last descendant. `items`: what of it counts, and what became of each. `named`, `claims`, `related`: what
    `markup` and `sections.acts` made of it at the first question, since a parsed tree never changes.

    The collector of circles does not see nodes: it would walk over all of them again and again. Their `Tree`
    takes them apart instead, and `parent` is None from then on.
    """

    name: str
    step: str
    attrib: dict[str, str]
    parent: "Element | None"
    number: int
    text: str = ""
    tail: str = ""
    children: "list[Element]" = _NO_CHILDREN
    named: "dict[str, list[Element]] | None" = _NO_NAMES
    items: dict[str, int] = _NO_ITEMS
    claims: frozenset[str] | None = None
    related: "tuple[tuple[str, Element], ...] | None" = None
    stop: int = 0

    def get(self, name: str) -> str | None:
        """An attribute as it is written."""
        return self.attrib.get(name)

    def above(self) -> Iterator["Element"]:
        """All that it stands in, the nearest first."""
        at = self.parent
        while at is not None:
            yield at
            at = at.parent

    def all(self) -> Iterator["Element"]:
        """Itself and all below it, in document order."""
        left = [self]
        while left:
            node = left.pop()
            yield node
            if node.children:
                left += reversed(node.children)

    def words(self) -> Iterator[str]:
        """All text in it, in document order; empty pieces too."""
        yield self.text
        for child in self.children:
            yield from child.words()
            yield child.tail


class _Kind(NamedTuple):
    """What a tag says: local name, step, and whether somebody asks for all elements of that name."""

    name: str
    step: str
    told: bool


class _Kinds(dict[str, _Kind]):
    """Kinds by tag, worked out once; a document that invents tags without end cannot fill the memory."""

    def __missing__(self, tag: str) -> _Kind:
        if len(self) >= 4096:
            self.clear()
        namespace, _, name = tag.rpartition("}")
        step = _PREFIXES.get(namespace, f"{namespace}}}") + name
        told = name in ACTS or name in _UNCOUNTED or name in _TOLD
        self[tag] = kind = _Kind(name, step, told)
        return kind


_TOLD = frozenset({"text", "id", "confidentialityCode", "author"})
_KINDS = _Kinds()


class Tree:
    """A parsed document. Raises `expat.ExpatError` for what is not well-formed, `OverLimit`."""

    def __init__(self, markup: bytes) -> None:
        self.nodes: list[Element] = []
        """All but those inside of narratives and template ids, in document order."""
        self.acts: list[Element] = []
        self.marks: list[Element] = []
        """Confidentiality codes, and what the source masked."""
        self.ids: list[Element] = []
        self.authors: list[Element] = []
        self.passages: dict[str, Element] = {}
        """Elements of texts by their ID; of several the first."""
        self._at: Element | None = None
        self._last: Element | None = None
        self._quiet: Element | None = None
        self._text: Element | None = None
        self._inside = False
        """Whether one of these two is open."""
        self._depth = 0
        parser = expat.ParserCreate("utf-8", "}")
        parser.buffer_text, parser.buffer_size = True, len(markup)  # the words of an element at once
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._words
        parser.Parse(markup, True)
        self.root: Element = self.nodes[0]

    def __del__(self) -> None:
        """Cuts the ways up: nodes hold each other in circles, which the collector does not see."""
        for node in self.nodes:
            node.parent = None
            if node.children and (NARRATIVE in node.items or node.name in _UNCOUNTED):
                for inner in node.all():
                    inner.parent = None

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name, step, told = _KINDS[tag]
        above = self._at
        self._at = node = Element(name, step, attributes, above, len(self.nodes))
        self._last = None
        self._depth += 1
        if self._depth > DEEPEST or len(attributes) > MOST_ATTRIBUTES:
            raise OverLimit("too deep or too many attributes")
        if above is not None:
            if above.children:
                above.children.append(node)
            else:
                above.children, above.named = [node], None
        if self._inside and self._stands_inside(node):
            return
        self.nodes.append(node)
        if (told and not self._tell(node)) or not attributes:
            return
        node.items = items = dict.fromkeys(attributes, OPEN)
        if not _FOREIGN.isdisjoint(items):
            for foreign in _FOREIGN & items.keys():
                del items[foreign]
        if "nullFlavor" in items and attributes["nullFlavor"] == "MSK":
            self.marks.append(node)

    def _stands_inside(self, node: Element) -> bool:
        """Of a text or a template id: passages can be pointed at. Whether the node counts as part of it."""
        if self._text is not None and "ID" in node.attrib:
            self._passage(node)
        if self._quiet is None:
            return False
        node.number = self._quiet.number
        return True

    def _end(self, tag: str) -> None:
        self._last = node = self._at
        assert node is not None
        self._at = node.parent
        self._depth -= 1
        node.stop = len(self.nodes)
        if self._inside:
            self._quiet = None if node is self._quiet else self._quiet
            self._text = None if node is self._text else self._text
            self._inside = self._text is not None or self._quiet is not None

    def _words(self, words: str) -> None:
        last = self._last
        if last is None:
            at = self._at
            assert at is not None
            at.text += words
            if self._quiet is None and not words.isspace():
                _count(at, TEXT)
        else:
            last.tail += words
            if self._quiet is None and not words.isspace():
                _count(last, TAIL)

    def _tell(self, node: Element) -> bool:
        """List what others ask for by its kind; whether the items of the node count."""
        name = node.name
        if name in ACTS:
            self.acts.append(node)
        elif name == "id":
            self.ids.append(node)
        elif name == "author":
            self.authors.append(node)
        elif name == "confidentialityCode":
            self.marks.append(node)
        elif name in _UNCOUNTED:
            self._quiet, self._inside = node, True
            return False
        else:
            return self._tell_text(node)
        return True

    def _tell_text(self, node: Element) -> bool:
        """Of a section's narrative the whole is one item; passages of any text can be pointed at."""
        if self._text is None and node.step == "text":
            self._text, self._inside = node, True
            self._passage(node)
        if node.parent is None or node.parent.name != "section":
            return True
        self._quiet, self._inside = node, True
        node.items = {NARRATIVE: OPEN}
        return False

    def _passage(self, node: Element) -> None:
        name = node.attrib.get("ID")
        if name:
            self.passages.setdefault(name, node)


def _count(node: Element, item: str) -> None:
    if node.items:
        node.items[item] = OPEN
    else:
        node.items = {item: OPEN}
