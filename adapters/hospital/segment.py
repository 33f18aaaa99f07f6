"""One line of a message: its fields are split on first use and kept."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from adapters.hospital.fields import ABSENT, NULL, Element, Key
from adapters.losses import Disposition

if TYPE_CHECKING:
    from adapters.hospital.message import Message


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
        self._elements: dict[int, list[Element]] = {}
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
        fields = self._fields or self.fields
        return fields[number] if number < len(fields) else ""

    def _split(self) -> dict[int, list[Element]]:
        """All fields that say something, by number."""
        marks, line = self.message.separators, self.raw
        escape, sub = marks.escape, marks.subcomponent
        special = NULL in line or (escape and escape in line) or (sub and sub in line)
        self.plain = not special and line.isprintable()
        mark, component, found = marks.repetition, marks.component, self._elements
        for number, raw in enumerate(self.fields):
            if mark and mark in raw:
                reps = enumerate(raw.split(mark), 1)
                found[number] = [Element(self, number, n, rep, component) for n, rep in reps if rep]
            elif raw:
                found[number] = [Element(self, number, 1, raw, component)]
        return found

    def all(self, number: int) -> Sequence[Element]:
        """Non-empty repetitions of a field, each with its own number."""
        return (self._elements or self._split()).get(number, ())

    def first(self, number: int) -> Element:
        """First non-empty repetition, or an empty element."""
        found = (self._elements or self._split()).get(number)
        return found[0] if found else ABSENT

    def text(self, number: int, comp: int = 1) -> str:
        """Peek at a component of the first repetition."""
        found = (self._elements or self._split()).get(number)
        return found[0].text(comp) if found else ""

    def left(self) -> Iterator[tuple[int, list[Element]]]:
        """Fields of which something is open, each with those of its elements."""
        start = self.lead
        for number, elements in (self._elements or self._split()).items():
            for one in elements:
                if one.left and number >= start:
                    yield number, [one for one in elements if one.left]
                    break

    def elements(self) -> Iterator[Element]:
        """Of all fields but the separators of MSH, in order."""
        for number, elements in (self._elements or self._split()).items():
            if number >= self.lead:
                yield from elements

    def places(self) -> list[Key]:
        """All items but the separators of MSH, in order."""
        return [key for element in self.elements() for key in element.places()]

    @property
    def lead(self) -> int:
        """The first field that holds items: MSH-1 and MSH-2 are separators."""
        return 3 if self.name == "MSH" else 1

    @property
    def has_fields(self) -> bool:
        """Whether it has a field that can hold items. Asked while lines are cut, so nothing is split."""
        return self.raw.count(self.message.separators.field) > (self.name == "MSH")

    @property
    def open(self) -> int:
        """How many items nothing has taken or lost so far."""
        return sum(element.left.bit_count() for element in self.elements())

    def dissolve(self) -> None:
        """The line without its elements, at the end of the message."""
        self._elements.clear()

    def lose(
        self, disposition: Disposition, reason: str, target: str | None = None, resource: str | None = None
    ) -> None:
        """Close what is left of it with one line at its own position."""
        items = 0
        for element in self.elements():
            items += element.left.bit_count()
            element.left = 0
        if items:
            self.message.account.line(self.position, items, disposition, reason, target, resource)
