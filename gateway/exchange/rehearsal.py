"""`--dry-run`: the whole unit of work is done, every check and constraint with it, and then undone."""

from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection

from gateway.records.interface import Database

T = TypeVar("T")


async def write_or_rehearse(database: Database, unit: Callable[[Connection], T], dry_run: bool) -> T:
    """The outcome of `unit`, committed, or (`dry_run`) rolled back."""
    if not dry_run:
        return await database.write(unit)

    def tried(connection: Connection) -> None:
        raise _Rehearsed(unit(connection))

    try:
        await database.write(tried)
    except _Rehearsed as done:
        outcome: T = done.outcome
        return outcome
    raise AssertionError("a rehearsal always ends by raising")


class _Rehearsed(Exception, Generic[T]):
    """Carries the outcome out of a unit that is rolled back."""

    def __init__(self, outcome: T) -> None:
        self.outcome = outcome
        super().__init__("rehearsed")
