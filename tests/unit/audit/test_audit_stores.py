"""The same promises on the databases that a node runs on, SQLite and PostgreSQL, with units at once."""

import asyncio
import os
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection

from gateway.audit import checkpoints, disclosures, exchanges, ledger, receipts, sql
from gateway.audit.interface import Entry, Exchange
from gateway.audit.replay import SQLReplay
from gateway.audit.verify import verify
from gateway.errors import Exit
from gateway.records.room import Secrets
from gateway.records.sql import sql_room
from gateway.records.tables import metadata as records_metadata
from gateway.records.vault import Vault
from keys.envelope.replay import Same, Unseen
from keys.ledger import leaf_hash, verify_inclusion
from keys.note import NoteKey, sign_note, verify_checkpoint

NOW = 1_795_255_200
ME, ORIGIN = "north.example", "north.example/ledger"
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"L" * 32)
PUBLIC = PRIVATE.public_key().public_bytes_raw()
KEYS = [NoteKey(ORIGIN, PUBLIC)]


class Wrapper:
    """A KEK in memory."""

    def wrap(self, plain: bytes, aad: bytes) -> bytes:
        return AESGCM(bytes(32)).encrypt(bytes(12), plain, aad)

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        return AESGCM(bytes(32)).decrypt(bytes(12), wrapped, aad)


class LogKeys:
    """Stands where the key store stands."""

    def sign(self, kid: str, data: bytes) -> bytes:
        return PRIVATE.sign(data)


def sign(text: bytes) -> bytes:
    return sign_note(text, ORIGIN, LogKeys(), "log", PUBLIC)  # type: ignore[arg-type]


def vault(connection: Connection) -> Vault:
    return sql_room(connection, Secrets(Wrapper(), os.urandom, bytes(32))).vault


def append(connection: Connection, step: int) -> int:
    person = (None, "Patient/ana", "Patient/ben")[step % 3]
    entry = Entry("deliver", NOW + step, f"{ME}/ward", b"m" * 32, b"r" * 32, person, {"step": step})
    return ledger.append(connection, entry, me=ME, vault=vault(connection), entropy=os.urandom).index


@pytest.fixture
async def store(database: Any) -> Any:
    """An open database with the tables of the ledger and of the persons' keys."""
    await database.write(sql.metadata.create_all)
    await database.write(lambda c: records_metadata.create_all(c, checkfirst=True))
    return database


@pytest.mark.anyio
async def test_LOG_04_appends_at_once_take_turns(store: Any) -> None:
    """Forty units at once, three of which fail: each index once, one tree, chains whole, failures alone."""

    def unit(step: int) -> Any:
        def run(connection: Connection) -> int:
            index = append(connection, step)
            if step % 13 == 5:
                raise RuntimeError
            return index

        return run

    results = await asyncio.gather(*(store.write(unit(n)) for n in range(40)), return_exceptions=True)
    done = sorted(result for result in results if isinstance(result, int))
    assert done == list(range(37))
    assert [type(result) for result in results if not isinstance(result, int)] == [RuntimeError] * 3
    report = await store.read(lambda c: verify(c, me=ME, keys=KEYS, vault=vault(c)))
    assert (report.exit, report.leaves, report.persons, report.details) == (Exit.DONE, 37, 2, 37)


@pytest.mark.anyio
async def test_checkpoints_of_two_workers_are_one(store: Any) -> None:
    """Ten checkpoints at once over one head give one stored note; the next one extends it, and verifies."""
    for step in range(5):
        await store.write(lambda c, n=step: append(c, n))

    async def one() -> Any:
        return await checkpoints.checkpoint(store, origin=ORIGIN, sign=sign, at=NOW)

    made = await asyncio.gather(*(one() for _ in range(10)))
    assert len({item.note for item in made}) == 1
    await store.write(lambda c: append(c, 5))
    last = await one()
    assert verify_checkpoint(last.note, ORIGIN, KEYS).size == 6

    def prove(connection: Connection) -> None:
        data = ledger.read_leaf(connection, 2)
        verify_inclusion(2, 6, leaf_hash(data or b""), ledger.prove_inclusion(connection, 2, 6), last.root)

    await store.read(prove)
    report = await store.read(lambda c: verify(c, me=ME, keys=KEYS, vault=vault(c)))
    assert (report.exit, report.checkpoints, report.leaves) == (Exit.DONE, 2, 6)


@pytest.mark.anyio
async def test_verify_while_the_log_grows(store: Any) -> None:
    """A running node is not accused: what is appended during the check is left to the next one."""
    for step in range(30):
        await store.write(lambda c, n=step: append(c, n))
    looks = [store.read(lambda c: verify(c, me=ME, keys=KEYS, vault=vault(c))) for _ in range(3)]
    grown = [store.write(lambda c, n=n: append(c, n)) for n in range(30, 45)]
    results = await asyncio.gather(*looks, *grown)
    assert [report.exit for report in results[:3]] == [Exit.DONE] * 3


@pytest.mark.anyio
async def test_ENV_11_one_effect_on_both_databases(store: Any) -> None:
    """Twenty workers record one message: one `Unseen`, the others are handed its outcome."""
    work = [
        store.write(lambda c: SQLReplay(c).record("a.example", "j", bytes(32), NOW, b"once"))
        for _ in range(20)
    ]
    results = await asyncio.gather(*work)
    assert results.count(Unseen()) == 1
    assert results.count(Same(b"once")) == 19


@pytest.mark.anyio
async def test_receipts_and_exchanges_on_both_databases(store: Any) -> None:
    """What a release writes in one unit reads back: receipts, exchange, access report, purge."""
    data = [b'{"id":"d-%d"}' % n for n in range(3)]

    def release(connection: Connection) -> None:
        index = append(connection, 1)
        receipts.keep(connection, "x1", "Patient/ana", data, vault(connection))
        exchanges.record(
            connection, Exchange("x1", NOW, f"{ME}/ward", ME, "TREAT", "complete", "Patient/ana", leaf=index)
        )
        SQLReplay(connection).record("a.example", "j", bytes(32), 5)
        assert SQLReplay(connection).purge(now=NOW) == 1

    await store.write(release)

    def look(connection: Connection) -> None:
        kept = receipts.of_exchange(connection, "x1", vault(connection))
        assert [one.data for one in kept] == data
        found = exchanges.find(connection, "x")
        assert found is not None and found.leaf == 0
        assert [
            line.index for line in disclosures.accessed(connection, "Patient/ana", vault(connection))
        ] == [0]
        assert SQLReplay(connection).watermark() == 5
        assert receipts.find(connection, "d-2", vault(connection)) is not None

    await store.read(look)
