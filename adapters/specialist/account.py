"""The loss account of one document: its items in document order, each open, taken or closed by a line.

The items below an element stand side by side, so that an element with all that it holds is a range of
numbers: losing a whole entry is one operation, however much is in it. Same law as `adapters.losses`.
"""

from typing import Literal

from adapters.losses import Disposition, LossEntry, Losses
from adapters.specialist.markup import ACTS, XSI, Element, local

Key = tuple[Element, str]
"""One item: an element with `@name`, `text`, `tail` or `narrative`."""
_UNCOUNTED = frozenset({"templateId", "typeId"})
_TOLD = ACTS | _UNCOUNTED | {"text", "id", "confidentialityCode"}
_OPEN, _TAKEN, _CLOSED = 0, 1, 2
_CLOSE = bytes([_CLOSED, _TAKEN, _CLOSED]) + bytes(range(3, 256))
_FOREIGN = f"{{{XSI}}}"


class _Items(dict[str, str]):
    """Names of items by attribute; empty for those that are none. Bounded, as the names of elements are."""

    def __missing__(self, attribute: str) -> str:
        if len(self) >= 4096:
            self.clear()
        self[attribute] = item = "" if attribute.startswith(_FOREIGN) else f"@{attribute}"
        return item


_ITEMS = _Items()


class Account:
    """An item is an attribute or a non-blank text node below the root, but for namespaces, `xsi:*`,
    `templateId` and `typeId`; the `text` of one section is one item (normalisation.md 2)."""

    def __init__(self, root: Element) -> None:
        self.elements: list[Element] = []
        """All but those inside of narratives, in document order. Holding them keeps lxml's proxies alive, so
        that identity can be a key."""
        self._holders: list[int] = []
        self._names: list[str] = []
        self._numbers: dict[Element, int] = {}
        self._starts: list[int] = []
        self._owns: list[int] = []
        self._stops: list[int] = []
        self.acts: list[Element] = []
        """Clinical statements."""
        self.marks: list[Element] = []
        """Confidentiality codes, and what the source masked."""
        self.ids: list[Element] = []
        self._read(root)
        self._states = bytearray(len(self._names))
        self._entries: list[tuple[int, LossEntry]] = []
        self._unit: list[int] | None = None
        self._mark = 0

    def _read(self, root: Element) -> None:
        """One pass: numbers of elements, and the range of items of each."""
        stack: list[Element | int] = [root]
        names, holders, numbers = self._names, self._holders, self._numbers
        starts, owns, stops = self._starts, self._owns, self._stops
        number = count = 0
        while stack:
            element = stack.pop()
            if isinstance(element, int):
                stops[element] = count
                continue
            tail = element.tail
            if tail and number and not tail.isspace():
                names.append("tail")
                count += 1
            numbers[element] = number
            starts.append(count)
            below = self._read_own(element)
            count = len(names)
            holders += [number] * (count - len(holders))
            owns.append(count)
            stops.append(count)
            if below:
                stack.append(number)
                stack.extend(reversed(element))
            number += 1
        self.elements = list(numbers)

    def _read_own(self, element: Element) -> bool:
        """Register what stands in an element itself; whether what is below it counts too."""
        kind = local(element)
        if kind in _TOLD and not self._tell(element, kind):
            return False
        names = self._names
        for attribute in map(str, element.keys()):  # a list made in C: five times as fast as `attrib`
            item = _ITEMS[attribute]
            if item:
                names.append(item)
            if attribute == "nullFlavor" and element.get(attribute) == "MSK":
                self.marks.append(element)
        words = element.text
        if words and not words.isspace():
            names.append("text")
        return len(element) > 0

    def _tell(self, element: Element, kind: str) -> bool:
        """List what others ask for by its kind; whether the items of the element count."""
        if kind in ACTS:
            self.acts.append(element)
        elif kind == "id":
            self.ids.append(element)
        elif kind == "confidentialityCode":
            self.marks.append(element)
        elif kind in _UNCOUNTED:
            return False
        elif _in_section(element):
            self._names.append("narrative")
            return False
        return True

    @property
    def total(self) -> int:
        return len(self._names)

    def rank(self, element: Element) -> int:
        """Place in the document; of an element inside of a narrative, that of the narrative."""
        while element not in self._numbers:
            element = element.getparent()  # type: ignore[assignment]
        return self._numbers[element]

    def _number_of(self, element: Element, name: str) -> int | None:
        place = self._numbers.get(element)
        if place is None:
            return None
        if name == "tail":
            before = self._starts[place] - 1
            own = before >= 0 and self._names[before] == name and self._holders[before] == place
            return before if own else None
        try:
            return self._names.index(name, self._starts[place], self._owns[place])
        except ValueError:
            return None

    def take(self, element: Element, name: str) -> None:
        """A mapping put this value, or what it was translated to, into a resource. Idempotent; no `tail`."""
        place = self._numbers.get(element)
        if place is None:
            return
        try:
            number = self._names.index(name, self._starts[place], self._owns[place])
        except ValueError:
            return
        if self._states[number] == _OPEN:
            self._states[number] = _TAKEN
            if self._unit is not None:
                self._unit.append(number)

    def take_words(self, element: Element) -> None:
        """All text below an element, not its attributes."""
        place = self._numbers.get(element)
        if place is None:
            return
        for number in self._open_in(self._starts[place], self._stops[place]):
            if not self._names[number].startswith("@"):
                self._states[number] = _TAKEN
                if self._unit is not None:
                    self._unit.append(number)

    def is_open(self, element: Element, name: str) -> bool:
        number = self._number_of(element, name)
        return number is not None and self._states[number] == _OPEN

    def open_items(self) -> list[Key]:
        """What nobody took, in document order."""
        found = self._open_in(0, self.total)
        return [(self.elements[self._holders[n]], self._names[n]) for n in found]

    def _open_in(self, start: int, stop: int) -> list[int]:
        found = []
        at = self._states.find(_OPEN, start, stop)
        while at >= 0:
            found.append(at)
            at = self._states.find(_OPEN, at + 1, stop)
        return found

    def close_below(self, element: Element) -> int:
        """Close everything below an element that nobody took; how many items that were."""
        place = self._numbers.get(element)
        if place is None:
            return 0
        start, stop = self._starts[place], self._stops[place]
        count = self._states.count(_OPEN, start, stop)
        if count:
            if self._unit is not None:
                self._unit += self._open_in(start, stop)
            self._states[start:stop] = self._states[start:stop].translate(_CLOSE)
        return count

    def close_item(self, element: Element, name: str) -> int:
        """Close one item if it is open; how many that were."""
        number = self._number_of(element, name)
        if number is None or self._states[number] != _OPEN:
            return 0
        self._states[number] = _CLOSED
        if self._unit is not None:
            self._unit.append(number)
        return 1

    def release(self, element: Element, name: str) -> None:
        """A value that was taken, and then found to be none that can stay, is open again."""
        number = self._number_of(element, name)
        if number is not None and self._states[number] == _TAKEN:
            self._states[number] = _OPEN

    def line(
        self,
        element: Element,
        position: str,
        items: int,
        disposition: Disposition,
        reason: str,
        target: str | None = None,
        resource: str | None = None,
    ) -> None:
        """One line of the ledger, at the place of `element`."""
        entry = LossEntry(position, items, disposition, reason, target, resource)
        self._entries.append((self.rank(element), entry))

    # -- units

    def begin(self) -> None:
        self._unit, self._mark = [], len(self._entries)

    def end(self, kept: Literal["commit", "rollback"]) -> None:
        """`rollback`: what the unit took or closed is open again, and its lines are gone."""
        if kept == "rollback":
            for number in self._unit or ():
                self._states[number] = _OPEN
            del self._entries[self._mark :]
        self._unit = None

    def close(self) -> Losses:
        """The ledger in document order. Nothing may be open any more."""
        lines = tuple(entry for _, entry in sorted(self._entries, key=lambda line: line[0]))
        return Losses(self.total, self._states.count(_TAKEN), lines)


def _in_section(element: Element) -> bool:
    parent = element.getparent()
    return parent is not None and local(parent) == "section"
