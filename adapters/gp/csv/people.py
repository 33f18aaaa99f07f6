"""The Patients of an extract: one a key, from all its rows. Rows that contradict each other are nobody's."""

from collections.abc import Callable, Mapping

from adapters import identity
from adapters.gp.csv.cells import Cell
from adapters.interface import JSON, Source

_DECIDES = ("nhs-number", "identifier", "birth-date", "family")
"""Fields in which two rows of one person cannot differ."""
Cells = Mapping[str, Cell]


def contradicts(mine: Cells, other: Cells) -> bool:
    """Whether two rows under one key are of two people: mixed records are the worst of failures."""
    both = [name for name in _DECIDES if name in mine and name in other]
    return any(_plain(mine[name]) != _plain(other[name]) for name in both)


def merged(rows: list[Cells]) -> dict[str, Cell]:
    """What all rows of a person say; the first that says something is heard."""
    found: dict[str, Cell] = {}
    for cells in rows:
        for name, cell in cells.items():
            found.setdefault(name, cell)
    return found


def patient(
    cells: Cells, systems: Mapping[str, str], source: Source, key: str, alter: Callable[[str], None]
) -> JSON:
    """The R4 Patient. A national number with a wrong check digit is a local one: it must link nobody."""
    made: JSON = {"resourceType": "Patient", "identifier": _identifiers(cells, systems, source, key, alter)}
    name: JSON = {"family": _text(cells, "family")} if "family" in cells else {}
    name |= {part: [_text(cells, part)] for part in ("given", "prefix") if part in cells}
    if name:
        made["name"] = [name]
    telecom = [
        {"system": system, "value": _text(cells, system)} for system in ("phone", "email") if system in cells
    ]
    if telecom:
        made["telecom"] = telecom
    made |= {
        target: cells[name].value
        for name, target in (
            ("gender", "gender"),
            ("birth-date", "birthDate"),
            ("deceased", "deceasedDateTime"),
        )
        if name in cells
    }
    address: JSON = {"line": [_text(cells, "address")]} if "address" in cells else {}
    address |= {
        target: _text(cells, name)
        for name, target in (("city", "city"), ("postcode", "postalCode"))
        if name in cells
    }
    return made | ({"address": [address]} if address else {})


def _identifiers(
    cells: Cells, systems: Mapping[str, str], source: Source, key: str, alter: Callable[[str], None]
) -> list[JSON]:
    found = []
    if "nhs-number" in cells:
        value = _text(cells, "nhs-number")
        system = identity.NHS_NUMBER
        if not identity.check_digit_holds(system, value):
            alter("check-digit")
            system = identity.local_system(source.custodian, source.id, "nhs-number")
        found.append({"system": system, "value": value})
    if "identifier" in cells:
        found.append({"system": systems["patient.identifier"], "value": _text(cells, "identifier")})
    local = identity.local_system(source.custodian, source.id, "patient")
    return [*found, {"system": local, "value": key}]


def _plain(cell: Cell) -> str:
    return str(cell.value).casefold()


def _text(cells: Cells, name: str) -> str:
    return str(cells[name].value)
