"""The revisions make exactly the tables that the code knows, on both databases."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from gateway.db.engine import open_database
from gateway.db.migrate import check, folder, schema, upgrade
from gateway.db.tables import METADATA
from gateway.errors import RefusedToStart


def within(url, fn, *, write=False):
    async def run():
        database = await open_database(url)
        try:
            return await (database.write if write else database.read)(fn)
        finally:
            await database.close()

    return asyncio.run(run())


def shape(connection):
    """Tables with columns, keys, uniques and indexes, as the database itself describes them."""
    found = inspect(connection)
    names = [name for name in found.get_table_names() if name != "alembic_version"]
    return {
        name: (
            [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in found.get_columns(name)],
            found.get_pk_constraint(name)["constrained_columns"],
            sorted(str(sorted(u["column_names"])) for u in found.get_unique_constraints(name)),
            sorted((i["name"], str(i["column_names"]), bool(i["unique"])) for i in found.get_indexes(name)),
            sorted(str(sorted(f["constrained_columns"])) for f in found.get_foreign_keys(name)),
        )
        for name in names
    }


def test_no_table_is_known_twice():
    """Rooms do not share a table name, and every table has a primary key."""
    names = [name for metadata in METADATA for name in metadata.tables]
    assert len(names) == len(set(names)) > 0
    assert all(table.primary_key for metadata in METADATA for table in metadata.tables.values())


def test_U_1_the_revisions_leave_no_drift(database_url):
    """U-1: after `upgrade` Alembic finds no difference between database and tables."""

    def differences(connection):
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return compare_metadata(context, list(METADATA))

    upgrade(database_url)
    assert within(database_url, differences) == []


def test_the_revisions_make_what_create_all_makes(database_url, tmp_path, request):
    """Column types, defaults, keys and indexes are those of the tables in code, sequences too."""
    upgrade(database_url)
    migrated = within(database_url, shape)

    def remake(connection):
        for metadata in METADATA:
            metadata.drop_all(connection)
            metadata.create_all(connection)

    within(database_url, remake, write=True)
    assert migrated == within(database_url, shape)


def test_upgrade_is_repeatable_and_check_knows(database_url):
    """An empty database is not ready and says what to do; an upgraded one is; upgrading again is nothing."""
    assert not schema(database_url).ready
    with pytest.raises(RefusedToStart, match="carepact db upgrade"):
        check(database_url)
    assert upgrade(database_url).ready
    assert upgrade(database_url).ready
    check(database_url)


def test_a_file_that_an_upgrade_makes_is_for_its_owner_only(tmp_path):
    """The database, whoever makes it first, is readable by nobody else."""
    upgrade(f"sqlite:///{tmp_path / 'node.db'}")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_database_of_a_newer_version_is_refused(database_url):
    """A revision that this version does not know refuses to start and to upgrade."""
    upgrade(database_url)
    within(
        database_url,
        lambda c: c.execute(text("UPDATE alembic_version SET version_num = 'future'")) and None,
        write=True,
    )
    with pytest.raises(RefusedToStart, match="newer"):
        check(database_url)
    with pytest.raises(RefusedToStart, match="newer"):
        upgrade(database_url)


def test_downgrade_takes_everything_back(database_url):
    """The first revision can be undone: no table of ours is left."""
    from alembic import command
    from gateway.db import migrate
    from gateway.db.engine import parse_url

    upgrade(database_url)
    migrate._on(parse_url(database_url), lambda c: command.downgrade(migrate._config(c), "base"))
    assert within(database_url, shape) == {}


def test_U_1_a_killed_upgrade_leaves_the_old_schema_or_the_new_one(database_url):
    """SIGKILL at some moment of the upgrade: nothing of it, or all of it; upgrading again completes."""
    program = (
        "import sys\nfrom gateway.db.migrate import upgrade\nprint('go', flush=True)\nupgrade(sys.argv[1])\n"
    )
    for delay in (0.05, 0.15, 0.3):
        child = subprocess.Popen(
            [sys.executable, "-c", program, database_url],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        time.sleep(0.1)
        tables = within(database_url, shape)
        assert bool(tables) == schema(database_url).ready
    assert upgrade(database_url).ready


def test_two_upgrades_at_once_wait_for_each_other(database_url):
    """Two workers that start together both find the schema ready, and neither fails."""
    program = "import sys\nfrom gateway.db.migrate import upgrade\nassert upgrade(sys.argv[1]).ready\n"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url],
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )
        for _ in range(3)
    ]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    assert schema(database_url).ready


def test_the_folder_of_revisions_never_shadows_the_library():
    """`alembic/` of the checkout is no package: `import alembic` finds the library."""
    import alembic

    assert not (folder() / "__init__.py").exists()
    assert "site-packages" in (alembic.__file__ or "")
