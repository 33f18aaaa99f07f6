"""Rows with typed cells and the account of each: whose it is, what it says, what became of every cell."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from adapters.gp.csv.cells import BadCell, Cell, cell_from_text
from adapters.gp.csv.columns import ColumnMap
from adapters.gp.csv.reader import Row
from adapters.losses import Disposition, LossAccount

_NAMED = ("code", "display", "text")


class Read(dict[str, Cell]):
    """Cells of one kind in a row; remembers which fields a mapping read."""

    def __init__(self, cells: Mapping[str, Cell]) -> None:
        super().__init__(cells)
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> Cell:
        self.used.add(name)
        return super().__getitem__(name)


class RowFailed(Exception):
    """`reason`: a reason of the disposition `failed`. What is wrong with single cells is in the account."""

    def __init__(self, reason: str) -> None:
        super().__init__("a row could not be used")
        self.reason = reason


@dataclass(slots=True)
class TypedRow:
    """`kinds`: row kind to its cells; `patient`, `key`: cells that name whose it is and which it is."""

    number: int
    kinds: dict[str, Read]
    patient: str
    key: str | None
    columns: dict[tuple[str, str], int]
    """(kind, field) to the column, counted from 1."""
    named_by: tuple[int, ...]
    account: LossAccount
    width: int

    def position(self, kind: str, name: str) -> str:
        return f"{self.number}:{self.columns[(kind, name)]}"

    def take(self, kind: str, names: set[str]) -> None:
        """These fields of this kind are in a resource."""
        for name in names:
            self.account.take(self.columns[(kind, name)])

    def take_names(self) -> None:
        """The cells by which it is named are in identifiers."""
        for column in self.named_by:
            self.account.take(column)

    def lose(self, kind: str, disposition: Disposition, reason: str) -> None:
        """All that is still open of a kind, as one line."""
        mine = [column for (of, _), column in self.columns.items() if of == kind]
        self.account.lose(mine, disposition, reason, position=str(self.number))

    def fail(self, reason: str) -> None:
        """All that is still open in it, as one line."""
        self.account.lose(range(1, self.width + 1), "failed", reason, position=str(self.number))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the columns of a map are in a header."""

    columns: ColumnMap
    header: tuple[str, ...]
    patient: tuple[int, ...] = field(init=False)
    key: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "patient", tuple(self.header.index(name) for name in self.columns.patient))
        object.__setattr__(self, "key", tuple(self.header.index(name) for name in self.columns.key))

    def account_of(self, row: Row) -> LossAccount:
        """An open account of one row; a row that could not be split is one item."""
        account = LossAccount(lambda column: f"{row.number}:{column}", unit=row.number)
        for column, cell in enumerate(row.cells if row.cells is not None else (row.text,), 1):
            if cell.strip():
                account.item(column)
        return account

    def typed(self, row: Row, account: LossAccount) -> TypedRow:
        """The row with typed cells. Raises `RowFailed`; bad cells are rejected in the account by then."""
        if row.cells is None:
            raise RowFailed("unreadable")
        kinds: dict[str, dict[str, Cell]] = {}
        places: dict[tuple[str, str], int] = {}
        bad = False
        for column, name, text in self._filled(row.cells):
            target = self.columns.columns[name]
            try:
                cell = cell_from_text(text, target, self.columns)
            except BadCell as why:
                account.lose((column,), "rejected", why.reason, target=f"{target.kind}.{target.field}")
                bad = True
                continue
            kinds.setdefault(target.kind, {})[target.field] = cell
            places[(target.kind, target.field)] = column
        whose = [self.columns.name_of(self.header[index], row.cells[index]) for index in self.patient]
        if not all(whose):
            raise RowFailed("no-patient")
        nameless = any(not cells.keys() & set(_NAMED) for kind, cells in kinds.items() if kind != "patient")
        if bad or nameless:
            raise RowFailed("unreadable")
        which = [self.columns.name_of(self.header[index], row.cells[index]) for index in self.key]
        key = "|".join(which) if which and all(which) else None
        named = tuple(index + 1 for index in (*self.patient, *(self.key if key else ())))
        read = {kind: Read(cells) for kind, cells in kinds.items()}
        return TypedRow(row.number, read, "|".join(whose), key, places, named, account, len(self.header))

    def _filled(self, cells: tuple[str, ...]) -> Iterator[tuple[int, str, str]]:
        """(column, name, text) of the cells that the map has a target for and that say something."""
        for column, (name, text) in enumerate(zip(self.header, cells, strict=True), 1):
            if name in self.columns.columns and text.strip():
                yield column, name, text
