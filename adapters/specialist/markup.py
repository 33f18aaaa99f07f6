"""Hardened XML, and the few ways to walk it.

The parser resolves no entity, opens no connection and repairs nothing (`tree`); any DOCTYPE, and any
encoding but UTF-8, UTF-16 and ISO 8859, is refused before it sees a byte. The one repair is ours: documents
that only lack the declaration of `xsi`, `sdtc` or of CDA's own namespace get it, with a remark.
"""

import re
from collections.abc import Sequence
from xml.parsers import expat

from adapters.specialist.limits import MAX_BYTES, OverLimit
from adapters.specialist.limits import Unreadable as Unreadable
from adapters.specialist.tree import CDA as CDA
from adapters.specialist.tree import SDTC as SDTC
from adapters.specialist.tree import XSI, XSI_TYPE, Tree
from adapters.specialist.tree import Element as Element

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


def local(element: Element) -> str:
    """Name without namespace."""
    return element.name


def find(element: Element | None, path: str) -> Element | None:
    """First descendant by a path of child names (`a/b`, `sdtc:c`)."""
    if element is None:
        return None
    named = element.named
    found = (
        (_name(element) if named is None else named).get(path) if "/" not in path else find_all(element, path)
    )
    return found[0] if found else None


def find_all(element: Element | None, path: str) -> Sequence[Element]:
    """All descendants by a path of child names, in document order."""
    if element is None:
        return ()
    if "/" not in path:
        named = element.named
        return (_name(element) if named is None else named).get(path, ())
    found: Sequence[Element] = (element,)
    for step in path.split("/"):
        below: list[Element] = []
        for one in found:
            named = one.named
            below += (_name(one) if named is None else named).get(step, ())
        found = below
        if not found:
            break
    return found


def _name(element: Element) -> dict[str, list[Element]]:
    """Children of an element by name, worked out at the first question: a parsed tree never changes."""
    found: dict[str, list[Element]] = {}
    for child in element.children:
        if child.step in found:
            found[child.step].append(child)
        else:
            found[child.step] = [child]
    element.named = found
    return found


def peek(element: Element | None, name: str) -> str:
    """An attribute's trimmed value without taking it; empty if absent."""
    if element is None:
        return ""
    value = element.attrib.get(name)
    return value.strip() if value else ""


def templates(element: Element) -> frozenset[str]:
    """Roots of the templateIds of an element, any extension."""
    claims = element.claims
    if claims is None:
        claims = element.claims = frozenset([peek(t, "root") for t in find_all(element, "templateId")])
    return claims


def type_of(element: Element) -> str:
    """`xsi:type` without prefix; empty if absent."""
    return element.attrib.get(XSI_TYPE, "").rpartition(":")[2]


def read(body: bytes) -> tuple[Tree, str, bool]:
    """The tree, its markup, and whether a namespace declaration had to be added. Raises `Unreadable`."""
    text = _decode(body)
    markup = text[_root_start(text) :]
    tree, repaired = _tree(markup), False
    if tree is None or tree.root.step.startswith("}"):
        markup, repaired = _declare(markup), True
        tree = _tree(markup)
    if tree is None:
        raise Unreadable("not well-formed XML")
    if "}" in tree.root.step or (repaired and tree.root.name not in ELEMENTS):
        raise Unreadable("not in the namespace of CDA")
    return tree, markup, repaired


def parse(body: bytes) -> tuple[Element, bool]:
    """The root element, and whether a namespace declaration had to be added. Raises `Unreadable`."""
    tree, _, repaired = read(body)
    return tree.root, repaired


def _tree(markup: str) -> Tree | None:
    """The tree of well-formed markup, else None. Raises `OverLimit`."""
    try:
        return Tree(markup.encode("utf-8"))
    except (expat.ExpatError, UnicodeEncodeError):
        return None


def _decode(body: bytes) -> str:
    if len(body) > MAX_BYTES:
        raise OverLimit("larger than the limit")
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
