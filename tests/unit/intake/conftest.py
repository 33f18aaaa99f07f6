"""An intake over a real database, once SQLite and once PostgreSQL, with the real digest."""

import random

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.interface import Source
from consent.digest import ResourceContext, digest
from consent.facts import facts_to_bytes
from gateway.db.engine import open_database
from gateway.intake.intake import Intake
from gateway.intake.tables import metadata as intake_tables
from gateway.records.room import Secrets
from gateway.records.sql import sql_room
from gateway.records.tables import metadata as records_tables


def facts(resource, *, custodian, patients):
    """The digest as the node wires it."""
    return facts_to_bytes(digest(resource, ResourceContext(custodian, patients=patients)))


class Wrapper:
    """A KEK that lives as long as the test."""

    def __init__(self, entropy):
        self._cipher, self._entropy = AESGCM(entropy(32)), entropy

    def wrap(self, plain, aad):
        nonce = self._entropy(12)
        return nonce + self._cipher.encrypt(nonce, plain, aad)

    def unwrap(self, wrapped, aad):
        return self._cipher.decrypt(wrapped[:12], wrapped[12:], aad)


class Ward:
    """The parts that a test looks at: `intake`, `database`, and `room(fn)` for a look inside."""

    def __init__(self, database, secrets):
        self.database = database
        self.secrets = secrets
        self.entropy = secrets.entropy
        self.intake = Intake(database, self.bind, facts, secrets.entropy)

    def bind(self, connection):
        return sql_room(connection, self.secrets)

    async def room(self, fn):
        return await self.database.write(lambda connection: fn(self.bind(connection)))

    async def refs(self, person, sources=None):
        return [r.ref for r in await self.room(lambda room: room.records.of_person(person, sources))]


@pytest.fixture
def secrets():
    entropy = random.Random(3).randbytes
    return Secrets(Wrapper(entropy), entropy, entropy(32), allow_test_patients=True)


@pytest.fixture
async def ward(database_url, secrets):
    database = await open_database(database_url)
    await database.write(records_tables.create_all)
    await database.write(intake_tables.create_all)
    yield Ward(database, secrets)
    await database.close()


@pytest.fixture
def feed():
    return Source(
        "adt",
        "hospital",
        "st-brides.example",
        b"k" * 32,
        zone="Europe/London",
        facility="RXX",
        authorities={"NHS": "https://fhir.nhs.uk/Id/nhs-number", "RXX": "https://st-brides.example/id/mrn"},
        identifier_order=("https://fhir.nhs.uk/Id/nhs-number",),
    )


@pytest.fixture
def practice():
    return Source("gp", "gp", "oak-surgery.example", b"k" * 32)
