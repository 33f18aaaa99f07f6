"""Database exceptions into `Problem`s: their texts quote keys and values (PostgreSQL's DETAIL)."""

import os
import sqlite3
import traceback

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.db.unit_of_work import StorageProblem
from gateway.logs import log

_SQLITE = (
    ("SQLITE_FULL", "no_store"),
    ("SQLITE_IOERR", "no_store"),
    ("SQLITE_CANTOPEN", "no_store"),
    ("SQLITE_READONLY", "no_store"),
    ("SQLITE_BUSY", "unavailable"),
    ("SQLITE_LOCKED", "unavailable"),
    ("SQLITE_CONSTRAINT", "conflict"),
)
_POSTGRES = (
    ("53", "no_store"),  # insufficient resources: 53100 disk full
    ("58", "no_store"),  # system error: 58030 io error
    ("08", "unavailable"),  # connection
    ("57", "unavailable"),  # operator intervention: shutdown, cancel
    ("40", "unavailable"),  # serialisation failure, deadlock
    ("55", "unavailable"),  # lock not available
    ("23", "conflict"),
)
_PACKAGES = frozenset(("gateway", "consent", "keys", "adapters"))
RETRIED = frozenset(("40001", "40P01", "23505"))
"""SQLSTATEs after which running the same unit again can succeed: it lost a race, not an argument."""


def is_database_error(error: BaseException) -> bool:
    """Whether this came from the database or the way to it, and not from the unit's own code."""
    return isinstance(error, (SQLAlchemyError, sqlite3.Error, OSError))


def problem_from(error: BaseException) -> BaseException:
    """The error itself if a unit raised it by itself, else the `StorageProblem` that stands for it."""
    if not is_database_error(error):
        return error
    code = code_of(error)
    table = _SQLITE if code.startswith("SQLITE") else _POSTGRES
    for prefix, category in table:
        if code.startswith(prefix):
            return StorageProblem(category, code)
    if isinstance(error, (OSError, PoolTimeout)) or getattr(error, "connection_invalidated", False):
        return StorageProblem("unavailable", code)
    # Our defect: whoever mends it needs the place, and gets no more than that.
    place = _our_place(error)
    log.error("database_defect", error=code, file=place[0], line=place[1])
    return StorageProblem("internal", code)


def _our_place(error: BaseException) -> tuple[str, int]:
    """File and line of the last of our own frames."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _PACKAGES & set(frame.filename.split(os.sep))]
    return (ours[-1].filename, ours[-1].lineno or 0) if ours else ("", 0)


def code_of(error: BaseException) -> str:
    """SQLite error name (`SQLITE_FULL`), five-character SQLSTATE, else the name of the exception class."""
    origin: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    name = getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None)
    return name if isinstance(name, str) else type(origin or error).__name__
