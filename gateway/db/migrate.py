"""Brings a database to the schema of this version, and says whether it is there.

The revisions are in `alembic/` of a checkout and in `gateway/db/_alembic` of an installed wheel. A revision
is one transaction on both databases: a killed upgrade leaves the old schema or the new one.
Synchronous on purpose (Alembic is); from a running event loop call these in a thread.
"""

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import SQLAlchemyError

from alembic import command
from gateway.db.engine import make_private, parse_url, postgres_engine, sqlite_engine
from gateway.db.faults import problem_from
from gateway.errors import RefusedToStart

T = TypeVar("T")
_HERE = Path(__file__).resolve()
_UPGRADE_LOCK = 0x63617265  # any number, the same for every worker: two must not upgrade at once
_WAIT_MS = 60_000
"""A worker that finds another at the upgrade waits for all of it, not for a single write."""
_BEHIND = "the database is not at this version's schema: run `carepact db upgrade`"
_AHEAD = "the database was made by a newer version: run that version"


@dataclass(frozen=True, slots=True)
class Schema:
    """Revision of a database (None: empty) and the one that this version needs."""

    current: str | None
    head: str
    known: bool
    """Whether this version knows the database's revision at all."""

    @property
    def ready(self) -> bool:
        return self.current == self.head


def schema(url: str) -> Schema:
    """Revision of the database behind `url`."""
    script = ScriptDirectory.from_config(_config())
    head = script.get_current_head() or ""
    known = {revision.revision for revision in script.walk_revisions()}
    current = _on(parse_url(url), lambda c: MigrationContext.configure(c).get_current_revision())
    return Schema(current, head, current is None or current in known)


def check(url: str) -> None:
    """Raises `RefusedToStart` unless the database is at this version's schema."""
    found = schema(url)
    if not found.ready:
        raise RefusedToStart(_BEHIND if found.known else _AHEAD)


def upgrade(url: str) -> Schema:
    """Bring the database to this version's schema; nothing to do is fine. Two callers wait for each other."""
    if not schema(url).known:
        raise RefusedToStart(_AHEAD)

    def run(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _UPGRADE_LOCK})
        command.upgrade(_config(connection), "head")

    _on(parse_url(url), run)
    return schema(url)


def draft(url: str, message: str, revision: str) -> None:
    """For contributors: write the next revision: what `tables.py` has and the database has not."""

    def run(connection: Connection) -> None:
        command.revision(_config(connection), message, autogenerate=True, rev_id=revision)

    _on(parse_url(url), run)


def folder() -> Path:
    """Where the revisions are: packed into the wheel, else at the root of the checkout."""
    for place in (_HERE.parent / "_alembic", _HERE.parents[2] / "alembic"):
        if (place / "env.py").is_file():
            return place
    raise RefusedToStart("this installation lacks its migrations: install it again")


def _config(connection: Connection | None = None) -> Config:
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _on(place: URL, fn: Callable[[Connection], T]) -> T:
    problem: BaseException
    try:
        if place.get_backend_name() == "sqlite":
            return _on_sqlite(place, fn)
        return asyncio.run(_on_postgres(place, fn))
    except (SQLAlchemyError, OSError) as error:
        problem = problem_from(error)
    raise problem


def _on_sqlite(place: URL, fn: Callable[[Connection], T]) -> T:
    engine = sqlite_engine(place, busy_ms=_WAIT_MS)
    try:
        make_private(Path(str(place.database)))
        with engine.begin() as connection:
            return fn(connection)
    finally:
        engine.dispose()


async def _on_postgres(place: URL, fn: Callable[[Connection], T]) -> T:
    engine = postgres_engine(place)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(fn)
    finally:
        await engine.dispose()
