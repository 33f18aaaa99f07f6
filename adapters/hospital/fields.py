"""Segments and their fields, split on first use; every read by a mapping goes through `Element`."""

from typing import TYPE_CHECKING

from adapters.hospital.escapes import NOTHING, Separators, Text, unescape

if TYPE_CHECKING:
    from adapters.hospital.message import Message

NULL = '""'
Key = tuple[int, int, int, int, int]
"""Place of one item: index of the segment in the message, then field, repetition, component, subcomponent."""


class Segment:
    """One line. Fields are split on first use and kept."""

    __slots__ = ("_elements", "_fields", "index", "message", "name", "ordinal", "plain", "position", "raw")

    def __init__(self, message: "Message", index: int, name: str, ordinal: int, raw: str) -> None:
        self.message = message
        self.index = index
        self.name = name
        self.ordinal = ordinal
        self.position = f"{name}[{ordinal}]"
        self.raw = raw
        self._fields: list[str] | None = None
        self._elements: dict[int, list[Element]] | None = None
        self.plain = False
        """Nothing in it is escaped, null, a subcomponent or a control character: components are their text.

        Known once the fields are split, so before there is any `Element`.
        """

    @property
    def fields(self) -> list[str]:
        """Raw fields by HL7 number: index 0 is the name; MSH-1 is the separator itself."""
        if self._fields is None:
            mark = self.message.separators.field
            parts = self.raw.split(mark)
            self._fields = [parts[0], mark, *parts[1:]] if self.name == "MSH" else parts
        return self._fields

    def raw_field(self, number: int) -> str:
        return self.fields[number] if number < len(self.fields) else ""

    def all(self, number: int) -> "list[Element]":
        """Non-empty repetitions of a field, each with its own number."""
        elements = self._elements
        if elements is None:
            elements = self._split()
        return elements.get(number, [])

    def _split(self) -> "dict[int, list[Element]]":
        """All fields that say something."""
        marks, line = self.message.separators, self.raw
        self.plain = line.isprintable() and not any(
            mark in line for mark in (marks.escape, marks.subcomponent, NULL) if mark
        )
        mark, component = marks.repetition, marks.component
        found = self._elements = {}
        for number, raw in enumerate(self.fields):
            if mark and mark in raw:
                reps = enumerate(raw.split(mark), 1)
                found[number] = [Element(self, number, n, rep, component) for n, rep in reps if rep]
            elif raw:
                found[number] = [Element(self, number, 1, raw, component)]
        return found

    def first(self, number: int) -> "Element":
        """First non-empty repetition, or an empty element."""
        found = self.all(number)
        return found[0] if found else Element(self, number, 1, "")

    def text(self, number: int, comp: int = 1) -> str:
        """Peek at a component of the first repetition."""
        found = self.all(number)
        return found[0].text(comp) if found else ""

    def places(self) -> list[Key]:
        """All items but the separators of MSH, in order."""
        first = 3 if self.name == "MSH" else 1
        found = (self._elements or self._split()).items()
        return [
            key
            for number, elements in found
            if number >= first
            for element in elements
            for key in element.places()
        ]


class Element:
    """One repetition of a field, read by component and subcomponent (both from 1)."""

    __slots__ = ("comps", "field", "raw", "rep", "segment")

    def __init__(self, segment: Segment, field: int, rep: int, raw: str, mark: str = "") -> None:
        """`mark` separates components; empty: there is one."""
        self.segment = segment
        self.field = field
        self.rep = rep
        self.raw = raw
        self.comps = raw.split(mark) if mark and mark in raw else [raw]
        """Raw components, at least one."""

    @property
    def parts(self) -> list[list[str]]:
        """Components, each a list of subcomponents, all raw."""
        return split_rep(self.raw, self.segment.message.separators)

    def __bool__(self) -> bool:
        return any(self.comps) if self.segment.plain else any(sub for comp in self.parts for sub in comp)

    @property
    def is_null(self) -> bool:
        """`""` alone: delete. Not the same as empty, which says nothing."""
        return self.raw == NULL

    def _raw(self, comp: int, sub: int) -> str:
        if not self.raw:
            return ""
        comps = self.comps
        if comp > len(comps):
            return ""
        raw = comps[comp - 1]
        mark = self.segment.message.separators.subcomponent
        if not mark or mark not in raw:
            return raw if sub == 1 else ""
        subs = raw.split(mark)
        return subs[sub - 1] if sub <= len(subs) else ""

    def _text(self, raw: str) -> Text:
        if raw == NULL:
            return NOTHING
        return unescape(raw, self.segment.message.separators, self.segment.message.codec)

    def text(self, comp: int = 1, sub: int = 1) -> str:
        """Peek: unescaped and trimmed; empty for a null."""
        if self.segment.plain:
            comps = self.comps
            return comps[comp - 1].strip() if comp <= len(comps) and sub == 1 else ""
        raw = self._raw(comp, sub)
        return self._text(raw).value if raw else ""

    def take(self, comp: int = 1, sub: int = 1) -> str:
        """The same, and the item counts as mapped."""
        segment = self.segment
        if segment.plain:
            comps = self.comps
            raw = comps[comp - 1] if comp <= len(comps) and sub == 1 else ""
            if raw:
                segment.message.taken[segment.index, self.field, self.rep, comp, sub] = None
            return raw.strip()
        raw = self._raw(comp, sub)
        if not raw:
            return ""
        text = self._text(raw)
        segment.message.take((segment.index, self.field, self.rep, comp, sub), text)
        return text.value

    def take_all(self) -> None:
        """All of this repetition went into a resource."""
        for key in self.places():
            self.take(key[3], key[4])

    def key(self, comp: int = 1, sub: int = 1) -> Key:
        return self.segment.index, self.field, self.rep, comp, sub

    def places(self) -> list[Key]:
        at, field, rep = self.segment.index, self.field, self.rep
        if self.segment.plain:
            if len(self.comps) == 1:
                return [(at, field, rep, 1, 1)] if self.raw else []
            return [(at, field, rep, comp, 1) for comp, raw in enumerate(self.comps, 1) if raw]
        return [
            (at, field, rep, comp, sub)
            for comp, subs in enumerate(self.parts, 1)
            for sub, raw in enumerate(subs, 1)
            if raw
        ]

    def position(self, comp: int | None = None) -> str:
        """Position of the component, or of the whole repetition."""
        whole = f"{self.segment.position}-{self.field}"
        if self.rep > 1:
            whole += f"[{self.rep}]"
        return f"{whole}.{comp}" if comp is not None and len(self.comps) > 1 else whole

    def words(self, between: str = " ") -> str:
        """All components as readable text, taken."""
        texts = [self.take(key[3], key[4]) for key in self.places()]
        return between.join(text for text in texts if text)


def split_rep(raw: str, separators: Separators) -> list[list[str]]:
    """Components, each a list of subcomponents, all raw."""
    component, subcomponent = separators.component, separators.subcomponent
    comps = raw.split(component) if component and component in raw else [raw]
    if not subcomponent or subcomponent not in raw:
        return [[comp] for comp in comps]
    return [comp.split(subcomponent) for comp in comps]
