"""ENV-11: however many workers get one message at once, on either database, one effect comes of it."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import insert, select

from gateway.audit.replay import SQLReplay
from gateway.audit.sql import replay
from gateway.db.engine import open_database
from keys.envelope.replay import Conflict, Same, Unseen

pytestmark = pytest.mark.anyio
ISS, JTI, EXP = "a.example", "AAAAAAAAAAAAAAAAAAAAAA", 2_000_000_000


class Lost(Exception):
    """Another worker was first: the unit of work is undone."""


def handled(connection, md):
    """What an endpoint does in one transaction: the effect, and the replay record that spends the id."""
    effect = {"iss": ISS, "jti": f"effect-{md.hex()[:8]}", "md": md, "exp": EXP, "outcome": b"effect"}
    found = SQLReplay(connection).record(ISS, JTI, md, EXP, b"outcome")
    if not isinstance(found, Unseen):
        raise Lost(type(found).__name__)
    connection.execute(insert(replay).values(effect))


async def told(database, md):
    try:
        await database.write(lambda connection: handled(connection, md))
    except Lost as lost:
        return str(lost)
    return "Unseen"


async def test_fifty_at_once_at_two_workers_have_one_effect(database, database_url):
    """Two workers over one database, 25 copies each: one `Unseen`, 49 `Same`, one effect; the same after a restart."""
    other = await open_database(database_url)
    try:
        ends = await asyncio.gather(
            *(told(worker, b"m" * 32) for worker in (database, other) for _ in range(25))
        )
    finally:
        await other.close()
    assert Counter(ends) == {"Unseen": 1, "Same": 49}
    again = await open_database(database_url)
    try:
        assert await told(again, b"m" * 32) == "Same"
        seen = await again.read(lambda connection: SQLReplay(connection).seen(ISS, JTI, b"m" * 32))
        assert seen == Same(b"outcome")
        rows = await again.read(lambda c: c.execute(select(replay.c.jti)).scalars().all())
        assert len(rows) == 2
    finally:
        await again.close()


async def test_other_content_under_one_id_is_a_conflict_at_every_worker(database):
    """Fifty different messages under one id: one is taken, 49 are conflicts, and the first stays what it was."""
    ends = await asyncio.gather(*(told(database, bytes((n,)) * 32) for n in range(50)))
    assert Counter(ends) == {"Unseen": 1, "Conflict": 49}
    first = bytes((ends.index("Unseen"),)) * 32
    assert await database.read(lambda c: SQLReplay(c).seen(ISS, JTI, first)) == Same(b"outcome")
    assert await database.read(lambda c: SQLReplay(c).seen(ISS, JTI, b"z" * 32)) == Conflict()


async def test_a_clock_set_back_reopens_nothing(database):
    """What was purged stays refused below the watermark, whatever the clock says afterwards."""
    assert await told(database, b"m" * 32) == "Unseen"
    dropped = await database.write(lambda c: SQLReplay(c).purge(now=EXP + 60 + 86_400))
    assert dropped == 2
    assert await database.read(lambda c: SQLReplay(c).watermark()) == EXP
    assert await told(database, b"m" * 32) == "Conflict"
