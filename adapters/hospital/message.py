"""The accounting reader of one HL7 v2 message: lazy, sans-IO, no schema tables (structure by position).

Two passes: bytes to segments, then fields on demand. Every non-empty subcomponent is an item of the loss
account; `Element.take` marks what a mapping used. Takes are journalled, so that a unit that fails gives back
what it took (normalisation.md 1, rule 11).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from adapters.hospital.charset import decode
from adapters.hospital.escapes import Separators, Text
from adapters.hospital.fields import Element, Key
from adapters.hospital.header import separators_from_msh, stated_charset
from adapters.hospital.names import SEGMENTS
from adapters.hospital.segment import Segment
from adapters.losses import Ledger, Losses

__all__ = ["Element", "Key", "Message", "Segment"]

_NAME = re.compile(r"[A-Z][A-Z0-9]{2}\Z")


class Message:
    """One message. `body` starts with MSH; lines are separated by CR (batch.py)."""

    def __init__(
        self, body: bytes, *, charset: str | None = None, override: str | None = None, unit: int = 1
    ) -> None:
        self.body = body
        self.account = Ledger(unit)
        self.journal: list[tuple[Element, int]] = []
        """What was used, in order: elements, and the bits of their items."""
        lines = body.split(b"\r")
        self.separators, self.separators_assumed = separators_from_msh(lines[0])
        decoded = decode(body, stated_charset(lines[0], self.separators), charset, override)
        self.codec = decoded.codec
        self.segments: list[Segment] = []
        self._joined: list[Segment] = []
        self._unread = 0
        """Values on lines that no segment could take in."""
        self._cut(decoded.text.split("\r"))
        self.header = self.segments[0]
        self._remark_reading(decoded.assumed)

    def _cut(self, lines: list[str]) -> None:
        counts: dict[str, int] = {}
        for line in lines:
            name = self._segment_name(line)
            if name is None and self.segments:
                self._join(self.segments[-1], line)
                continue
            name = name or "MSH"
            counts[name] = counts.get(name, 0) + 1
            self.segments.append(Segment(self, len(self.segments), name, counts[name], line))

    def _join(self, segment: Segment, line: str) -> None:
        """A line that is no segment continues the last field; where there is none, nothing can read it."""
        if segment.has_fields:
            segment.raw += "\n" + line
            self._joined.append(segment)
        elif values := len(_runs(self.separators)(line)):
            self._unread += values
            self.account.line(segment.position, values, "failed", "unreadable")

    def _segment_name(self, line: str) -> str | None:
        name, rest = line[:3], line[3:4]
        if rest and rest != self.separators.field:
            return None
        if _NAME.match(name) and (rest or name in SEGMENTS):
            return name
        return name.upper() if rest and name.upper() in SEGMENTS else None

    def _remark_reading(self, charset_assumed: bool) -> None:
        if self.separators_assumed:
            self.account.remark("MSH[1]-2", "assumed", "separators")
        if charset_assumed:
            self.account.remark("MSH[1]-18", "assumed", "charset")
        for segment in self._joined:
            self.account.remark(segment.position, "altered", "joined-line")

    def take(self, element: Element, comp: int, sub: int, text: Text) -> None:
        """Journal one item as used; remarks on what unescaping dropped, once."""
        bit = element.bit(comp, sub)
        if not element.left & bit:
            return
        element.left ^= bit
        self.journal.append((element, bit))
        if text.escape:
            self.account.remark(element.render(comp, sub), "altered", "escape")
        if text.control:
            self.account.remark(element.render(comp, sub), "altered", "control-character")

    def forget(self, since: int = 0) -> None:
        """What was used was not used after all, from a place of the journal on."""
        for element, bits in self.journal[since:]:
            element.left |= bits
        del self.journal[since:]

    def close(self) -> Losses:
        """The ledger: what is taken is mapped; what is still open becomes `not-mapped/no-target`."""
        total = self._items()
        mapped = sum([bits.bit_count() for _, bits in self.journal])
        if mapped + self.account.closed != total:
            for segment in self.segments:
                for element in segment.elements():
                    for place in element.items():
                        element.lose("not-mapped", "no-target", None, [place])
        return self.account.summed(total, mapped)

    def _items(self) -> int:
        """How many values the message has: runs of what separates nothing, but MSH-1, MSH-2 and the names."""
        runs = _runs(self.separators)
        head = self.header.fields[:1] + self.header.fields[2:3]
        outside = sum(len(runs(text)) for text in head) + len(self.segments) - 1
        whole = "\r".join([segment.raw for segment in self.segments])
        return len(runs(whole)) - outside + self._unread

    def taken_in(self, segments: Iterable[Segment]) -> int:
        """How many items of these a mapping used."""
        among = {segment.index for segment in segments}
        return sum(bits.bit_count() for one, bits in self.journal if one.segment.index in among)

    def dissolve(self) -> None:
        """The end: parts that know their whole are a circle, which only the collector could free."""
        for segment in self.segments:
            segment.dissolve()
        self.segments.clear()
        self.journal.clear()
        self._joined.clear()
        del self.header

    def named(self, name: str) -> Iterator[Segment]:
        return (segment for segment in self.segments if segment.name == name)

    def render(self, key: Key) -> str:
        """Position of the item at a place of `Segment.places`."""
        index, field, rep, comp, sub = key
        return next(one for one in self.segments[index].all(field) if one.rep == rep).render(comp, sub)


@lru_cache(maxsize=64)
def _runs(marks: Separators) -> Callable[[str], list[str]]:
    """Finds what stands between the separators of a message, as far as anything does."""
    every = marks.field + marks.component + marks.repetition + marks.subcomponent + "\r"
    return re.compile(f"[^{re.escape(every)}]+").findall
