"""Receipts, exchanges, the access report and the replay store over a real database."""

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, select, update

from gateway.audit import disclosures, exchanges, receipts, sql
from gateway.audit.interface import Ambiguous, Exchange
from gateway.audit.replay import KEPT, SQLReplay
from gateway.records.interface import KeyErased, SealBroken
from keys.algorithms import public_from_seed, sign_raw
from keys.envelope.replay import Conflict, Same, Unseen
from keys.errors import StatementRefused
from keys.jwk import jwk_from_public, kid_from_jwk
from keys.jws import Signer

NOW = 1_795_255_200
SEEDS = {"Ed25519": b"e" * 32, "ML-DSA-65": b"m" * 32}
PUBLIC = {alg: public_from_seed(alg, seed) for alg, seed in SEEDS.items()}
SIGNERS = [
    Signer(
        alg, kid_from_jwk(jwk_from_public(alg, PUBLIC[alg])), lambda data, a=alg: sign_raw(a, SEEDS[a], data)
    )
    for alg in SEEDS
]


def a_receipt(id: str, effect: str = "permit") -> bytes:
    return json.dumps({"effect": effect, "id": id, "v": 1}, separators=(",", ":"), sort_keys=True).encode()


RECEIPTS = [a_receipt("d-1"), a_receipt("d-2", "deny"), a_receipt("d-30")]


def resolve(alg: str, kid: str) -> bytes | None:
    return PUBLIC.get(alg)


@pytest.fixture
def kept(log: Any) -> Any:
    """A log that holds the three receipts of exchange `x1`, about Ana."""
    with log.engine.begin() as connection:
        receipts.keep(connection, "x1", "Patient/ana", RECEIPTS, log.vault())
    return log


def test_receipts_come_back_byte_for_byte(kept: Any) -> None:
    """In order, by exchange; one by one, by id or a unique prefix."""
    with kept.engine.connect() as connection:
        assert [one.data for one in receipts.of_exchange(connection, "x1", kept.vault())] == RECEIPTS
        assert receipts.of_exchange(connection, "x2", kept.vault()) == ()
        found = receipts.find(connection, "d-3", kept.vault())
        assert found is not None and (found.id, found.n, found.data) == ("d-30", 2, RECEIPTS[2])
        assert receipts.find(connection, "%", kept.vault()) is None
        with pytest.raises(Ambiguous):
            receipts.find(connection, "d-", kept.vault())


def test_receipts_rest_sealed_and_are_erased_with_the_person(kept: Any) -> None:
    """No byte of a receipt is in its row; without the person's key it never opens again."""
    with kept.engine.connect() as connection:
        rows = connection.execute(select(sql.receipt)).all()
        assert all(b"effect" not in row.sealed for row in rows)
        kept.vault().erase("Patient/ana")
        with pytest.raises(KeyErased):
            receipts.of_exchange(connection, "x1", kept.vault())


def test_a_moved_receipt_does_not_open(kept: Any) -> None:
    """A sealed receipt under another number, or another person, is refused."""
    with kept.engine.begin() as connection:
        sealed = connection.execute(select(sql.receipt.c.sealed).where(sql.receipt.c.n == 1)).scalar_one()
        connection.execute(update(sql.receipt).where(sql.receipt.c.n == 0).values(sealed=sealed))
        with pytest.raises(SealBroken):
            receipts.of_exchange(connection, "x1", kept.vault())
        connection.execute(update(sql.receipt).where(sql.receipt.c.n == 2).values(person="Patient/ben"))
        with pytest.raises(SealBroken):
            receipts.find(connection, "d-30", kept.vault())


def test_the_decision_statement_proves_every_receipt_in_order() -> None:
    """Verified with public keys; any change of the receipts or of the statement is refused."""
    statement = receipts.decision_statement("x1", NOW, RECEIPTS, SIGNERS)
    decision = receipts.read_decision(statement, resolve)
    assert (decision.exchange, decision.at) == ("x1", NOW)
    receipts.require_receipts(decision, RECEIPTS)
    for wrong in (
        RECEIPTS[:2],
        RECEIPTS[::-1],
        [*RECEIPTS, RECEIPTS[0]],
        [RECEIPTS[0], a_receipt("d-2"), RECEIPTS[2]],
        [],
    ):
        with pytest.raises(StatementRefused):
            receipts.require_receipts(decision, wrong)
    for position in range(0, len(statement), 97):
        flipped = bytes([*statement[:position], statement[position] ^ 1, *statement[position + 1 :]])
        with pytest.raises(StatementRefused):
            receipts.read_decision(flipped, resolve)
    with pytest.raises(StatementRefused):
        receipts.read_decision(statement, lambda alg, kid: None)


def test_exchanges_of_one_second_are_listed_by_their_places_in_the_ledger(log: Any) -> None:
    """Newest first holds within a second too, whatever the ids; what has no leaf stands last."""
    made = [
        Exchange(id, NOW, "north.example/ward", "st-brides", "TREAT", "complete", None, None, None, leaf)
        for id, leaf in (("zz", 8), ("aa", 10), ("mm", 9), ("nn", None))
    ]
    with log.engine.begin() as connection:
        for one in made:
            exchanges.record(connection, one)
        assert [one.leaf for one in exchanges.list_exchanges(connection)] == [10, 9, 8, None]


def test_exchanges_are_listed_and_found_by_prefix(log: Any) -> None:
    """Newest first, by time, client, state and person; a prefix must be unique; everything is kept."""
    whole = Exchange(
        "6f1c-a", NOW, "north.example/ward", "st-brides", "TREAT", "complete", "Patient/ana", b"c", b"d", 7
    )
    other = Exchange("6f2c-b", NOW + 5, "north.example/ed", "st-brides", "BTG", "partial")
    with log.engine.begin() as connection:
        exchanges.record(connection, whole)
        exchanges.record(connection, other)
        assert exchanges.list_exchanges(connection) == (other, whole)
        assert exchanges.list_exchanges(connection, since=NOW + 1) == (other,)
        assert exchanges.list_exchanges(connection, client="north.example/ward") == (whole,)
        assert exchanges.list_exchanges(connection, state="partial") == (other,)
        assert exchanges.list_exchanges(connection, person="Patient/ana") == (whole,)
        assert exchanges.list_exchanges(connection, limit=1) == (other,)
        assert exchanges.find(connection, "6f1") == whole
        assert exchanges.find(connection, "6f1c-a") == whole
        assert exchanges.find(connection, "7") is None
        assert exchanges.find(connection, "_") is None
        with pytest.raises(Ambiguous):
            exchanges.find(connection, "6f")


def test_the_access_report_has_every_leaf_of_the_person(log: Any) -> None:
    """Her leaves with opened details, nobody else's, in order; an altered detail raises, never goes missing."""
    log.add("Patient/ana", at=NOW, detail={"organisation": "st-brides", "counts": {"Observation": 3}})
    log.add("Patient/ben", at=NOW + 1)
    log.add("Patient/ana", at=NOW + 2, kind="consent", peer="", detail={"consent": "c1@2"})
    with log.engine.begin() as connection:
        found = disclosures.accessed(connection, "Patient/ana", log.vault())
        assert [(line.index, line.kind) for line in found] == [(0, "deliver"), (2, "consent")]
        assert found[0].detail == {"organisation": "st-brides", "counts": {"Observation": 3}}
        assert [
            line.index for line in disclosures.accessed(connection, "Patient/ana", log.vault(), since=NOW + 1)
        ] == [2]
        assert disclosures.accessed(connection, "Patient/nobody", log.vault()) == ()
        connection.execute(
            update(sql.ledger_detail).where(sql.ledger_detail.c.idx == 0).values(sealed=b"x" * 80)
        )
        with pytest.raises(SealBroken):
            disclosures.accessed(connection, "Patient/ana", log.vault())


def test_replay_same_unseen_conflict(log: Any) -> None:
    """First `Unseen`, then the stored outcome, and another digest under the same id is a conflict."""
    md, other = hashlib.sha256(b"a").digest(), hashlib.sha256(b"b").digest()
    with log.engine.begin() as connection:
        store = SQLReplay(connection)
        assert store.seen("a.example", "j1", md) == Unseen()
        assert store.record("a.example", "j1", md, NOW + 60, b"answer") == Unseen()
        assert store.record("a.example", "j1", md, NOW + 60, b"second") == Same(b"answer")
        assert store.seen("a.example", "j1", md) == Same(b"answer")
        assert store.record("a.example", "j1", other, NOW + 60) == Conflict()
        assert store.seen("b.example", "j1", other) == Unseen()


def test_replay_watermark_outlives_the_purge(log: Any) -> None:
    """What was purged is never taken again, whatever the clock says; what is live is not purged."""
    md = bytes(32)
    with log.engine.begin() as connection:
        store = SQLReplay(connection)
        assert store.watermark() == 0
        store.record("a.example", "old", md, NOW)
        store.record("a.example", "new", md, NOW + 1)
        assert store.purge(now=NOW + KEPT - 1) == 0
        assert store.purge(now=NOW + KEPT) == 1
        assert store.watermark() == NOW
        assert store.record("a.example", "old", md, NOW) == Conflict()
        assert store.record("a.example", "other", md, NOW - 5) == Conflict()
        assert store.seen("a.example", "new", md) == Same(None)
        assert store.purge(now=NOW + KEPT) == 0


def test_ENV_11_fifty_at_once_have_one_effect(tmp_path: Path) -> None:
    """Fifty workers record one message at the same time: one is `Unseen`, the others get its outcome."""
    engine = create_engine(f"sqlite:///{tmp_path / 'replay.db'}", connect_args={"timeout": 60})

    @event.listens_for(engine, "connect")
    def _plain(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    sql.metadata.create_all(engine)
    results: list[Any] = []
    start = threading.Barrier(50)

    def work() -> None:
        start.wait()
        with engine.begin() as connection:
            results.append(SQLReplay(connection).record("a.example", "j", bytes(32), NOW, b"once"))

    threads = [threading.Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.dispose()
    assert results.count(Unseen()) == 1
    assert results.count(Same(b"once")) == 49
