"""What a unit of work is, on every database that the node runs on.

A unit is a plain synchronous function over one SQLAlchemy Core `Connection`; the stores of the rooms are
bound to that connection inside it (`SQLRecords(connection)`, `SQLConsentRegistry(connection)`, …).

1. `write(fn)`: everything that `fn` does is durable when the call returns, or nothing of it happened. A unit
   that raises is rolled back alone, and its caller gets that very exception.
2. `fn` may be run a second time (a lost group, a deadlock, two workers inserting one row): it must have no
   effect but through its connection, and must not keep the connection.
3. `read(fn)`: refused by the database if it writes. SQLite reads one snapshot. PostgreSQL reads each
   statement for itself, so what must agree between two statements is rechecked in the writing unit.
4. PostgreSQL writes run READ COMMITTED. Whoever reads a row to decide what to write locks it first
   (`select(…).with_for_update()`, which SQLite leaves out: there is one writer): so two appends to the ledger
   wait for each other at the row of its head. What does not exist yet cannot be locked: a second insert of
   one key fails, and the unit is run again and then finds the row.
5. What the database reports is told as `Problem("no_store" | "unavailable" | "conflict" | "internal")`: its
   own words may quote values, so they end here.
"""

from sqlalchemy import Connection

from gateway.errors import Problem
from gateway.records.interface import Database

__all__ = ["Connection", "Database", "StorageProblem"]


class StorageProblem(Problem):
    """A database error as the edges may show it. `code`: SQLite error name or SQLSTATE, never a value."""

    def __init__(self, category: str, code: str) -> None:
        super().__init__(category)
        self.code = code
