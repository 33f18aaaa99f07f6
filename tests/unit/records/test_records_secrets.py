"""A node's secrets are made once; beside data that rests on them they are never made anew."""

import random
from datetime import UTC, datetime

import pytest

from adapters.identity import NHS_NUMBER
from adapters.interface import Identifier
from gateway.db.engine import open_database
from gateway.errors import RefusedToStart
from gateway.records.room import Secrets
from gateway.records.sql import require_secrets, sql_room
from gateway.records.tables import metadata
from keys.store.memory import EphemeralWrapper, MemorySecretStore

pytestmark = pytest.mark.anyio


async def test_a_lost_secret_beside_known_people_refuses_to_start(tmp_path):
    """A new database may get its first secrets; one that knows somebody may not get others."""
    entropy = random.Random(5).randbytes
    database = await open_database(f"sqlite:///{tmp_path / 'n.db'}")
    try:
        await database.write(metadata.create_all)
        await require_secrets(MemorySecretStore(entropy), database)
        kept = MemorySecretStore(entropy)
        kept.secret("id_key")
        secrets = Secrets(EphemeralWrapper(entropy), entropy, kept.secret("index_key"), True)
        number = Identifier(NHS_NUMBER, "9990000018")
        at = datetime(2026, 1, 1, tzinfo=UTC)
        await database.write(lambda c: sql_room(c, secrets).index.register(number, at=at))
        await require_secrets(kept, database)
        with pytest.raises(RefusedToStart, match="id_key is gone"):
            await require_secrets(MemorySecretStore(entropy), database)
    finally:
        await database.close()
