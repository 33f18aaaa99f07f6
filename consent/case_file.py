"""A whole file of decision cases (`carepact policy test`): no row is skipped, none spoils another."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from consent.cases import COLUMNS, Fixtures, case_from_row
from consent.decision import Trace
from consent.errors import Uncomputable

MAX_FIELD = 16 * 1024 * 1024
"""Characters of one column: a resource and its consents fit many times over."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one row. `error`: its column that could not be read; then it is not decided."""

    id: str
    group: str
    title: str
    want: Mapping[str, Any]
    got: Mapping[str, Any]
    trace: Trace = ()
    error: str = ""

    @property
    def ok(self) -> bool:
        return not self.error and self.got == self.want


def try_cases(document: str, fixtures: Fixtures) -> Iterator[Tried]:
    """Decide every row of a case file. Raises `Uncomputable` if the file is none, never for one row.

    An id that stands twice makes its second row an error.
    """
    seen: set[str] = set()
    for row in read_rows(document):
        about: dict[str, Any] = {name: row.get(name) or "" for name in ("id", "group", "title")}
        try:
            if about["id"] in seen:
                raise Uncomputable("id", "stands twice")
            seen.add(about["id"])
            if None in row or None in row.values():
                raise Uncomputable("row", "has more or fewer columns than the header")
            case = case_from_row(row, fixtures)
            decision = case.decide()
            yield Tried(want=case.want, got=case.got(decision), trace=decision.trace, **about)
        except Uncomputable as wrong:
            yield Tried(**about, want={}, got={}, error=str(wrong))


def read_rows(document: str) -> Iterator[Mapping[str, str]]:
    """Rows of a case file. Raises `Uncomputable` if a column is missing or not known."""
    csv.field_size_limit(MAX_FIELD)
    rows = csv.DictReader(io.StringIO(document, newline=""), strict=True)
    try:
        names = rows.fieldnames or ()
    except csv.Error as error:
        raise Uncomputable("file", "is no CSV") from error
    if len(set(names)) != len(names):
        raise Uncomputable("header", "has a column twice")
    if set(names).isdisjoint(COLUMNS):
        raise Uncomputable("header", f"is none of a case file in CSV, whose columns are {', '.join(COLUMNS)}")
    for place, name in enumerate(names, 1):
        if name not in COLUMNS:
            raise Uncomputable("header", f"column {place} is not known; known ones are {', '.join(COLUMNS)}")
    if missing := [name for name in COLUMNS if name not in names]:
        raise Uncomputable("header", f"lacks {', '.join(missing)}")
    return _readable(rows)


def _readable(rows: "csv.DictReader[str]") -> Iterator[Mapping[str, str]]:
    try:
        yield from rows
    except csv.Error as error:
        raise Uncomputable("file", "is no CSV") from error
