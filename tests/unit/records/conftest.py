"""One room over every storage: in memory, on SQLite, on PostgreSQL. A test writes and reads through `run`."""

import random

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.records.memory import memory_room
from gateway.records.room import Secrets
from gateway.records.sql import sql_room


class TestWrapper:
    """A KEK that lives as long as the test: AES-256-GCM, nonce in front."""

    __test__ = False

    def __init__(self, entropy):
        self._cipher = AESGCM(entropy(32))
        self._entropy = entropy

    def wrap(self, plain, aad):
        nonce = self._entropy(12)
        return nonce + self._cipher.encrypt(nonce, plain, aad)

    def unwrap(self, wrapped, aad):
        return self._cipher.decrypt(wrapped[:12], wrapped[12:], aad)


@pytest.fixture
def secrets():
    entropy = random.Random(11).randbytes
    return Secrets(TestWrapper(entropy), entropy, entropy(32), allow_test_patients=True)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def run(request, tmp_path, secrets):
    """`await run(fn)`: `fn(room)` in one unit of work."""
    if request.param == "memory":
        room = memory_room(secrets)

        async def call(fn):
            return fn(room)

        yield call
        return
    from gateway.db.engine import open_database
    from gateway.records.tables import metadata

    url = f"sqlite:///{tmp_path / 'r.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("new_postgres_url")
    database = await open_database(url)
    await database.write(metadata.create_all)

    async def unit(fn):
        return await database.write(lambda connection: fn(sql_room(connection, secrets)))

    unit.database = database
    yield unit
    await database.close()
