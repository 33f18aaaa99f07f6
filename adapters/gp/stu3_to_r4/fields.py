"""Mappings as tables: one `Field` a row, read from STU3 members, written in the order of R4's definition.

A converter gets (unit, holder, step), takes what it uses and returns the R4 value, or None when there is
none. What no row names stays open in the account and so ends as a `no-target` line.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from adapters.gp.unit import Unit
from adapters.reading import Holder, Step

Convert = Callable[[Unit, Holder, Step], Any]
GOOD: dict[Convert, Callable[[str], object]] = {}
"""Of a primitive's converter, what finds a usual text good as it came: no call of ours is needed then."""
PLAIN: dict[Convert, frozenset[type]] = {}
"""Of a primitive's converter, the types of JSON whose every value is good as it came."""
KNOWN: dict[Convert, Callable[[str], str | None]] = {}
"""Of a converter that translates texts, the translation of a usual one; None leaves it to the converter."""
MOST_PLANS = 256
"""Sets of members that one table remembers."""


@dataclass(frozen=True, slots=True)
class Field:
    """One row. `many_in`, `many_out`: whether the member is a list in STU3 and in R4."""

    source: str
    target: str
    convert: Convert
    many_in: bool = False
    many_out: bool = False
    choice: str = ""
    """Name of the `x[x]` that it belongs to: only the first one that is there is mapped."""


class _Step(NamedTuple):
    """What one member of an element calls for: its row, and what of it a usual value needs."""

    source: str
    target: str
    good: Callable[[str], object] | None
    known: Callable[[str], str | None] | None
    plain: frozenset[type]
    convert: Convert | None
    """Of one value to one value, where no other row that is called for makes the same."""
    each: Convert | None
    """The same of a list to a list."""
    row: Field


Fields = tuple[Field, ...]
_Plan = tuple[tuple[_Step, ...], tuple[tuple[str, str], ...]]
_NONE: frozenset[type] = frozenset()
_ALWAYS = frozenset("resourceType id meta contained url".split())
"""Members that are read without a row."""


class Table:
    """Rows of one kind of element. What a set of members calls for is found once, not once an element.

    `own`: rows that are read first. `shadow`: table of what stands beside a primitive, in `_name`.
    """

    __slots__ = ("_known", "_own", "_plans", "_shadow", "rows")

    def __init__(self, rows: Iterable[Field], own: Fields = (), shadow: "Table | None" = None) -> None:
        self.rows: Fields = tuple(rows)
        self._own = own
        self._shadow = shadow
        sources = [row.source for row in (*own, *self.rows)]
        self._known = _ALWAYS.union(sources, [f"_{source}" for source in sources])
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def build(self, unit: Unit, stu3: dict[str, Any]) -> dict[str, Any]:
        """The R4 element that these rows make of a STU3 one; empty if nothing was usable."""
        made: dict[str, Any] = {}
        taken: list[Step] = []
        holders = 0
        chosen: set[str] = set()
        names = tuple(stu3)
        steps, shadows = self._plans.get(names) or self._plan(names)
        for source, target, good, known, plain, convert, each, row in steps:
            raw = stu3[source]
            kind = type(raw)
            if kind is str:
                if good is not None and good(raw):
                    made[target] = raw
                    taken.append(source)
                    continue
                if known is not None and (text := known(raw)) is not None:
                    made[target] = text
                    taken.append(source)
                    continue
            elif kind is dict and convert is not None:
                holders += 1
                if (value := convert(unit, stu3, source)) is not None:
                    made[target] = value
                continue
            elif kind is list and each is not None:
                holders += 1
                if values := [
                    value
                    for index, item in enumerate(raw)
                    if item is not None and (value := each(unit, raw, index)) is not None
                ]:
                    made[target] = values
                continue
            elif kind in plain:
                made[target] = raw
                taken.append(source)
                continue
            _add(unit, stu3, row, made, chosen)
        if taken:
            unit.take_of(stu3, taken, len(taken) + holders == len(names) == len(steps))
        for source, target in shadows:
            if isinstance(stu3[source], dict) and (inner := self._beside(unit, stu3[source])):
                made[target] = inner
        return made

    def _beside(self, unit: Unit, shadow: dict[str, Any]) -> dict[str, Any]:
        return self._shadow.build(unit, shadow) if self._shadow is not None else {}

    def _plan(self, names: tuple[str, ...]) -> _Plan:
        rows = [row for row in (*self._own, *self.rows) if row.source in names]
        listed = [row for row in self.rows if self._shadow and not row.many_out]
        shadows = [(f"_{row.source}", f"_{row.target}") for row in listed if f"_{row.source}" in names]
        plan = tuple(_step(row, rows) for row in rows), tuple(shadows)
        # Only of names that rows have: what a source calls anything else is not ours to remember.
        if len(self._plans) < MOST_PLANS and self._known.issuperset(names):
            self._plans[names] = plan
        return plan


def _step(row: Field, rows: list[Field]) -> _Step:
    rivals = [one for one in rows if row.target == one.target or (row.choice and row.choice == one.choice)]
    lone = len(rivals) == 1
    convert = row.convert if lone and not row.many_in and not row.many_out else None
    each = row.convert if lone and row.many_in and row.many_out else None
    good, known = (GOOD.get(convert), KNOWN.get(convert)) if convert else (None, None)
    plain = PLAIN.get(convert, _NONE) if convert else _NONE
    return _Step(row.source, row.target, good, known, plain, convert, each, row)


def one(source: str, convert: Convert, target: str = "") -> Field:
    """0..1 in both."""
    return Field(source, target or source, convert)


def many(source: str, convert: Convert, target: str = "") -> Field:
    """0..* in both."""
    return Field(source, target or source, convert, True, True)


def listed(source: str, convert: Convert, target: str = "") -> Field:
    """0..1 in STU3, 0..* in R4."""
    return Field(source, target or source, convert, False, True)


def first(source: str, convert: Convert, target: str = "") -> Field:
    """0..* in STU3, 0..1 in R4: what is beyond the first is `too-many`."""
    return Field(source, target or source, convert, True, False)


def choice(source: str, kinds: dict[str, Convert], target: str = "") -> Fields:
    """`x[x]`: one row a type."""
    to = target or source
    return tuple(Field(source + kind, to + kind, convert, choice=to) for kind, convert in kinds.items())


def flat(rows: Iterable[Field | Fields]) -> Fields:
    """Rows and tuples of rows as one tuple."""
    return tuple(row for item in rows for row in (item if isinstance(item, tuple) else (item,)))


def no_target(*sources: str) -> Fields:
    """Members that R4 has no place for: known and listed, as one line each."""
    return tuple(Field(name, name, _dropped) for name in sources)


def _dropped(unit: Unit, holder: Holder, step: Step) -> None:
    unit.drop(holder, step)


def _add(unit: Unit, stu3: dict[str, Any], row: Field, made: dict[str, Any], chosen: set[str]) -> None:
    """What one row makes, beside what others made before it."""
    if row.choice and row.choice in chosen:
        unit.reject(stu3, row.source, "too-many")
        return
    value = _read(unit, stu3, row)
    if value is None:
        return
    if row.choice:
        chosen.add(row.choice)
    if row.many_out and row.target in made:
        made[row.target] = [*made[row.target], *value]
    else:
        made[row.target] = value


def _read(unit: Unit, stu3: dict[str, Any], row: Field) -> Any:
    raw = stu3[row.source]
    if raw is None:
        return None
    if not isinstance(raw, list):
        value = row.convert(unit, stu3, row.source)
        return [value] if row.many_out and value is not None else value
    values = [row.convert(unit, raw, index) for index, item in enumerate(raw) if item is not None]
    if row.many_out:
        return [value for value in values if value is not None] or None
    for index in range(1, len(raw)):
        unit.reject(raw, index, "too-many")
    return values[0] if values else None
