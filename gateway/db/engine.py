"""Opens the node's database, and refuses one that would forget what it acknowledged (assurance.md D-7).

`sqlite:////absolute/path.db` or `postgresql://…`. No statement and no parameter is ever echoed.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.db.faults import problem_from
from gateway.db.postgres import PostgresDatabase
from gateway.db.sqlite import READERS, SQLiteDatabase
from gateway.db.unit_of_work import Database
from gateway.errors import RefusedToStart

BUSY_MS = 5_000
_DURABLE = {"FULL": 2, "EXTRA": 3}
_WEAK = {"OFF": 0, "NORMAL": 1}
_WEAK_SQLITE = "SQLite must run with synchronous=FULL: remove that option from database.url"
_NO_WAL = "SQLite could not switch to WAL here: put database.url on a local disk"
_MEMORY = "database.url names no file: give sqlite:////absolute/path.db"
_BAD_URL = "database.url is not readable: give sqlite:////absolute/path.db or postgresql://…"
_WEAK_POSTGRES = (
    "PostgreSQL must run with fsync, full_page_writes and synchronous_commit on: see its settings"
)
_UNREACHABLE = "the database of database.url does not answer: see that it runs"
_POOL = {"hide_parameters": True, "echo": False, "pool_pre_ping": True, "pool_size": 8, "max_overflow": 8}


async def open_database(url: str, *, unsafe_durability: bool = False) -> Database:
    """The database behind `url`. Raises `RefusedToStart` when it is not durable or not there.

    `unsafe_durability`: for `serve --unsafe-demo` only, where losing acknowledged data is agreed.
    """
    place = parse_url(url)
    if place.get_backend_name() == "sqlite":
        return _open_sqlite(place, unsafe_durability)
    return await _open_postgres(place, unsafe_durability)


def parse_url(url: str) -> URL:
    """A URL of one of the two databases, with its driver. Never quotes the text: it may hold a password."""
    try:
        place = make_url(url)
    except (ArgumentError, ValueError):
        raise RefusedToStart(_BAD_URL) from None
    backend = place.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise RefusedToStart(_BAD_URL)
    if backend == "sqlite" and place.database in (None, "", ":memory:"):
        raise RefusedToStart(_MEMORY)
    return place.set(drivername="sqlite+pysqlite" if backend == "sqlite" else "postgresql+asyncpg")


def sqlite_engine(
    place: URL, *, write: bool = True, unsafe_durability: bool = False, busy_ms: int = BUSY_MS
) -> Engine:
    """Engine over one file: WAL, synchronous=FULL, foreign keys, its own BEGIN (the driver's is too late).

    `busy_ms`: how long a writer waits for another process, in milliseconds.
    """
    level = str(place.query.get("synchronous", "FULL")).upper()
    allowed = _DURABLE | (_WEAK if unsafe_durability else {})
    if level not in allowed:
        raise RefusedToStart(_WEAK_SQLITE)
    engine = create_engine(
        place.set(query={}),
        hide_parameters=True,
        echo=False,
        pool_size=1 if write else READERS,
        max_overflow=0,
        connect_args={"timeout": busy_ms / 1000, "check_same_thread": False},
    )
    event.listen(engine, "connect", _connect(allowed[level], write, busy_ms))
    begin = "BEGIN IMMEDIATE" if write else "BEGIN"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def postgres_engine(place: URL, *, write: bool = True) -> AsyncEngine:
    """Engine over asyncpg. Readers are read-only sessions in AUTOCOMMIT: no round trips for BEGIN, COMMIT."""
    if write:
        return create_async_engine(place, isolation_level="READ COMMITTED", **_POOL)
    only = {"server_settings": {"default_transaction_read_only": "on"}}
    return create_async_engine(place, isolation_level="AUTOCOMMIT", connect_args=only, **_POOL)


def make_private(path: Path) -> None:
    """Make the file for its owner only, before SQLite does; WAL and index take over its mode."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _connect(level: int, write: bool, busy_ms: int) -> Callable[[Any, Any], None]:
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout={busy_ms}",
            f"synchronous={level}",
            "foreign_keys=ON",
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")
        if write:
            connection.execute("PRAGMA journal_mode=WAL")
        else:
            connection.execute("PRAGMA query_only=ON")

    return configure


def _open_sqlite(place: URL, unsafe_durability: bool) -> Database:
    path = Path(str(place.database))
    writer = sqlite_engine(place, unsafe_durability=unsafe_durability)
    problem: BaseException | None = None
    try:
        make_private(path)
        with writer.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
            level = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    except (OSError, SQLAlchemyError) as error:
        problem = problem_from(error)
    if problem is not None:
        writer.dispose()
        raise problem
    if not unsafe_durability and (mode != "wal" or level < _DURABLE["FULL"]):
        writer.dispose()
        raise RefusedToStart(_NO_WAL if mode != "wal" else _WEAK_SQLITE)
    return SQLiteDatabase(writer, sqlite_engine(place, write=False, unsafe_durability=unsafe_durability))


async def _open_postgres(place: URL, unsafe_durability: bool) -> Database:
    writer = postgres_engine(place)
    settings: list[str] | None = None
    try:
        async with writer.connect() as connection:
            settings = [
                str((await connection.execute(text(f"SHOW {name}"))).scalar_one())
                for name in ("fsync", "full_page_writes", "synchronous_commit")
            ]
    except (OSError, SQLAlchemyError):
        settings = None
    if settings is None or ("off" in settings and not unsafe_durability):
        await writer.dispose()
        raise RefusedToStart(_UNREACHABLE if settings is None else _WEAK_POSTGRES)
    return PostgresDatabase(writer, postgres_engine(place, write=False))
