"""Lines of the loss ledger in the store, and the sums that `carepact source losses` shows.

Lines hold positions and reasons, never values.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from adapters.losses import LossEntry
from gateway.intake.interface import LossLine, LossSum
from gateway.intake.tables import intake, loss

GroupBy = Literal["reason", "position", "day", "mapping", "intake"]
_COUNTS = ("total", "mapped", "kept", "lost")
_KEYS: Mapping[GroupBy, ColumnElement[str]] = {
    "reason": loss.c.disposition + "/" + loss.c.reason,
    "position": loss.c.position,
    "day": func.substr(intake.c.received, 1, 10),
    "mapping": intake.c.mapping,
    "intake": loss.c.intake,
}


def add_losses(connection: Connection, id: str, entries: Sequence[LossEntry]) -> None:
    """Keep the lines of one original, in their order."""
    if not entries:
        return
    rows = [
        {
            "intake": id,
            "line": number,
            "unit": entry.unit,
            "position": entry.position,
            "items": entry.items,
            "disposition": entry.disposition,
            "reason": entry.reason,
            "target": entry.target,
            "resource": entry.resource[:130] if entry.resource else None,
        }
        for number, entry in enumerate(entries, 1)
    ]
    connection.execute(insert(loss), rows)


def drop_losses(connection: Connection, id: str) -> None:
    """Forget the lines of an original that is taken in anew."""
    connection.execute(delete(loss).where(loss.c.intake == id))


def losses_of(connection: Connection, id: str) -> tuple[LossLine, ...]:
    """The lines of one original, in the order of its input."""
    names = list(LossLine.__dataclass_fields__)
    query = select(*(loss.c[name] for name in names)).where(loss.c.intake == id).order_by(loss.c.line)
    return tuple(LossLine(*row) for row in connection.execute(query))


def sum_losses(
    connection: Connection,
    source: str,
    *,
    since: str = "",
    until: str = "",
    reasons: Sequence[str] = (),
    position: str = "",
    id: str = "",
    group_by: GroupBy = "reason",
) -> tuple[LossSum, ...]:
    """Lines and items of one source by `group_by`, most items first.

    `since`, `until`: FHIR instants, inclusive and exclusive; `position`: a prefix; `reasons`: any of these.
    """
    key = _KEYS[group_by]
    items = func.sum(loss.c["items"])  # `c.items` is a method
    query = (
        select(key.label("key"), func.count(), items)
        .join_from(loss, intake, loss.c.intake == intake.c.id)
        .where(*_conditions(source, since, until, reasons, position, id))
        .group_by("key")
    )
    found = [LossSum(row[0], int(row[1]), int(row[2])) for row in connection.execute(query)]
    return tuple(sorted(found, key=lambda one: (-one.items, one.key)))


def sum_originals(
    connection: Connection, source: str, *, since: str = "", until: str = "", id: str = ""
) -> Mapping[str, int]:
    """`originals`, and what became of all of their values: `total = mapped + kept + lost`."""
    columns = [func.coalesce(func.sum(intake.c[name]), 0) for name in _COUNTS]
    query = select(func.count(), *columns).where(*_originals(source, since, until, id))
    row = connection.execute(query).one()
    return dict(zip(("originals", *_COUNTS), map(int, row), strict=True))


def _originals(source: str, since: str, until: str, id: str) -> list[Any]:
    wanted: list[Any] = [intake.c.source == source]
    if since:
        wanted.append(intake.c.received >= since)
    if until:
        wanted.append(intake.c.received < until)
    if id:
        wanted.append(intake.c.id == id)
    return wanted


def _conditions(
    source: str, since: str, until: str, reasons: Sequence[str], position: str, id: str
) -> list[Any]:
    wanted = _originals(source, since, until, id)
    if reasons:
        wanted.append(loss.c.reason.in_(reasons))
    if position:
        wanted.append(loss.c.position.startswith(position, autoescape=True))
    return wanted


def has_failed(connection: Connection, intakes: Sequence[str]) -> bool:
    """Whether any unit of these originals could not be built."""
    query = select(loss.c.intake).where(loss.c.intake.in_(intakes), loss.c.disposition == "failed").limit(1)
    return bool(intakes) and connection.execute(query).first() is not None
