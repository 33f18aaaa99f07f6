"""The loss ledger: every value of an input is mapped, kept as it came, or lost with a line that says why.

Law (normalisation.md 2): `total = mapped + kept + lost`, each item in exactly one. Lines hold positions
and reasons, never values.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self, TypeVar

Key = TypeVar("Key", bound=Hashable)
Disposition = Literal["kept", "not-mapped", "rejected", "failed", "assumed", "altered"]
Severity = Literal["error", "warning", "information"]
Status = Literal["complete", "partial", "error"]

REASONS: dict[str, frozenset[str]] = {
    "kept": frozenset(
        (
            "z-segment unknown-segment unknown-field unknown-template type-not-carried message-not-mapped"
        ).split()
    ),
    "not-mapped": frozenset("no-target administrative structural superseded duplicate policy".split()),
    "rejected": frozenset(
        ("bad-date bad-number bad-code bad-id bad-reference bad-base64 bad-text too-long too-many").split()
    ),
    "failed": frozenset(
        (
            "unreadable format-not-supported source-refused no-patient wrong-patient merge-cycle "
            "fragment page-failed limit mapping-defect control-reused"
        ).split()
    ),
    "assumed": frozenset(
        "zone charset separators authority no-key status class intent patient count-mismatch".split()
    ),
    "altered": frozenset(
        (
            "id-rewritten dangling-reference precision check-digit escape control-character "
            "joined-line number namespace split conflict"
        ).split()
    ),
}
_WARN_WHEN_KEPT = frozenset(
    "unknown-segment unknown-field unknown-template message-not-mapped type-not-carried".split()
)
_REMARKS = frozenset({"assumed", "altered"})


class _Line(NamedTuple):
    position: str
    items: int
    disposition: Disposition
    reason: str
    target: str | None = None
    resource: str | None = None
    unit: int = 1


class LossEntry(_Line):
    """One line. `items` values of the input at `position` (HL7 v2 `SEG[n]-f.c.s`, XPath, FHIRPath).

    A tuple, for there are as many as values that nobody maps; `_replace` makes a changed one.
    """

    __slots__ = ()

    def __new__(
        cls,
        position: str,
        items: int,
        disposition: Disposition,
        reason: str,
        target: str | None = None,
        resource: str | None = None,
        unit: int = 1,
    ) -> Self:
        """Raises ValueError for a reason that is not in the closed list of its disposition."""
        if reason not in REASONS[disposition]:
            raise ValueError(f"{reason} is no reason of {disposition}")
        return tuple.__new__(cls, (position, items, disposition, reason, target, resource, unit))

    @property
    def severity(self) -> Severity:
        """`error` for what failed or was bad, `warning` for guesses and for what nobody foresaw."""
        if self.disposition in ("rejected", "failed"):
            return "error"
        if self.disposition in _REMARKS or self.reason in _WARN_WHEN_KEPT:
            return "warning"
        return "information"


@dataclass(frozen=True, slots=True)
class Losses:
    """The closed ledger of one input. `unreadable`: not its format, or no patient's record at all."""

    total: int
    mapped: int
    entries: tuple[LossEntry, ...] = ()
    unreadable: bool = False

    @property
    def kept(self) -> int:
        return sum(e.items for e in self.entries if e.disposition == "kept")

    @property
    def lost(self) -> int:
        return sum(e.items for e in self.entries if e.disposition in ("not-mapped", "rejected", "failed"))

    @property
    def balanced(self) -> bool:
        """The law holds."""
        return self.total == self.mapped + self.kept + self.lost

    @property
    def status(self) -> Status:
        """`error`, `partial` or `complete` (normalisation.md 2)."""
        if self.unreadable:
            return "error"
        for entry in self.entries:
            if entry.severity == "error" or (entry.disposition == "kept" and entry.severity == "warning"):
                return "partial"
        return "complete"

    def plus(self, other: "Losses") -> "Losses":
        """Sum of two units of one input; `unit` numbers of `other` go on after ours."""
        last = max((e.unit for e in self.entries), default=0)
        return Losses(
            self.total + other.total,
            self.mapped + other.mapped,
            self.entries + tuple(e._replace(unit=e.unit + last) for e in other.entries),
            self.unreadable and other.unreadable,
        )


class Ledger:
    """Lines of one unit of an input, in the order in which they were found."""

    def __init__(self, unit: int = 1) -> None:
        self._unit = unit
        self._entries: list[LossEntry] = []
        self.closed = 0
        """Items that lines are about; remarks do not count."""

    @property
    def size(self) -> int:
        """How many lines there are, remarks too."""
        return len(self._entries)

    def line(
        self,
        position: str,
        items: int,
        disposition: Disposition,
        reason: str,
        target: str | None = None,
        resource: str | None = None,
    ) -> None:
        """What became of `items` values that nothing took (`kept`, `not-mapped`, `rejected`, `failed`)."""
        self.closed += items
        self._entries.append(LossEntry(position, items, disposition, reason, target, resource, self._unit))

    def remark(
        self, position: str, disposition: Literal["assumed", "altered"], reason: str, items: int = 1
    ) -> None:
        """A guess or a change, visible; does not alter the sums."""
        self._entries.append(LossEntry(position, items, disposition, reason, unit=self._unit))

    def summed(self, total: int, mapped: int, *, unreadable: bool = False) -> Losses:
        """The closed ledger of an input of `total` values."""
        return Losses(total, mapped, tuple(self._entries), unreadable)


class LossAccount(Ledger):
    """The open ledger that a reader fills. Item keys are anything hashable; `render` makes positions of them.

    A reader registers each value with `item`, a mapping calls `take` on what it used; `close` turns what
    nobody took into `not-mapped/no-target`, so that forgetting a field shows as a line, never as silence.
    """

    def __init__(self, render: Callable[[Hashable], str] = str, unit: int = 1) -> None:
        super().__init__(unit)
        self._render = render
        self._open: dict[Hashable, int] = {}
        self._total = 0
        self._mapped = 0

    def item(self, key: Hashable, items: int = 1) -> None:
        """Register `items` values of the input under one key (once per key)."""
        self._open[key] = self._open.get(key, 0) + items
        self._total += items

    def items(self, keys: Sequence[Hashable]) -> None:
        """Register one value of the input under each of many keys, none of which is known yet."""
        self._open.update(dict.fromkeys(keys, 1))
        self._total += len(keys)

    def take(self, key: Hashable) -> None:
        """A mapping put this value, or what it was translated to, into a resource. Idempotent."""
        self._mapped += self._open.pop(key, 0)

    def take_all(self, keys: Iterable[Hashable]) -> None:
        """`take` for each of them."""
        pop = self._open.pop
        self._mapped += sum([pop(key, 0) for key in keys])

    def is_open(self, key: Hashable) -> bool:
        return key in self._open

    def still_open(self, keys: Iterable[Key]) -> list[Key]:
        """Those of them that are."""
        return [key for key in keys if key in self._open]

    def lose(
        self,
        keys: Iterable[Hashable],
        disposition: Disposition,
        reason: str,
        *,
        position: str | None = None,
        target: str | None = None,
        resource: str | None = None,
    ) -> None:
        """Close keys with one line (`kept`, `not-mapped`, `rejected`, `failed`); taken ones do not count."""
        closed = [key for key in keys if key in self._open]
        items = sum([self._open.pop(key, 0) for key in closed])
        if items:
            at = position if position is not None else self._render(closed[0])
            self.line(at, items, disposition, reason, target, resource)

    def close(self, *, unreadable: bool = False) -> Losses:
        """Everything still open becomes `not-mapped/no-target` at its own position."""
        for key in list(self._open):
            self.lose((key,), "not-mapped", "no-target")
        return self.summed(self._total, self._mapped, unreadable=unreadable)


def unreadable(total: int, reason: str = "unreadable") -> Losses:
    """Ledger of an input that is not its format: all of it failed, nothing guessed."""
    items = max(total, 1)
    return Losses(items, 0, (LossEntry("", items, "failed", reason),), True)
