"""Mappings as tables: one `Field` a row, read from STU3 members, written in the order of R4's definition.

A converter gets (unit, holder, step), takes what it uses and returns the R4 value, or None when there is
none. What no row names stays open in the account and so ends as a `no-target` line.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adapters.gp.unit import Unit
from adapters.reading import Holder, Step

Convert = Callable[[Unit, Holder, Step], Any]


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


Fields = tuple[Field, ...]


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


def no_target(*sources: str) -> Fields:
    """Members that R4 has no place for: known and listed, as one line each."""
    return tuple(Field(name, name, _dropped) for name in sources)


def _dropped(unit: Unit, holder: Holder, step: Step) -> None:
    unit.drop(holder, step)


def build(unit: Unit, stu3: dict[str, Any], fields: Fields) -> dict[str, Any]:
    """The R4 element that these rows make of a STU3 one; empty if nothing was usable."""
    made: dict[str, Any] = {}
    chosen: set[str] = set()
    for row in [row for row in fields if row.source in stu3]:
        if row.choice and row.choice in chosen:
            unit.reject(stu3, row.source, "too-many")
            continue
        value = _read(unit, stu3, row)
        if value is None:
            continue
        if row.choice:
            chosen.add(row.choice)
        if row.many_out and row.target in made:
            made[row.target] = [*made[row.target], *value]
        else:
            made[row.target] = value
    return made


def _read(unit: Unit, stu3: dict[str, Any], row: Field) -> Any:
    raw = stu3[row.source]
    if raw is None:
        return None
    if not isinstance(raw, list):
        value = row.convert(unit, stu3, row.source)
        return [value] if row.many_out and value is not None else value
    values = [row.convert(unit, raw, index) for index, item in enumerate(raw) if item is not None]
    found = [value for value in values if value is not None]
    if row.many_out:
        return found or None
    for index in range(1, len(raw)):
        unit.reject(raw, index, "too-many")
    return values[0] if values else None
