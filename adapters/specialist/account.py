"""The loss account of one document: its items in document order, each open, taken or closed by a line.

The nodes hold the states of their own items, and the nodes below an element stand side by side, so that
losing a whole entry is one walk over a range of them. Same law as `adapters.losses`.
"""

from collections.abc import Iterator
from typing import Literal

from adapters.losses import Disposition, LossEntry, Losses
from adapters.specialist.tree import CLOSED, OPEN, TAIL, TAKEN, Element

Key = tuple[Element, str]
"""One item: an element with the name of an attribute, `TEXT`, `TAIL` or `NARRATIVE`."""


class Account:
    """An item is an attribute or a non-blank text node below the root, but for namespaces, `xsi:*`,
    `templateId` and `typeId`; the `text` of one section is one item (normalisation.md 2)."""

    def __init__(self, nodes: list[Element]) -> None:
        self._nodes = nodes
        self.total = sum([len(node.items) for node in nodes])
        self._closed = 0
        self._entries: list[tuple[int, LossEntry]] = []
        self.unit: list[Key] | None = None
        """What the open unit took and closed; None outside of units."""
        self._mark = 0
        self._before = 0

    def take(self, element: Element, name: str) -> None:
        """A mapping put this value, or what it was translated to, into a resource. Idempotent."""
        items = element.items
        if items.get(name) == OPEN:
            items[name] = TAKEN
            if self.unit is not None:
                self.unit.append((element, name))

    def take_words(self, element: Element) -> None:
        """All text below an element, not its attributes."""
        for node, name in list(self._open_in(element)):
            if name[0] == "/":
                self.take(node, name)

    def is_open(self, element: Element, name: str) -> bool:
        return element.items.get(name) == OPEN

    def _open_in(self, element: Element) -> Iterator[Key]:
        """Open items of an element and of all below it; words behind it are not in it."""
        nodes = self._nodes
        if nodes[element.number] is not element:  # inside of a narrative nothing counts
            return
        for place in range(element.number, element.stop):
            node = nodes[place]
            if OPEN in node.items.values():
                for name in _open(node):
                    if node is not element or name != TAIL:
                        yield node, name

    def close_below(self, element: Element) -> int:
        """Close everything below an element that nobody took; how many items that were."""
        found = list(self._open_in(element))
        for node, name in found:
            node.items[name] = CLOSED
        self._closed += len(found)
        if self.unit is not None:
            self.unit += found
        return len(found)

    def close_item(self, element: Element, name: str) -> int:
        """Close one item if it is open; how many that were."""
        if element.items.get(name) != OPEN:
            return 0
        element.items[name] = CLOSED
        self._closed += 1
        if self.unit is not None:
            self.unit.append((element, name))
        return 1

    def release(self, element: Element, name: str) -> None:
        """A value that was taken, and then found to be none that can stay, is open again."""
        if element.items.get(name) == TAKEN:
            element.items[name] = OPEN

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
        self._entries.append((element.number, entry))

    # -- units

    def begin(self) -> None:
        self.unit, self._mark, self._before = [], len(self._entries), self._closed

    def end(self, kept: Literal["commit", "rollback"]) -> None:
        """`rollback`: what the unit took or closed is open again, and its lines are gone."""
        if kept == "rollback":
            for node, name in self.unit or ():
                node.items[name] = OPEN
            if self.unit is not None:
                self._closed = self._before
            del self._entries[self._mark :]
        self.unit = None

    def close(self, rest: int) -> Losses:
        """The ledger in document order. `rest`: items that are still open, and that lines now speak of."""
        lines = tuple([entry for _, entry in sorted(self._entries, key=lambda line: line[0])])
        return Losses(self.total, self.total - self._closed - rest, lines)


def _open(node: Element) -> list[str]:
    """Names of its open items in document order; what stands behind it first, as part of what it is in."""
    found = [name for name, state in node.items.items() if state == OPEN]
    if TAIL in found and found[0] != TAIL:
        found.remove(TAIL)
        found.insert(0, TAIL)
    return found
