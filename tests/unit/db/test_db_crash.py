"""P1: what was acknowledged is there after SIGKILL."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, select

from gateway.db.engine import open_database

pytestmark = [pytest.mark.anyio, pytest.mark.promise("P1")]

table = Table("crash", MetaData(), Column("id", Integer, primary_key=True))

CHILD = """
import asyncio, sys
from sqlalchemy import Column, Integer, MetaData, Table, insert
from gateway.db.engine import open_database
table = Table("crash", MetaData(), Column("id", Integer, primary_key=True))

async def main(url, start):
    database = await open_database(url)
    numbers = iter(range(start, start + 10_000_000))
    async def sender():
        for number in numbers:
            await database.write(lambda c: c.execute(insert(table).values(id=number)) and None)
            print(number, flush=True)
    await asyncio.gather(*(sender() for _ in range(16)))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def test_D_1_nothing_acknowledged_is_lost_by_sigkill(database_url):
    """A child that writes and prints what was acknowledged is killed at random moments, again and again.

    Every printed id is stored; what is stored and was not printed is at most what was in flight.
    """
    database = await open_database(database_url)
    await database.write(table.metadata.create_all)
    acknowledged: set[int] = set()
    for round_number in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, database_url, str(round_number * 10_000_000)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(random.uniform(0.05, 0.4))
        child.send_signal(signal.SIGKILL)
        printed = (first + child.stdout.read()).splitlines(keepends=True)
        child.wait()
        acknowledged |= {int(line) for line in printed if line.endswith(b"\n")}
    await database.close()
    time.sleep(0.2)
    database = await open_database(database_url)
    stored = set(await database.read(lambda c: list(c.execute(select(table.c.id)).scalars())))
    await database.close()
    assert len(acknowledged) > 50
    assert acknowledged - stored == set()
    assert len(stored - acknowledged) <= 3 * 16 * 2
