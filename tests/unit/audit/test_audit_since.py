"""`audit verify --since`: what came after a checkpoint is checked in full, what lies under it is trusted, and said so."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from gateway.audit import ledger, sql
from gateway.audit.checkpoints import newest, store, unsigned
from gateway.audit.interface import Finding, Report, SignedCheckpoint
from gateway.audit.verify import verify
from gateway.errors import Exit
from keys.leaf import leaf_bytes, leaf_from_bytes
from keys.ledger import leaf_hash
from keys.note import Checkpoint, NoteKey, text_from_checkpoint

NOW = 1_795_255_200
DAY = 86_400
ORIGIN = "north.example/ledger"
OLD, NEW = 9, 8
"""Leaves of three days ago, and of today."""
MIDDAY = NOW + 2 * DAY


def sign(log: Any, at: int) -> None:
    """Sign the head as of `at`."""
    with log.engine.begin() as connection:
        _, head = unsigned(connection)
        note = log.key.note(text_from_checkpoint(Checkpoint(ORIGIN, head.size, head.root)))
        store(connection, SignedCheckpoint(head.size, head.root, at, note))


def since(log: Any, at: int) -> Report:
    """The report from `at` on."""
    with log.engine.connect() as connection:
        keys = [NoteKey(ORIGIN, log.key.public)]
        return verify(connection, me="north.example", keys=keys, vault=log.vault(), since=at)


def change(log: Any, *statements: Any) -> None:
    """Change the database behind the node's back."""
    with log.engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def days(log: Any) -> Any:
    """Nine leaves and their checkpoint, three days later eight more and theirs; Ana and Ben are in both."""
    people = ("Patient/ana", "Patient/ben", None)
    for step in range(OLD):
        log.add(people[step % 3], at=NOW + step)
    sign(log, NOW + OLD)
    for step in range(NEW):
        log.add((*people, "Patient/cleo")[step % 4], at=NOW + 3 * DAY + step)
    sign(log, NOW + 3 * DAY + NEW)
    return log


def leaf(index: int) -> Any:
    """Other bytes in that leaf."""
    return update(sql.ledger_leaf).where(sql.ledger_leaf.c.idx == index).values(bytes=b"another leaf")


def test_only_what_came_after_is_looked_at(days: Any) -> None:
    """Eight leaves of seventeen are hashed, opened and followed; nine are trusted, by number."""
    report = since(days, MIDDAY)
    assert (report.exit, report.trusted, report.leaves, report.details) == (Exit.DONE, OLD, NEW, NEW)
    assert (report.checkpoints, report.persons, report.head.size) == (1, 3, OLD + NEW)
    assert report.head == days.verify().head and days.verify().trusted == 0


def test_an_edit_after_the_instant_is_found_and_named(days: Any) -> None:
    """Every leaf, detail, subtree, chain and checkpoint past the start is judged as by a full check."""
    for index in range(OLD, OLD + NEW):
        days_before = snapshot(days)
        change(days, leaf(index))
        assert since(days, MIDDAY).finding == Finding(index, "leaf") == days.verify().finding
        restore(days, days_before)
    assert since(days, MIDDAY).finding is None


def test_an_edit_before_the_instant_is_trusted_away(days: Any) -> None:
    """What lies under the checkpoint is not read: the full check names it, this one says how much it trusted."""
    for index in range(OLD - 1):
        before = snapshot(days)
        change(days, leaf(index))
        report = since(days, MIDDAY)
        assert (report.finding, report.trusted) == (None, OLD)
        assert days.verify().finding == Finding(index, "leaf")
        restore(days, before)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (update(sql.ledger_detail).where(sql.ledger_detail.c.idx == 12).values(sealed=bytes(64)), "detail"),
        (delete(sql.ledger_leaf).where(sql.ledger_leaf.c.idx == 12), "missing"),
        (update(sql.ledger_leaf).where(sql.ledger_leaf.c.idx == 12).values(kind="report"), "columns"),
        (update(sql.patient_chain).where(sql.patient_chain.c.person == "Patient/ana").values(n=99), "chain"),
        (update(sql.ledger_head).values(root=bytes(32)), "head"),
        (update(sql.ledger_node).where(sql.ledger_node.c.level == 4).values(hash=bytes(32)), "node"),
        (sql.ledger_node.insert().values(level=7, idx=0, hash=bytes(32)), "surplus"),
        (sql.ledger_node.insert().values(level=1, idx=99, hash=bytes(32)), "surplus"),
        (delete(sql.patient_chain).where(sql.patient_chain.c.person == "Patient/cleo"), "chain"),
        (delete(sql.ledger_detail).where(sql.ledger_detail.c.idx == 3), "chain"),
    ],
)  # fmt: skip
def test_each_kind_of_damage_past_the_start_is_found(days: Any, statement: Any, what: str) -> None:
    """Also a leaf of a person that is gone from before: her first one after it no longer fits."""
    change(days, statement)
    report = since(days, MIDDAY)
    assert report.finding is not None and report.finding.what == what and report.exit == Exit.CONFLICT


def test_the_time_beside_a_checkpoint_is_only_a_hint(days: Any) -> None:
    """Whoever dates a later checkpoint back hides nothing: its last leaf says when it was."""
    change(days, update(sql.ledger_checkpoint).values(at=NOW), leaf(12))
    report = since(days, MIDDAY)
    assert (report.finding, report.trusted) == (Finding(12, "leaf"), OLD)
    with days.engine.connect() as connection:
        last = newest(connection)
    assert last is not None and last.at == NOW


def test_a_leaf_that_is_dated_back_does_not_move_the_start(days: Any) -> None:
    """The leaf that says when a checkpoint was is held against the tree under it: both re-dated are found."""
    index = OLD + NEW - 1
    with days.engine.connect() as connection:
        real = leaf_from_bytes(ledger.read_leaf(connection, index) or b"")
    data = leaf_bytes(replace(real, at=NOW))
    change(days, update(sql.ledger_checkpoint).values(at=NOW), leaf(12))
    here = update(sql.ledger_leaf).where(sql.ledger_leaf.c.idx == index)
    for values, what in (({"bytes": data}, "leaf"), ({"bytes": data, "hash": leaf_hash(data)}, "fork")):
        change(days, here.values(**values))
        assert since(days, MIDDAY).finding == Finding(index, what)


def test_what_the_start_stands_on_is_proven(days: Any) -> None:
    """The signature over it, its root from the stored subtrees, and its last leaf: each is checked."""
    small = sql.ledger_checkpoint.c.size == OLD
    forged = update(sql.ledger_checkpoint).where(small).values(note=b"x")
    for statement, finding in (
        (forged, Finding(OLD - 1, "checkpoint", True)),
        (leaf(OLD - 1), Finding(OLD - 1, "leaf")),
        (delete(sql.ledger_leaf).where(sql.ledger_leaf.c.idx == OLD - 1), Finding(OLD - 1, "missing")),
        (delete(sql.ledger_node).where(sql.ledger_node.c.level == 3), Finding(OLD - 1, "node")),
        (update(sql.ledger_node).where(sql.ledger_node.c.level == 3).values(hash=bytes(32)),
         Finding(OLD - 1, "fork")),
    ):  # fmt: skip
        before = snapshot(days)
        change(days, statement)
        assert since(days, MIDDAY).finding == finding
        restore(days, before)


@pytest.mark.parametrize("at", [0, NOW, NOW + 1800])
def test_without_a_checkpoint_from_before_everything_is_checked(days: Any, at: int) -> None:
    """An instant before the first checkpoint, or within the hour of its leaves, means a full check."""
    change(days, leaf(0))
    report = since(days, at)
    assert (report.trusted, report.finding) == (0, Finding(0, "leaf"))


def test_an_instant_ahead_trusts_the_last_checkpoint(days: Any) -> None:
    """Nothing came after it: the head alone is held against it, and what was lost still shows."""
    report = since(days, NOW + 30 * DAY)
    assert (report.finding, report.trusted, report.leaves) == (None, OLD + NEW, 0)
    change(days, update(sql.ledger_head).values(size=OLD + NEW - 1))
    assert since(days, NOW + 30 * DAY).finding is not None


def test_an_erased_person_breaks_nothing(days: Any) -> None:
    """Her leaves past the start still prove and are counted; the chains of others go on."""
    days.vault().erase("Patient/ana")
    report = since(days, MIDDAY)
    assert (report.finding, report.erased, report.details) == (None, 2, NEW - 2)


TABLES = (sql.ledger_leaf, sql.ledger_node, sql.ledger_head, sql.ledger_checkpoint, sql.ledger_detail,
          sql.patient_chain)  # fmt: skip


def snapshot(log: Any) -> dict[Any, list[Any]]:
    """Every row of the ledger's tables."""
    with log.engine.connect() as connection:
        return {table: [row._asdict() for row in connection.execute(select(table))] for table in TABLES}


def restore(log: Any, rows: dict[Any, list[Any]]) -> None:
    """The rows as they were."""
    with log.engine.begin() as connection:
        for table, held in rows.items():
            connection.execute(delete(table))
            connection.execute(table.insert(), held)
