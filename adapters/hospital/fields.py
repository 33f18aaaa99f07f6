"""What a field says: every read by a mapping goes through `Element`, one repetition of it.

An element also knows which of its items (its non-empty subcomponents) are still open: a bit each, until a
mapping takes it, which the journal of the message tells, or a line of the ledger closes it.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from adapters.hospital.escapes import NOTHING, Separators, Text, unescape
from adapters.losses import Disposition

if TYPE_CHECKING:
    from adapters.hospital.segment import Segment

NULL = '""'
Key = tuple[int, int, int, int, int]
"""Place of one item: index of the segment in the message, then field, repetition, component, subcomponent."""
Place = tuple[int, int]
"""Component and subcomponent."""


class Element:
    """One repetition of a field, read by component and subcomponent (both from 1)."""

    __slots__ = ("comps", "field", "left", "raw", "rep", "said", "segment")

    def __init__(self, segment: "Segment", field: int, rep: int, raw: str, mark: str = "") -> None:
        """`mark` separates components; empty: there is one."""
        self.segment = segment
        self.field = field
        self.rep = rep
        self.raw = raw
        self.comps = raw.split(mark) if mark and mark in raw else [raw]
        """Raw components, at least one."""
        self.said = self.left = self._bits()
        """A bit for each item, and those that no mapping has taken and no line has closed."""

    def _bits(self) -> int:
        comps = self.comps
        if not self.segment.plain:
            return sum([self.bit(comp, sub) for comp, sub in self.items()])
        if "" in comps:
            return sum([1 << comp for comp, raw in enumerate(comps, 1) if raw])
        return (2 << len(comps)) - 2

    @property
    def parts(self) -> list[list[str]]:
        """Components, each a list of subcomponents, all raw."""
        return split_rep(self.raw, self.segment.message.separators) if self.raw else [[""]]

    def __bool__(self) -> bool:
        return self.said != 0

    @property
    def is_null(self) -> bool:
        """`""` alone: delete. Not the same as empty, which says nothing."""
        return self.raw == NULL

    def _raw(self, comp: int, sub: int) -> str:
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
            if raw and self.left >> comp & 1:
                self.left ^= 1 << comp
                segment.message.journal.append((self, 1 << comp))
            return raw.strip()
        raw = self._raw(comp, sub)
        if not raw:
            return ""
        text = self._text(raw)
        segment.message.take(self, comp, sub, text)
        return text.value

    def take_all(self) -> None:
        """All of this repetition went into a resource."""
        for comp, sub in self.items():
            self.take(comp, sub)

    def words(self, between: str = " ") -> str:
        """All components as readable text, taken."""
        texts = [self.take(comp, sub) for comp, sub in self.items()]
        return between.join(text for text in texts if text)

    def give_back(self, comp: int = 1) -> None:
        """An item that this unit took and cannot use after all."""
        bit = self.bit(comp, 1)
        journal = self.segment.message.journal
        if (self, bit) in journal:
            journal.remove((self, bit))
            self.left |= bit

    def lose(
        self, disposition: Disposition, reason: str, target: str | None, places: Iterable[Place] | None = None
    ) -> None:
        """Close with one line what no mapping took: of these places, or of all."""
        left = self.left
        if left and places is not None:
            wanted = 0
            for comp, sub in places:
                wanted |= self.bit(comp, sub)
            left &= wanted
        if left:
            self.left ^= left
            at = self.render(*self.first_of(left))
            self.segment.message.account.line(at, left.bit_count(), disposition, reason, target)

    @property
    def _width(self) -> int:
        """Bits of a component: of each subcomponent one."""
        mark = self.segment.message.separators.subcomponent
        return 1 + self.raw.count(mark) if mark and not self.segment.plain else 1

    def bit(self, comp: int, sub: int) -> int:
        """The bit of an item, by component and subcomponent."""
        width = self._width
        return 1 << comp * width + sub - 1 if sub <= width else 0

    def first_of(self, bits: int) -> Place:
        """Component and subcomponent of the lowest of these bits."""
        comp, sub = divmod((bits & -bits).bit_length() - 1, self._width)
        return comp, sub + 1

    def items(self) -> list[Place]:
        """Components and subcomponents that say something, in order."""
        if self.segment.plain:
            return [(comp, 1) for comp, raw in enumerate(self.comps, 1) if raw]
        return [
            (comp, sub) for comp, subs in enumerate(self.parts, 1) for sub, raw in enumerate(subs, 1) if raw
        ]

    def places(self) -> list[Key]:
        """The same with what is around them."""
        return [(self.segment.index, self.field, self.rep, comp, sub) for comp, sub in self.items()]

    def position(self, comp: int | None = None) -> str:
        """Position of the component, or of the whole repetition."""
        whole = f"{self.segment.position}-{self.field}"
        if self.rep > 1:
            whole += f"[{self.rep}]"
        return f"{whole}.{comp}" if comp is not None and len(self.comps) > 1 else whole

    def render(self, comp: int, sub: int) -> str:
        """`SEG[n]-field[rep].comp.sub` of one item; parts that say nothing are left out."""
        segment = self.segment
        mark = segment.message.separators.repetition
        position = f"{segment.position}-{self.field}"
        if mark and mark in segment.raw_field(self.field):
            position += f"[{self.rep}]"
        if segment.plain:
            return f"{position}.{comp}" if len(self.comps) > 1 else position
        parts = self.parts
        if len(parts) > 1 or len(parts[0]) > 1:
            position += f".{comp}"
        return f"{position}.{sub}" if len(parts[comp - 1]) > 1 else position


def split_rep(raw: str, separators: Separators) -> list[list[str]]:
    """Components, each a list of subcomponents, all raw."""
    component, subcomponent = separators.component, separators.subcomponent
    comps = raw.split(component) if component and component in raw else [raw]
    if not subcomponent or subcomponent not in raw:
        return [[comp] for comp in comps]
    return [comp.split(subcomponent) for comp in comps]


class _Nowhere:
    """The segment of an element that no segment has: there is nothing in it, so nobody asks for more."""

    index, position, plain = -1, "", True


ABSENT = Element(cast("Segment", _Nowhere()), 0, 1, "")
"""An empty element, of whatever field."""
