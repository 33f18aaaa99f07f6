"""The subset of XHTML that FHIR allows in a narrative (R4 2.4.0), and what is outside of it."""

import re
from typing import Any

from lxml import etree

_TAGS = frozenset(
    "a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 "
    "hr i img li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var".split()
)
_ATTRIBUTES = frozenset(
    "abbr align alt axis border cellpadding cellspacing char charoff class colspan dir frame headers height "
    "href id lang name nowrap rowspan rules scope span src style summary title valign width".split()
)
_XHTML = "{http://www.w3.org/1999/xhtml}"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")
_SCHEMES = frozenset(("http:", "https:", "mailto:", "tel:"))
"""Where a link may lead, beside another place of the same document or folder: nothing that runs or holds."""
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0]")
_SUSPECT = re.compile(
    rf"<(?!/?(?:{'|'.join(sorted(_TAGS))})[\s/>]|!--)|\b(?:on[a-z]+|src|style)\s*=|href\s*=\s*.(?!#|https?:)",
    re.IGNORECASE,
)
"""What a harmless narrative hardly ever has: an element that FHIR does not allow, a handler, other links."""


def has_active_content(text: str) -> bool:
    """Whether a narrative holds what may run, load or ask (FHIR R4 2.4.0). Quick where nothing does."""
    return _SUSPECT.search(text) is not None and not is_safe_xhtml(text)


def is_safe_xhtml(text: str) -> bool:
    """Whether this is one XHTML div without scripts, handlers, forms, outside pictures or a DOCTYPE."""
    if "<!" in text.replace("<!--", "") or "<?" in text:
        return False
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(text.encode("utf-8"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return False
    return root.tag == f"{_XHTML}div" and all(_is_safe(node) for node in root.iter())


def _is_safe(node: Any) -> bool:
    if not isinstance(node.tag, str):
        return node.tag is etree.Comment
    if not node.tag.startswith(_XHTML) or node.tag.removeprefix(_XHTML) not in _TAGS:
        return False
    return all(_is_safe_attribute(name, value) for name, value in node.attrib.items())


def _is_safe_attribute(name: str, value: str) -> bool:
    if name == _XML_LANG:
        return True
    if name not in _ATTRIBUTES:
        return False
    link = value.strip().lower()
    if name == "href":
        scheme = _SCHEME.match(_UNSEEN.sub("", link))  # readers look past what cannot be seen
        return scheme is None or scheme[0] in _SCHEMES
    if name == "src":
        return link.startswith(("#", "data:image/"))
    return name != "style" or not any(word in link for word in ("url(", "expression", "import"))
