"""How commands speak: tables on a terminal, plain text when piped, `--json` for machines (http-api.md 7)."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from gateway.errors import Problem

STDOUT = Path("-")


def say(text: str) -> None:
    """One line for a person, on stdout. A closed pipe is not our failure."""
    _put(lambda out: out.write(f"{text}\n"))


def write_out(data: bytes) -> None:
    """Bytes on stdout, at once."""
    _put(lambda out: out.buffer.write(data))


def _put(write: Callable[[TextIO], object]) -> None:
    """Where stdout was closed on purpose nobody is told; a full disk is."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
        write(sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError:
        raise Problem("no_store", hint="stdout cannot be written") from None


def warn(text: str) -> None:
    """One line on stderr: what is unsafe, what went wrong, the next step."""
    sys.stderr.write(f"{text}\n")


def emit_json(value: Any) -> None:
    """One JSON value on one line."""
    say(json.dumps(value, separators=(",", ":"), sort_keys=True, default=str, ensure_ascii=True))


def emit_rows(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str
) -> None:
    """A list: one JSON object a line, else a table; `empty` names the next step when there is nothing."""
    if as_json:
        for row in rows:
            emit_json(row)
        return
    if not rows:
        say(empty)
        return
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    if sys.stdout.isatty():
        _rich_table(columns, cells)
    else:
        _plain_table(columns, cells)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)


def _plain_table(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    widths = [max(len(column), *(len(row[i]) for row in cells)) for i, column in enumerate(columns)]
    for row in (list(columns), *cells):
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _rich_table(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
