"""The rows of one person out of a whole extract, as they came: what a source that is a file answers. Pure."""

from adapters.gp.csv.cells import BadCell, cell_from_text
from adapters.gp.csv.columns import ColumnMap
from adapters.gp.csv.reader import Row, Table
from adapters.identity import NHS_NUMBER
from adapters.interface import Identifier

_BY = {"nhs-number": NHS_NUMBER}


def systems_of(columns: ColumnMap) -> tuple[str, ...]:
    """Identifier systems by which a person can be looked for in such an extract."""
    fields = [target.field for target in columns.columns.values() if target.kind == "patient"]
    found = [NHS_NUMBER] if "nhs-number" in fields else []
    return (*found, columns.systems["patient.identifier"]) if "identifier" in fields else tuple(found)


def rows_of(table: Table, columns: ColumnMap, asked: tuple[Identifier, ...]) -> tuple[bytes | None, int]:
    """Header and rows of the person asked for, None without any; and how many rows are nobody's for certain.

    A row that cannot be read, or that does not say whose it is, may be hers: the answer is short by it. All
    rows under one key are hers if one of them names her.
    """
    wanted = {(one.system, _plain(one.value)) for one in asked}
    index = {name: n for n, name in enumerate(table.header)}
    whose: dict[tuple[str, ...], list[Row]] = {}
    hers: set[tuple[str, ...]] = set()
    unclear = 0
    for row in table.rows:
        cells = row.cells or ()
        key = tuple(columns.name_of(name, cells[index[name]]) for name in columns.patient) if cells else ()
        if not key or not all(key):
            unclear += 1
            continue
        whose.setdefault(key, []).append(row)
        if not wanted.isdisjoint(_identifiers(row, index, columns)):
            hers.add(key)
    mine = [row for key, rows in whose.items() if key in hers for row in rows]
    if not mine:
        return None, unclear
    text = table.head + "".join(row.text for row in sorted(mine, key=lambda row: row.number))
    errors = "strict" if columns.encoding == "utf-16" else "surrogateescape"
    return text.encode(columns.encoding.removesuffix("-sig"), errors), unclear


def _identifiers(row: Row, index: dict[str, int], columns: ColumnMap) -> set[tuple[str, str]]:
    """(system, value) that a row states for its person."""
    found = set()
    for name, target in columns.columns.items():
        if target.kind != "patient" or target.field not in ("nhs-number", "identifier") or not row.cells:
            continue
        try:
            value = str(cell_from_text(row.cells[index[name]], target, columns).value)
        except BadCell:
            continue
        system = _BY.get(target.field) or columns.systems["patient.identifier"]
        found.add((system, _plain(value)))
    return found


def _plain(value: str) -> str:
    return value.replace(" ", "").replace("-", "")
