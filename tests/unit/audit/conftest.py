"""A node's ledger over a real SQLite file, with a real vault and a real log key."""

import itertools
import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Engine, create_engine, event

from gateway.audit import ledger, sql
from gateway.audit.interface import Appended, Entry, Report
from gateway.audit.verify import verify
from gateway.records.vault import Vault
from keys.note import NoteKey, sign_note

T = TypeVar("T")
ME = "north.example"
ORIGIN = "north.example/ledger"
PEER = "north.example/ward"
NOW = 1_795_255_200
PEOPLE = (None, "Patient/ana", "Patient/ben")


class Rows:
    """Wrapped keys in memory: the vault's own rows, kept beside the database under test."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes | None] = {}

    def get(self, names: Iterable[str]) -> Mapping[str, bytes | None]:
        return {name: self.keys[name] for name in names if name in self.keys}

    def add(self, name: str, wrapped: bytes) -> None:
        self.keys.setdefault(name, wrapped)

    def attach(self, name: str, person: str) -> None:
        raise NotImplementedError

    def erase(self, person: str) -> int:
        self.keys[person] = None
        return 1


class Wrapper:
    """A KEK in memory."""

    def __init__(self) -> None:
        self._key = AESGCM(bytes(32))

    def wrap(self, plain: bytes, aad: bytes) -> bytes:
        return self._key.encrypt(bytes(12), plain, aad)

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        return self._key.decrypt(bytes(12), wrapped, aad)


class LogKey:
    """One Ed25519 key that stands where the key store stands."""

    def __init__(self, seed: int) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.public = self.private.public_key().public_bytes_raw()

    def sign(self, kid: str, data: bytes) -> bytes:
        return self.private.sign(data)

    def note(self, text: bytes) -> bytes:
        return sign_note(text, ORIGIN, self, "log", self.public)  # type: ignore[arg-type]


@dataclass
class Log:
    """The ledger of one node. As a `Database` it commits one unit at a time."""

    engine: Engine
    entropy: Callable[[int], bytes] = os.urandom
    rows: Rows = field(default_factory=Rows)
    key: LogKey = field(default_factory=lambda: LogKey(1))

    def vault(self) -> Vault:
        return Vault(self.rows, Wrapper(), self.entropy)

    def append(self, connection: Connection, entry: Entry) -> Appended:
        return ledger.append(connection, entry, me=ME, vault=self.vault(), entropy=self.entropy)

    def add(self, person: str | None = "Patient/ana", **changes: Any) -> Appended:
        good: dict[str, Any] = {"kind": "deliver", "at": NOW, "peer": PEER, "md": b"m" * 32, "req": b"r" * 32}
        with self.engine.begin() as connection:
            return self.append(
                connection, Entry(person=person, **(good | {"detail": {"why": "TREAT"}} | changes))
            )

    def verify(self, *keys: LogKey) -> Report:
        known = [NoteKey(ORIGIN, key.public) for key in keys or (self.key,)]
        with self.engine.connect() as connection:
            return verify(connection, me=ME, keys=known, vault=self.vault())

    async def read(self, fn: Callable[[Connection], T]) -> T:
        with self.engine.connect() as connection:
            return fn(connection)

    async def write(self, fn: Callable[[Connection], T]) -> T:
        with self.engine.begin() as connection:
            return fn(connection)

    async def close(self) -> None:
        self.engine.dispose()


def memory_engine() -> Engine:
    engine = create_engine("sqlite://")

    @event.listens_for(engine, "connect")
    def _plain(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    sql.metadata.create_all(engine)
    return engine


@pytest.fixture
def log() -> Iterator[Log]:
    """An empty log."""
    log = Log(memory_engine())
    yield log
    log.engine.dispose()


@pytest.fixture
def new_log() -> Callable[[int], Log]:
    """Logs with seeded entropy, for tests that make many."""

    def make(seed: int) -> Log:
        return Log(memory_engine(), random.Random(seed).randbytes)

    return make


@pytest.fixture
def grow() -> Callable[[Log, int], None]:
    """Appends `n` leaves about nobody, Ana and Ben in turn."""

    def run(log: Log, n: int) -> None:
        for step, person in zip(range(n), itertools.cycle(PEOPLE), strict=False):
            log.add(person, at=NOW + step)

    return run
