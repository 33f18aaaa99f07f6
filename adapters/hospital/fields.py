"""Segments and their fields, split on first use; every read by a mapping goes through `Element`."""

from typing import TYPE_CHECKING, NamedTuple

from adapters.hospital.escapes import NOTHING, Separators, Text, unescape

if TYPE_CHECKING:
    from adapters.hospital.message import Message

NULL = '""'


class Key(NamedTuple):
    """Place of one item: index of the segment in the message, then numbers from 1."""

    segment: int
    field: int
    rep: int
    comp: int
    sub: int


class Segment:
    """One line. Fields are split on first use and kept."""

    __slots__ = ("_elements", "_fields", "index", "message", "name", "ordinal", "raw")

    def __init__(self, message: "Message", index: int, name: str, ordinal: int, raw: str) -> None:
        self.message = message
        self.index = index
        self.name = name
        self.ordinal = ordinal
        self.raw = raw
        self._fields: list[str] | None = None
        self._elements: dict[int, list[Element]] = {}

    @property
    def position(self) -> str:
        return f"{self.name}[{self.ordinal}]"

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
        found = self._elements.get(number)
        if found is None:
            fields = self._fields or self.fields
            raw = fields[number] if number < len(fields) else ""
            if not raw:
                return []
            mark = self.message.separators.repetition
            reps = raw.split(mark) if mark and mark in raw else [raw]
            found = [Element(self, number, n, rep) for n, rep in enumerate(reps, 1) if rep]
            self._elements[number] = found
        return found

    def first(self, number: int) -> "Element":
        """First non-empty repetition, or an empty element."""
        found = self.all(number)
        return found[0] if found else Element(self, number, 1, "")

    def text(self, number: int, comp: int = 1) -> str:
        """Peek at a component of the first repetition."""
        return self.first(number).text(comp)

    def places(self) -> list[Key]:
        return self.message.keys_of(self.index)


class Element:
    """One repetition of a field, read by component and subcomponent (both from 1)."""

    __slots__ = ("_parts", "field", "raw", "rep", "segment")

    def __init__(self, segment: Segment, field: int, rep: int, raw: str) -> None:
        self.segment = segment
        self.field = field
        self.rep = rep
        self.raw = raw
        self._parts: list[list[str]] | None = None

    @property
    def parts(self) -> list[list[str]]:
        if self._parts is None:
            self._parts = split_rep(self.raw, self.segment.message.separators)
        return self._parts

    def __bool__(self) -> bool:
        return any(sub for comp in self.parts for sub in comp)

    @property
    def is_null(self) -> bool:
        """`""` alone: delete. Not the same as empty, which says nothing."""
        return self.raw == NULL

    def _raw(self, comp: int, sub: int) -> str:
        if not self.raw:
            return ""
        parts = self._parts or self.parts
        if comp > len(parts) or sub > len(parts[comp - 1]):
            return ""
        return parts[comp - 1][sub - 1]

    def _text(self, raw: str) -> Text:
        if raw == NULL:
            return NOTHING
        return unescape(raw, self.segment.message.separators, self.segment.message.codec)

    def text(self, comp: int = 1, sub: int = 1) -> str:
        """Peek: unescaped and trimmed; empty for a null."""
        raw = self._raw(comp, sub)
        return self._text(raw).value if raw else ""

    def take(self, comp: int = 1, sub: int = 1) -> str:
        """The same, and the item counts as mapped."""
        raw = self._raw(comp, sub)
        if not raw:
            return ""
        text = self._text(raw)
        self.segment.message.take(self.key(comp, sub), text)
        return text.value

    def take_all(self) -> None:
        """All of this repetition went into a resource."""
        for comp, subs in enumerate(self.parts, 1):
            for sub in range(1, len(subs) + 1):
                self.take(comp, sub)

    def key(self, comp: int = 1, sub: int = 1) -> Key:
        return Key(self.segment.index, self.field, self.rep, comp, sub)

    def places(self) -> list[Key]:
        return [
            self.key(comp, sub)
            for comp, subs in enumerate(self.parts, 1)
            for sub, raw in enumerate(subs, 1)
            if raw
        ]

    def position(self, comp: int | None = None) -> str:
        """Position of the component, or of the whole repetition."""
        whole = f"{self.segment.position}-{self.field}"
        if self.rep > 1:
            whole += f"[{self.rep}]"
        return f"{whole}.{comp}" if comp is not None and len(self.parts) > 1 else whole

    def words(self, between: str = " ") -> str:
        """All components as readable text, taken."""
        texts = [self.take(c, s) for c, subs in enumerate(self.parts, 1) for s in range(1, len(subs) + 1)]
        return between.join(text for text in texts if text)


def split_rep(raw: str, separators: Separators) -> list[list[str]]:
    """Components, each a list of subcomponents, all raw."""
    component, subcomponent = separators.component, separators.subcomponent
    comps = raw.split(component) if component and component in raw else [raw]
    if not subcomponent or subcomponent not in raw:
        return [[comp] for comp in comps]
    return [comp.split(subcomponent) for comp in comps]
