"""Cells, typed strictly: a value is what its column says, or its row is bad."""

import re
from dataclasses import dataclass
from decimal import Decimal

from adapters import codec, times
from adapters.gp.csv.columns import CONTROL, ColumnMap
from adapters.gp.csv.targets import Target

_MONTHS = {
    name: f"{n:02}" for n, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)
}
_CLOCK = r"(?:[ T](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?\Z"
_FORMS = {
    "iso": re.compile(r"(?P<y>\d{4})(?:-(?P<m>\d\d)(?:-(?P<d>\d\d)" + _CLOCK[:-2] + r")?)?\Z"),
    "dmy": re.compile(r"(?P<d>\d{1,2})[/.-](?P<m>\d{1,2})[/.-](?P<y>\d{4})" + _CLOCK),
    "mdy": re.compile(r"(?P<m>\d{1,2})[/.-](?P<d>\d{1,2})[/.-](?P<y>\d{4})" + _CLOCK),
    "dmonthy": re.compile(r"(?P<d>\d{1,2})[ -](?P<m>[A-Za-z]{3})[ -](?P<y>\d{4})" + _CLOCK),
}
_NUMBER = re.compile(r"(<=|>=|<|>)?\s?(-?(?:0|[1-9]\d*)(?:\.\d+)?)\Z")
_TOKEN = re.compile(r"\S+( \S+)*\Z")


class BadCell(Exception):
    """`reason`: a reason of the disposition `rejected`."""

    def __init__(self, reason: str) -> None:
        super().__init__("a cell is not what its column says")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Cell:
    """A typed value. `comparator`: of a number; `assumed`, `altered`: remarks of the ledger."""

    value: str | int | Decimal
    comparator: str | None = None
    assumed: str | None = None
    altered: str | None = None


def cell_from_text(text: str, target: Target, columns: ColumnMap) -> Cell:
    """The value of a non-empty cell. Raises `BadCell`."""
    plain = CONTROL.sub("", text).strip()
    if not plain:
        raise BadCell("bad-text")
    altered = "control-character" if plain != text.strip() else None
    match target.type:
        case "text":
            return Cell(plain, altered=altered)
        case "token":
            return Cell(_token(plain), altered=altered)
        case "nhs":
            return Cell(plain.replace(" ", "").replace("-", ""), altered=altered)
        case "choice":
            return Cell(_choice(plain, target, columns))
        case "number" | "whole":
            return _number(plain, whole=target.type == "whole")
        case "time" | "date":
            return _time(plain, columns, date=target.type == "date")


def _token(text: str) -> str:
    if not _TOKEN.match(text):
        raise BadCell("bad-code")
    return text


def _choice(text: str, target: Target, columns: ColumnMap) -> str:
    codes = columns.values.get(f"{target.kind}.{target.field}", {})
    code = codes.get(text, text)
    if code not in target.choices:
        raise BadCell("bad-code")
    return code


def _number(text: str, *, whole: bool) -> Cell:
    found = _NUMBER.match(text) if len(text) <= codec.MAX_NUMBER_CHARS else None
    if found is None:
        raise BadCell("bad-number")
    comparator, digits = found.groups()
    if not whole:
        return Cell(codec.decimal_from_text(digits), comparator)
    if comparator or "." in digits or not 0 < int(digits) < 2**31:
        raise BadCell("bad-number")
    return Cell(int(digits))


def _time(text: str, columns: ColumnMap, *, date: bool) -> Cell:
    """A FHIR date or dateTime; one without an offset takes the zone of the map, else it is the date."""
    compact = text if columns.dates == "compact" else _compact(text, columns.dates)
    parsed = times.parse_compact(compact, zone=columns.zone) if compact else None
    if parsed is None or (date and "T" in parsed.text):
        raise BadCell("bad-date")
    return Cell(parsed.text, assumed=parsed.assumed, altered="precision" if parsed.altered else None)


def _compact(text: str, form: str) -> str | None:
    found = _FORMS[form].match(text)
    if found is None:
        return None
    day, month, year = (found.group(name) or "" for name in "dmy")
    month = _MONTHS.get(month.lower(), "") if form == "dmonthy" else month
    if day and not month:
        return None
    hour, minute, second, fraction, offset = (part or "" for part in found.groups()[-5:])
    clock = f"{hour}{minute}{second}{fraction}{offset.replace(':', '')}" if hour else ""
    return f"{year}{month.zfill(2) if month else ''}{day.zfill(2) if day else ''}{clock}"
