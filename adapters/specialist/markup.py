"""Hardened XML, and the few ways to walk it.

The parser loads no DTD, resolves no entity, opens no connection and repairs nothing; any DOCTYPE, and any
encoding but UTF-8, UTF-16 and ISO 8859, is refused before it sees a byte. The one repair is ours: documents
that only lack the declaration of `xsi`, `sdtc` or of CDA's own namespace get it, with a remark.
"""

import re
from collections.abc import Sequence

from lxml import etree

Element = etree._Element

CDA = "urn:hl7-org:v3"
SDTC = "urn:hl7-org:sdtc"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
MAX_BYTES = 64 * 1024 * 1024

_ENCODING = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_ALLOWED = re.compile(r"utf-?8|us-ascii|ascii|utf-?16(le|be)?|iso[-_]?8859-\d{1,2}\Z", re.IGNORECASE)
_MISC = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_ROOT = re.compile(r"<([A-Za-z_][\w.-]*(?::[\w.-]+)?)")
# Elements of CDA that may come without their document; any other XML without a namespace is not ours.
ELEMENTS = frozenset(
    "ClinicalDocument act addr assignedAuthor assignedEntity associatedEntity author authenticator "
    "authorization component componentOf consumable criterion custodian dataEnterer documentationOf "
    "effectiveTime encompassingEncounter encounter encounterParticipant entry entryRelationship "
    "externalDocument inFulfillmentOf informant informationRecipient legalAuthenticator "
    "manufacturedProduct name nonXMLBody observation observationMedia organizer participant participantRole "
    "patient patientRole performer precondition procedure recordTarget reference regionOfInterest "
    "relatedDocument relatedSubject section serviceEvent signatureText specimen structuredBody subject "
    "substanceAdministration supply telecom".split()
)


ACTS = frozenset("act observation organizer substanceAdministration procedure supply encounter".split())
"""Clinical statements."""


class Unreadable(ValueError):
    """Not a document that we read. The text is ours and constant."""


def local(element: Element) -> str:
    """Name without namespace."""
    return _LOCAL[element.tag]


class _Names(dict[str, str]):
    """Names by tag, worked out once; a document that invents tags without end cannot fill the memory."""

    def __missing__(self, tag: str) -> str:
        if len(self) >= 4096:
            self.clear()
        self[tag] = name = tag.rpartition("}")[2]
        return name


_LOCAL = _Names()


class _Steps(dict[str, str]):
    """Names as paths write them, by tag: bare in CDA's namespace, `sdtc:` in that of the extensions."""

    def __missing__(self, tag: str) -> str:
        if len(self) >= 4096:
            self.clear()
        namespace, _, name = tag.rpartition("}")
        prefix = _PREFIXES.get(namespace, f"{namespace}}}")
        self[tag] = step = prefix + name
        return step


_PREFIXES = {f"{{{CDA}": "", f"{{{SDTC}": "sdtc:"}
_STEPS = _Steps()


class _Node(etree.ElementBase):
    """An element that knows its children by name: a mapping asks an act for some twenty of them."""

    named: dict[str, list[Element]] | None = None
    """What `find` made of it; a parsed tree never changes."""


def find(element: Element | None, path: str) -> Element | None:
    """First descendant by a path of child names (`a/b`, `sdtc:c`)."""
    if element is None:
        return None
    found = find_all(element, path) if "/" in path else _named(element).get(path)
    return found[0] if found else None


def find_all(element: Element | None, path: str) -> Sequence[Element]:
    """All descendants by a path of child names, in document order."""
    if element is None:
        return ()
    if "/" not in path:
        return _named(element).get(path, ())
    found: Sequence[Element] = (element,)
    for step in path.split("/"):
        found = [child for one in found for child in _named(one).get(step, ())]
    return found


def _named(element: Element) -> dict[str, list[Element]]:
    """Children of an element of a parsed document by name, worked out at the first question."""
    found: dict[str, list[Element]] | None = element.named  # type: ignore[attr-defined]
    if found is None:
        found = element.named = {}  # type: ignore[attr-defined]
        for child in element:
            found.setdefault(_STEPS[child.tag], []).append(child)
    return found


def peek(element: Element | None, name: str) -> str:
    """An attribute's trimmed value without taking it; empty if absent."""
    if element is None:
        return ""
    value = element.get(name)
    return value.strip() if value else ""


def templates(element: Element) -> set[str]:
    """Roots of the templateIds of an element, any extension."""
    return {peek(t, "root") for t in find_all(element, "templateId")}


def type_of(element: Element) -> str:
    """`xsi:type` without prefix; empty if absent."""
    return (element.get(f"{{{XSI}}}type") or "").rpartition(":")[2]


def parse(body: bytes) -> tuple[Element, bool]:
    """The root element, and whether a namespace declaration had to be added. Raises `Unreadable`."""
    text = _decode(body)
    markup = text[_root_start(text) :]
    root = _tree(markup)
    if root is not None and etree.QName(root).namespace:
        repaired = False
    else:
        root, repaired = _tree(_declare(markup)), True
    if root is None:
        raise Unreadable("not well-formed XML")
    if etree.QName(root).namespace not in (CDA, SDTC) or (repaired and local(root) not in ELEMENTS):
        raise Unreadable("not in the namespace of CDA")
    return root, repaired


_NODES = etree.ElementDefaultClassLookup(element=_Node)


def _tree(markup: str) -> Element | None:
    """The tree of well-formed markup, else None."""
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        recover=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    parser.set_element_class_lookup(_NODES)
    try:
        return etree.fromstring(markup.encode("utf-8"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _decode(body: bytes) -> str:
    if len(body) > MAX_BYTES:
        raise Unreadable("larger than the limit")
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        name = "utf-16"
    else:
        declared = _ENCODING.match(body.removeprefix(b"\xef\xbb\xbf"))
        name = declared.group(1).decode("ascii") if declared else "utf-8"
        if not _ALLOWED.fullmatch(name):
            raise Unreadable("an encoding that is not read")
        if name.lower().startswith("utf-16") or name.lower().startswith("utf16"):
            name = "utf-8"  # a declaration readable byte by byte cannot be UTF-16
    try:
        return body.decode(name).removeprefix("\ufeff")
    except (UnicodeDecodeError, LookupError):
        raise Unreadable("bytes that are not the declared encoding") from None


def _root_start(text: str) -> int:
    """Where the root element starts; what stands before may be comments and instructions only."""
    at = 0
    while found := _MISC.match(text, at):
        at = found.end()
    if text.startswith("<!", at):
        raise Unreadable("a document type declaration is refused")
    if not _ROOT.match(text, at):
        raise Unreadable("no root element")
    return at


def _declare(markup: str) -> str:
    """Adds the namespace declarations that the root lacks: CDA's own, `xsi`, `sdtc`."""
    tag = _ROOT.match(markup)
    assert tag is not None
    head = markup[: markup.find(">") + 1]
    lacking = "" if re.search(r"\sxmlns\s*=", head) else f' xmlns="{CDA}"'
    for prefix, uri in (("xsi", XSI), ("sdtc", SDTC)):
        if f"xmlns:{prefix}" not in head:
            lacking += f' xmlns:{prefix}="{uri}"'
    return markup[: tag.end()] + lacking + markup[tag.end() :]
