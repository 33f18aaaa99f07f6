"""CDA narrative blocks as the XHTML that FHIR allows: text, tables, lists, emphasis; nothing that acts.

No script, style, image, form or event can come through, because the output is built from a closed list of
elements and attributes, not filtered. Links stay only to http, https or within the document. `ID` becomes
`id`, so that what pointed at a passage still does.
"""

from collections.abc import Iterator
from html import escape

from adapters.specialist.markup import Element, find, local
from adapters.specialist.reader import Document

XHTML = "http://www.w3.org/1999/xhtml"
_SAME = frozenset("table thead tbody tfoot tr th td br sub sup col colgroup".split())
_RENAMED = {
    "content": "span",
    "linkHtml": "a",
    "footnote": "span",
    "footnoteRef": "a",
    "item": "li",
    "list": "ul",
    "paragraph": "p",
}
_BLOCKS = frozenset({"paragraph", "list", "table"})
_ATTRIBUTES = {
    "table": ("border", "cellpadding", "cellspacing", "summary", "width"),
    "th": ("colspan", "rowspan", "align", "valign", "abbr", "scope", "headers"),
    "td": ("colspan", "rowspan", "align", "valign", "abbr", "scope", "headers"),
    "tr": ("align", "valign"),
    "col": ("span", "align", "width"),
    "colgroup": ("span", "align", "width"),
}
_EMPHASIS = {"Bold": "b", "Italics": "i", "Emphasis": "em"}
_LINES = frozenset("paragraph item tr br list table caption text".split())
_PARTS = frozenset("td th tr item paragraph br list".split())
_VOID = frozenset({"br", "col"})
_GONE = frozenset(
    {"renderMultiMedia", "script", "style", "img", "iframe", "object", "embed", "form", "input"}
)


class Narratives:
    """The narrative of one document: sections as XHTML, and passages by their ID."""

    def __init__(self, doc: Document) -> None:
        self._doc = doc
        self._passages = doc.tree.passages

    def section(self, text: Element | None) -> dict[str, str] | None:
        """Narrative of a section's `text`; None if it holds no word."""
        if text is None or not _speaks(text):
            return None
        self._doc.take_narrative(text)
        for element in text.all():
            if local(element) in _GONE:
                self._doc.note(element, "not-mapped", "policy")
        return {"status": "additional", "div": div(_inside(text))}

    def text_of(self, reference: str) -> str | None:
        """Words of the passage that `#id` (or a bare id) names; None for a dead reference."""
        passage = self._passages.get(reference.strip().removeprefix("#"))
        return (_words(passage) or None) if passage is not None else None

    def lines_of(self, reference: str) -> str | None:
        """The same with a line for each paragraph, item and row."""
        passage = self._passages.get(reference.strip().removeprefix("#"))
        return _lines(passage) if passage is not None else None

    def passage(self, reference: str) -> dict[str, str] | None:
        """Narrative of one passage; a table row comes with its header row."""
        found = self._passages.get(reference.strip().removeprefix("#"))
        if found is None or not _speaks(found):
            return None
        name = local(found)
        if name == "text":
            return {"status": "additional", "div": div(_inside(found))}
        if name == "tr":
            return {"status": "additional", "div": div(_row_with_header(found))}
        if name in ("td", "th", "item", "caption"):
            return {"status": "additional", "div": div(_inside(found))}
        return {"status": "additional", "div": div(_render(found))}


def div(inner: str) -> str:
    """The `div` of a Narrative around safe XHTML."""
    return f'<div xmlns="{XHTML}">{inner}</div>'


def plain(text: str) -> dict[str, str]:
    """Narrative of one line of text."""
    return {"status": "additional", "div": div(f"<p>{escape(text)}</p>")}


def _speaks(element: Element) -> bool:
    """Whether there is a word in it."""
    if not element.children:
        return bool(element.text.strip())
    return any(words.strip() for words in element.words())


def _words(element: Element) -> str:
    """Text of an element with white space folded; cells and lines stay apart."""
    if not element.children:
        return " ".join(element.text.split())
    apart = " " if _has_parts(element) else ""
    return " ".join(apart.join(element.words()).split())


def _lines(element: Element) -> str:
    """Text with a line for each block; cells of a row stand side by side."""
    lines = "".join(_line_parts(element)).split("\n")
    return "\n".join(line for line in (" ".join(each.split()) for each in lines) if line)


def _line_parts(element: Element) -> Iterator[str]:
    name = local(element)
    apart = "\n" if name in _LINES else " " if name in ("td", "th") else ""
    yield apart + _folded(element.text)
    for child in element.children:
        yield from _line_parts(child)
        yield _folded(child.tail)
    yield apart


def _folded(words: str) -> str:
    """White space folded; at the ends one blank stays."""
    return " ".join(f"|{words}|".split())[1:-1]


def _has_parts(element: Element) -> bool:
    return any(local(e) in _PARTS for e in element.all())


def _inside(element: Element) -> str:
    if not element.children:
        return _escaped(element.text)
    parts = [_escaped(element.text)]
    for child in element.children:
        parts.append(_render(child))
        if child.tail:
            parts.append(_escaped(child.tail))
    return "".join(parts)


def _escaped(words: str) -> str:
    """Text of XHTML; most words have nothing to escape."""
    return escape(words, quote=False) if "&" in words or "<" in words or ">" in words else words


def _render(element: Element) -> str:
    name = element.name
    if name in _GONE:
        return ""
    if name == "caption":
        return _caption(element)
    if name == "list":
        return _list(element)
    tag = name if name in _SAME else _RENAMED.get(name, "span")
    if name == "paragraph" and any(e.name in _BLOCKS for child in element.children for e in child.all()):
        tag = "div"
    opening = tag + _attributes(element, name) if element.attrib else tag
    if tag == "a" and " href=" not in opening:
        tag, opening = "span", "span" + opening[1:]
    if tag in _VOID:
        return f"<{opening}/>"
    if tag == "table":
        return f"<{opening}>{_table(element)}</{tag}>"
    inner = _inside(element)
    style = element.attrib.get("styleCode")
    return f"<{opening}>{_styled(inner, tag, style) if style else inner}</{tag}>"


def _styled(inner: str, tag: str, style: str) -> str:
    for one in style.split():
        emphasis = _EMPHASIS.get(one)
        if emphasis and tag in ("span", "td", "th", "p"):
            inner = f"<{emphasis}>{inner}</{emphasis}>"
    return inner


def _caption(element: Element) -> str:
    parent = element.parent
    tag = "caption" if parent is not None and local(parent) == "table" else "b"
    return f"<{tag}{_attributes(element, 'caption')}>{_inside(element)}</{tag}>"


def _list(element: Element) -> str:
    """A list's caption cannot stand in `ul`: it comes before; stray text is no item and goes with it."""
    tag = "ol" if element.get("listType") == "ordered" else "ul"
    caption = find(element, "caption")
    before = f"<p>{_caption(caption)}</p>" if caption is not None else ""
    items = "".join(_render(e) for e in element.children if local(e) == "item")
    return f"{before}<{tag}{_attributes(element, 'list')}>{items}</{tag}>" if items else before


def _table(element: Element) -> str:
    """XHTML wants head, foot, body in this order; CDA has the same parts."""
    return "".join(_render(child) for child in element.children)


def _row_with_header(row: Element) -> str:
    table = next((e for e in row.above() if local(e) == "table"), None)
    head = find(table, "thead")
    heading = _render(head) if head is not None else ""
    return f"<table>{heading}<tbody>{_render(row)}</tbody></table>"


def _attributes(element: Element, name: str) -> str:
    stated = element.attrib
    if not stated:
        return ""
    kept = [("id", stated.get("ID"))]
    kept += [(n, stated.get(n)) for n in _ATTRIBUTES.get(name, ())]
    if name == "linkHtml":
        kept.append(("href", _safe_link(stated.get("href") or "")))
    if name == "footnoteRef" and stated.get("IDREF"):
        kept.append(("href", f"#{stated['IDREF']}"))
    return "".join([f' {n}="{v if v.isalnum() else escape(v)}"' for n, v in kept if v])


def _safe_link(href: str) -> str | None:
    link = href.strip()
    return link if link.lower().startswith(("http://", "https://", "#")) else None
