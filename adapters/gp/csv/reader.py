"""Delimited text (RFC 4180) to rows, strictly: a row that is not of the form is one bad row, not the end.

Row numbers are those of a spreadsheet: the header is row 1. A quote that is never closed would swallow all
that follows: such a row ends with its line, and reading goes on with the next one.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from adapters.gp.csv.columns import ColumnMap

_MOST_LINES = 1000
"""Lines of one row: a cell may hold a letter, not a file."""


class NoMatch(ValueError):
    """The file is not the one that the map describes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record of the file. `cells` is None if it could not be read; `text`: as it came, line end too."""

    number: int
    cells: tuple[str, ...] | None
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """An extract. `head`: the header's line as it came."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    head: str


def read(body: bytes, columns: ColumnMap) -> Table:
    """Rows of the extract in these bytes. Raises `NoMatch` for another header or encoding."""
    try:
        text = body.decode(columns.encoding, "surrogateescape" if columns.encoding != "utf-16" else "strict")
    except UnicodeError:
        raise NoMatch("not in the encoding of the map") from None
    lines = list(io.StringIO(text, newline=""))
    at = next((n for n, line in enumerate(lines) if line.strip("\r\n")), len(lines))
    cells, used = _record(lines[at : at + _MOST_LINES], columns.delimiter)
    header = tuple(name.strip() for name in cells or ())
    if len(set(header)) != len(header) or not columns.named <= set(header):
        raise NoMatch("the header is not that of the map")
    rows = tuple(_rows(lines, at + used, len(header), columns.delimiter))
    return Table(header, rows, "".join(lines[at : at + used]))


def _rows(lines: list[str], at: int, width: int, delimiter: str) -> Iterator[Row]:
    """Records after the header; with more or fewer cells than it has nobody knows which is which."""
    number = 1
    while at < len(lines):
        if not lines[at].strip("\r\n"):
            at += 1
            continue
        number += 1
        cells, used = _record(lines[at : at + _MOST_LINES], delimiter)
        if cells is not None and len(cells) != width:
            cells, used = None, 1
        yield Row(number, cells, "".join(lines[at : at + used]))
        at += used


def _record(lines: list[str], delimiter: str) -> tuple[tuple[str, ...] | None, int]:
    """Cells of the first record and the number of lines that it takes; (None, 1) if it is not of the form."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        cells = tuple(next(reader))
    except (csv.Error, StopIteration):
        return None, 1
    if any(0xDC80 <= ord(char) <= 0xDCFF for cell in cells if not cell.isascii() for char in cell):
        return None, reader.line_num
    return cells, reader.line_num
