"""The accounting reader of one HL7 v2 message: lazy, sans-IO, no schema tables (structure by position).

Two passes: bytes to segments, then fields on demand. Every non-empty subcomponent is an item of the loss
account; `Element.take` marks what a mapping used. Takes are journalled by unit, so that a unit that fails
gives back what it took (normalisation.md 1, rule 11).
"""

import re
from collections.abc import Hashable, Iterable, Iterator

from adapters.hospital.charset import decode
from adapters.hospital.escapes import Text
from adapters.hospital.fields import Element, Key, Segment
from adapters.hospital.header import separators_from_msh, stated_charset
from adapters.hospital.names import SEGMENTS
from adapters.losses import Disposition, LossAccount

__all__ = ["Element", "Key", "Message", "Segment"]

_NAME = re.compile(r"[A-Z][A-Z0-9]{2}\Z")


class Message:
    """One message. `body` starts with MSH; lines are separated by CR (batch.py)."""

    def __init__(
        self, body: bytes, *, charset: str | None = None, override: str | None = None, unit: int = 1
    ) -> None:
        self.body = body
        self.account = LossAccount(self.render, unit)
        self.taken: dict[Key, None] = {}
        """Journal of what was used, in order."""
        self._units: list[int] = []
        self._keys: list[list[Key]] = []
        lines = body.split(b"\r")
        self.separators, self.separators_assumed = separators_from_msh(lines[0])
        decoded = decode(body, stated_charset(lines[0], self.separators), charset, override)
        self.codec = decoded.codec
        self.segments: list[Segment] = []
        self._joined: list[Segment] = []
        self._cut(decoded.text.split("\r"))
        for segment in self.segments:
            self._register(segment)
        self.header = self.segments[0]
        self._remark_reading(decoded.assumed)

    def _cut(self, lines: list[str]) -> None:
        counts: dict[str, int] = {}
        for line in lines:
            name = self._segment_name(line)
            if name is None and self.segments:
                self.segments[-1].raw += "\n" + line
                self._joined.append(self.segments[-1])
                continue
            name = name or "MSH"
            counts[name] = counts.get(name, 0) + 1
            self.segments.append(Segment(self, len(self.segments), name, counts[name], line))

    def _segment_name(self, line: str) -> str | None:
        name, rest = line[:3], line[3:4]
        if rest and rest != self.separators.field:
            return None
        if _NAME.match(name) and (rest or name in SEGMENTS):
            return name
        return name.upper() if rest and name.upper() in SEGMENTS else None

    def _register(self, segment: Segment) -> None:
        keys = segment.places()
        self.account.items(keys)
        self._keys.append(keys)

    def _remark_reading(self, charset_assumed: bool) -> None:
        if self.separators_assumed:
            self.account.remark("MSH[1]-2", "assumed", "separators")
        if charset_assumed:
            self.account.remark("MSH[1]-18", "assumed", "charset")
        for segment in self._joined:
            self.account.remark(segment.position, "altered", "joined-line")

    def take(self, key: Key, text: Text) -> None:
        """Journal one item as used; remarks on what unescaping dropped, once."""
        if key in self.taken:
            return
        self.taken[key] = None
        if text.escape:
            self.account.remark(self.render(key), "altered", "escape")
        if text.control:
            self.account.remark(self.render(key), "altered", "control-character")

    def open_unit(self) -> None:
        self._units.append(len(self.taken))

    def close_unit(self, *, failed: bool) -> None:
        """End of a unit: what it took stays taken, or is given back."""
        before = self._units.pop()
        while failed and len(self.taken) > before:
            self.taken.popitem()

    def give_back(self, key: Key) -> None:
        """An item that this unit took and cannot use after all."""
        self.taken.pop(key, None)

    def lose(self, keys: list[Key], disposition: Disposition, reason: str, target: str | None = None) -> None:
        """Close items that no mapping took with one line."""
        self.account.lose((k for k in keys if k not in self.taken), disposition, reason, target=target)

    def lose_segment(
        self, segment: Segment, disposition: Disposition, reason: str, target: str | None = None
    ) -> None:
        """Close what is left of a segment with one line at its own position."""
        keys = self.open_keys(segment)
        self.account.lose(keys, disposition, reason, position=segment.position, target=target)

    def open_keys(self, segment: Segment) -> list[Key]:
        """Items of a segment that nothing has taken or lost so far."""
        taken = self.taken
        return self.account.still_open([key for key in self._keys[segment.index] if key not in taken])

    def forget(self) -> None:
        """Nothing was used after all: the message is parked."""
        self.taken.clear()

    def commit(self) -> None:
        """All units are done: what is in the journal counts as mapped."""
        self.account.take_all(self.taken)

    def taken_in(self, segments: Iterable[Segment]) -> int:
        """How many items of these a mapping used."""
        return sum(1 for one in segments for key in self._keys[one.index] if key in self.taken)

    def keys_of(self, index: int) -> list[Key]:
        return self._keys[index]

    def named(self, name: str) -> Iterator[Segment]:
        return (segment for segment in self.segments if segment.name == name)

    def render(self, key: Hashable) -> str:
        """`SEG[n]-field[rep].comp.sub`; parts that say nothing are left out."""
        assert isinstance(key, tuple)
        index, field, rep, comp, sub = key
        segment = self.segments[index]
        mark = self.separators.repetition
        position = f"{segment.position}-{field}"
        if mark and mark in segment.raw_field(field):
            position += f"[{rep}]"
        element = next(one for one in segment.all(field) if one.rep == rep)
        if segment.plain:
            return f"{position}.{comp}" if len(element.comps) > 1 else position
        parts = element.parts
        if len(parts) > 1 or len(parts[0]) > 1:
            position += f".{comp}"
        return f"{position}.{sub}" if len(parts[comp - 1]) > 1 else position
