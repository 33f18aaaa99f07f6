import asyncio
import contextlib
import threading

import pytest
from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, insert, select, text, update

from gateway.db.engine import open_database
from gateway.db.unit_of_work import StorageProblem
from gateway.errors import RefusedToStart

pytestmark = pytest.mark.anyio

metadata = MetaData()
note = Table("note", metadata, Column("id", String(40), primary_key=True), Column("body", LargeBinary))
head = Table(
    "head", metadata, Column("id", Integer, primary_key=True), Column("size", Integer, nullable=False)
)


@pytest.fixture
async def notes(database):
    await database.write(metadata.create_all)
    return database


def put(id, body=b"x"):
    return lambda connection: connection.execute(insert(note).values(id=id, body=body)) and id


def ids(connection):
    return set(connection.execute(select(note.c.id)).scalars())


async def test_a_unit_is_there_when_write_returns(notes):
    """What a unit returned is given to its caller, and a reader sees its effect at once."""
    assert await notes.write(put("a")) == "a"
    assert await notes.read(ids) == {"a"}


async def test_a_unit_that_raises_is_rolled_back_alone(notes):
    """In one group the failing unit's caller gets its very exception, and the others are stored."""

    def broken(connection):
        put("broken")(connection)
        raise LookupError("mine")

    results = await asyncio.gather(
        *(notes.write(put(f"n{i}")) for i in range(20)),
        notes.write(broken),
        *(notes.write(put(f"m{i}")) for i in range(20)),
        return_exceptions=True,
    )
    assert [r for r in results if isinstance(r, Exception)] == [results[20]]
    assert isinstance(results[20], LookupError)
    assert await notes.read(ids) == {f"{c}{i}" for c in "nm" for i in range(20)}


async def test_writers_that_lock_what_they_read_lose_no_update(notes):
    """Fifty units that read the head row under its lock and write it back raise it by fifty."""
    await notes.write(lambda c: c.execute(insert(head).values(id=1, size=0)) and None)

    def append(connection):
        size = connection.execute(select(head.c.size).with_for_update()).scalar_one()
        connection.execute(update(head).values(size=size + 1))

    await asyncio.gather(*(notes.write(append) for _ in range(50)))
    assert await notes.read(lambda c: c.execute(select(head.c.size)).scalar_one()) == 50


async def test_a_lost_insert_race_is_run_again_and_finds_the_row(notes):
    """O-5: units that make a row unless it is there end with one row and no error."""

    def ensure(connection):
        if connection.execute(select(note.c.id).where(note.c.id == "one")).first() is None:
            put("one")(connection)

    await asyncio.gather(*(notes.write(ensure) for _ in range(20)))
    assert await notes.read(ids) == {"one"}


async def test_a_reading_unit_cannot_write(notes):
    """A unit given to `read` that writes is refused by the database itself."""
    with pytest.raises(StorageProblem):
        await notes.read(put("sneaky"))
    assert await notes.read(ids) == set()


async def test_a_database_error_says_nothing_of_the_values(notes):
    """A violated key becomes `conflict` with a code; neither text nor context quotes the key."""
    await notes.write(put("9990000018"))
    with pytest.raises(StorageProblem) as caught:
        await notes.write(put("9990000018"))
    assert caught.value.category.name == "conflict"
    assert "9990000018" not in repr(caught.value) + str(caught.value)
    assert caught.value.__context__ is None or "9990000018" not in str(caught.value.__context__)
    assert caught.value.__cause__ is None


async def test_wrong_sql_is_our_fault(notes):
    """A statement that the database does not understand is `internal`, not the caller's error."""
    with pytest.raises(StorageProblem) as caught:
        await notes.write(lambda c: c.execute(text("SELECT nothing FROM nowhere")))
    assert caught.value.category.name == "internal"


async def test_a_closed_database_answers_unavailable(database_url):
    """After `close` a write is refused, and closing twice is allowed."""
    opened = await open_database(database_url)
    await opened.close()
    await opened.close()
    if database_url.startswith("sqlite"):
        with pytest.raises(StorageProblem):
            await opened.write(ids)


class TestSQLite:
    @pytest.fixture
    async def opened(self, tmp_path):
        database = await open_database(f"sqlite:///{tmp_path / 'n.db'}")
        await database.write(metadata.create_all)
        yield database
        await database.close()

    async def test_waiting_units_share_one_commit(self, opened):
        """Units that wait while the writer is busy are committed together: one commit, many units."""
        from sqlalchemy import event

        commits = []
        event.listen(opened._writer_engine, "commit", lambda _: commits.append(1))
        gate = threading.Event()
        first = asyncio.create_task(opened.write(lambda _: gate.wait(10)))
        await asyncio.sleep(0.05)
        rest = [asyncio.create_task(opened.write(put(f"n{i}"))) for i in range(50)]
        await asyncio.sleep(0.05)
        gate.set()
        await asyncio.gather(first, *rest)
        assert len(commits) == 2

    async def test_D_5_a_full_disk_is_no_store_and_others_go_on(self, opened):
        """A unit too large for the file is `no_store`; a small one in the same group is stored; room heals."""
        pages = await opened.write(lambda c: c.execute(text("PRAGMA page_count")).scalar_one())
        await opened.write(lambda c: c.execute(text(f"PRAGMA max_page_count={pages + 20}")).scalar_one())
        big, small = await asyncio.gather(
            opened.write(put("big", b"x" * 400_000)), opened.write(put("small")), return_exceptions=True
        )
        assert isinstance(big, StorageProblem) and big.category.name == "no_store"
        assert small == "small" and await opened.read(ids) == {"small"}
        await opened.write(lambda c: c.execute(text("PRAGMA max_page_count=100000")).scalar_one())
        await opened.write(put("big", b"x" * 400_000))
        assert await opened.read(ids) == {"small", "big"}

    async def test_a_failed_commit_is_told_to_everybody_and_nothing_is_kept(self, opened):
        """D-4: when the commit itself fails no unit of the group returns, and none is found afterwards."""
        import sqlite3

        from sqlalchemy import event

        failing = [True]

        def fail(_):
            if failing and failing.pop():
                raise sqlite3.OperationalError("disk I/O error")

        event.listen(opened._writer_engine, "commit", fail)
        with pytest.raises(StorageProblem):
            await opened.write(put("lost"))
        assert await opened.write(put("next")) == "next"
        assert await opened.read(ids) == {"next"}

    async def test_the_file_is_for_its_owner_only(self, opened, tmp_path):
        """Database, WAL and index have mode 0600."""
        await opened.write(put("a"))
        assert {p.stat().st_mode & 0o777 for p in tmp_path.glob("n.db*")} == {0o600}

    async def test_a_cancelled_caller_stops_nobody_else(self, opened):
        """A caller that goes away while it waits leaves writer and database in order."""
        task = asyncio.create_task(opened.write(put("maybe")))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await opened.write(put("sure"))
        assert "sure" in await opened.read(ids)

    @pytest.mark.parametrize("level", ["OFF", "NORMAL", "1"])
    async def test_D_7_less_than_full_is_refused(self, tmp_path, level):
        """`synchronous` below FULL refuses to start, unless losing data was asked for by name."""
        url = f"sqlite:///{tmp_path / 'w.db'}?synchronous={level}"
        with pytest.raises(RefusedToStart):
            await open_database(url)
        if level != "1":
            await (await open_database(url, unsafe_durability=True)).close()

    @pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://u:secret@h/d", "nonsense"])
    async def test_a_place_that_keeps_nothing_is_refused_without_quoting_it(self, url):
        """Memory, other databases and nonsense refuse to start; a password in the URL is not repeated."""
        with pytest.raises(RefusedToStart) as caught:
            await open_database(url)
        assert "secret" not in str(caught.value)

    async def test_a_folder_that_is_not_there_is_a_problem(self, tmp_path):
        """A file that cannot be made is a `Problem`, never a traceback of the driver."""
        with pytest.raises(StorageProblem):
            await open_database(f"sqlite:///{tmp_path / 'no' / 'n.db'}")


@pytest.mark.postgres
class TestPostgreSQL:
    async def test_D_7_a_database_without_synchronous_commit_is_refused(self, new_postgres_url):
        """`synchronous_commit` off for the database refuses to start."""
        database = await open_database(new_postgres_url)
        name = new_postgres_url.partition("?")[0].rpartition("/")[2]
        await database.write(lambda c: c.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off")))
        await database.close()
        with pytest.raises(RefusedToStart):
            await open_database(new_postgres_url)
        await (await open_database(new_postgres_url, unsafe_durability=True)).close()

    async def test_D_7_a_server_without_fsync_is_refused(self, new_postgres_url):
        """`fsync` off in the running server refuses to start; on again, it starts."""
        import asyncpg

        admin = await asyncpg.connect(new_postgres_url)
        try:
            await admin.execute("ALTER SYSTEM SET fsync = off")
            await admin.execute("SELECT pg_reload_conf()")
            await asyncio.sleep(0.3)
            with pytest.raises(RefusedToStart):
                await open_database(new_postgres_url)
        finally:
            await admin.execute("ALTER SYSTEM RESET fsync")
            await admin.execute("SELECT pg_reload_conf()")
            await asyncio.sleep(0.3)
            await admin.close()
        await (await open_database(new_postgres_url)).close()

    async def test_a_server_that_is_not_there_refuses_in_one_line(self):
        """No answer is `RefusedToStart` with a next step, and no address or password in it."""
        with pytest.raises(RefusedToStart) as caught:
            await open_database("postgresql://u:secret@127.0.0.1:1/x")
        assert "secret" not in str(caught.value) and "\n" not in str(caught.value)
