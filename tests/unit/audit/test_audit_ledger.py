"""The ledger's storage: what is appended is in the tree, and whatever is changed afterwards is found."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from gateway.audit import checkpoints, ledger, sql
from gateway.audit.interface import Entry, Finding, LedgerBroken
from gateway.errors import Exit
from gateway.records.interface import KeyErased
from keys.errors import ProofRefused
from keys.leaf import leaf_from_bytes
from keys.ledger import EMPTY_ROOT, leaf_hash, verify_consistency, verify_inclusion
from keys.note import Checkpoint, NoteKey, text_from_checkpoint, verify_checkpoint

NOW = 1_795_255_200
ORIGIN = "north.example/ledger"


def sign(log: Any, at: int = NOW) -> Any:
    """A checkpoint of the committed head."""
    return asyncio.run(checkpoints.checkpoint(log, origin=ORIGIN, sign=log.key.note, at=at))


def change(log: Any, statement: Any) -> None:
    with log.engine.begin() as connection:
        connection.execute(statement)


def test_an_empty_log_verifies_and_signs_nothing(log: Any) -> None:
    """Before the first leaf there is a root, no checkpoint and nothing to complain of."""
    report = log.verify()
    assert (report.exit, report.leaves, report.head.root) == (Exit.DONE, 0, EMPTY_ROOT)
    assert sign(log) is None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 21])
def test_every_leaf_is_provably_in_the_tree(log: Any, grow: Any, size: int) -> None:
    """Inclusion of each leaf and consistency with each earlier size, from stored nodes alone."""
    roots = [EMPTY_ROOT]
    for _ in range(size):
        grow(log, 1)
        with log.engine.connect() as connection:
            roots.append(ledger.head(connection).root)
    with log.engine.connect() as connection:
        for index in range(size):
            data = ledger.read_leaf(connection, index)
            proof = ledger.prove_inclusion(connection, index, size)
            verify_inclusion(index, size, leaf_hash(data or b""), proof, roots[size])
            consistency = ledger.prove_consistency(connection, index + 1, size)
            verify_consistency(index + 1, size, roots[index + 1], roots[size], consistency)
    assert log.verify().exit == Exit.DONE


def test_a_leaf_names_nobody(log: Any) -> None:
    """Neither the leaf nor any stored column holds the detail; the same person shows twice in nothing."""
    log.add("Patient/ana", detail={"actor": "canary"})
    log.add("Patient/ana", detail={"actor": "canary"})
    with log.engine.connect() as connection:
        rows = connection.execute(select(sql.ledger_leaf)).all()
        details = connection.execute(select(sql.ledger_detail)).all()
    first, second = (leaf_from_bytes(row.bytes) for row in rows)
    assert not {first.det, first.tag, first.prev} & {second.det, second.tag, second.prev}
    assert b"canary" not in b"".join(row.bytes for row in rows) + b"".join(row.sealed for row in details)
    assert b"ana" not in b"".join(row.bytes for row in rows)


def test_a_leaf_about_nobody_looks_like_any_other(log: Any) -> None:
    """No match still fills `tag` and `prev`, so a peer cannot tell it from a match."""
    log.add(None)
    with log.engine.connect() as connection:
        leaf = leaf_from_bytes(ledger.read_leaf(connection, 0) or b"")
    assert all(len(value) == 32 for value in (leaf.det, leaf.tag, leaf.prev, leaf.md, leaf.req))


def test_a_unit_that_fails_leaves_no_leaf(log: Any) -> None:
    """Leaf, detail, chain and head roll back with the exchange that they are about."""
    log.add()
    entry = Entry("deliver", NOW, "north.example/ward", b"m" * 32, b"r" * 32, "Patient/ana")

    def unit() -> None:
        with log.engine.begin() as connection:
            log.append(connection, entry)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        unit()
    log.add()
    report = log.verify()
    assert (report.exit, report.leaves) == (Exit.DONE, 2)


@pytest.mark.parametrize(
    "changes", [{"md": b""}, {"peer": ""}, {"req": b""}, {"kind": "gossip"}, {"md": b"short"}]
)
def test_a_leaf_that_must_not_exist_is_not_written(log: Any, changes: Any) -> None:
    """An exchange leaf has every member; a refused one changes nothing."""
    with pytest.raises(ProofRefused):
        log.add(**changes)
    assert log.verify().leaves == 0


def test_leaves_of_one_unit_follow_each_other(log: Any) -> None:
    """Several entries in one unit of work take consecutive places."""
    with log.engine.begin() as connection:
        entry = Entry("consent", NOW, person="Patient/ana", detail={"consent": "c1@1"})
        assert [log.append(connection, entry).index for _ in range(5)] == [0, 1, 2, 3, 4]
    assert log.verify().exit == Exit.DONE


def test_checkpoints_are_signed_notes_of_the_head(log: Any, grow: Any) -> None:
    """Each is verifiable with the public key; the same size is signed once."""
    grow(log, 3)
    first = sign(log)
    assert sign(log, NOW + 5) == first
    grow(log, 2)
    second = sign(log)
    keys = [NoteKey(ORIGIN, log.key.public)]
    assert [verify_checkpoint(c.note, ORIGIN, keys).size for c in (first, second)] == [3, 5]
    report = log.verify()
    assert (report.exit, report.checkpoints) == (Exit.DONE, 2)


def test_a_log_that_went_back_signs_nothing(log: Any, grow: Any) -> None:
    """A head older than the last checkpoint, or off its path, is never signed over."""
    grow(log, 4)
    sign(log)
    grow(log, 3)
    change(log, update(sql.ledger_checkpoint).values(root=b"x" * 32))
    with pytest.raises(LedgerBroken):
        sign(log)
    change(log, update(sql.ledger_checkpoint).values(size=9))
    with pytest.raises(LedgerBroken):
        sign(log)


def test_a_foreign_signature_is_exit_6(log: Any, grow: Any) -> None:
    """A checkpoint of another key, or with a flipped bit, is a bad signature and not a mere contradiction."""
    grow(log, 2)
    sign(log)
    report = log.verify(type(log.key)(9))
    assert (report.exit, report.finding) == (Exit.BAD_PROOF, Finding(1, "checkpoint", True))
    with log.engine.connect() as connection:
        note = connection.execute(select(sql.ledger_checkpoint.c.note)).scalar_one()
    change(log, update(sql.ledger_checkpoint).values(note=note[:-8] + b"AAAAAAA\n"))
    assert log.verify().exit == Exit.BAD_PROOF


def test_a_fork_is_exit_5(log: Any, grow: Any) -> None:
    """A signed root that is not the tree's, with the right key, is a contradiction."""
    grow(log, 2)
    note = log.key.note(text_from_checkpoint(Checkpoint(ORIGIN, 2, b"f" * 32)))
    with log.engine.begin() as connection:
        connection.execute(sql.ledger_checkpoint.insert().values(size=2, root=b"f" * 32, at=NOW, note=note))
    assert log.verify().finding == Finding(1, "fork")


def test_an_erased_person_breaks_no_proof(log: Any, grow: Any) -> None:
    """After erasure every leaf still proves, her details do not open and are counted, others do."""
    grow(log, 9)
    sign(log)
    log.vault().erase("Patient/ana")
    report = log.verify()
    assert (report.exit, report.leaves, report.details, report.erased) == (Exit.DONE, 9, 6, 3)
    with pytest.raises(KeyErased):
        log.add("Patient/ana")


def test_a_rewritten_history_is_found_at_the_checkpoint(log: Any, grow: Any) -> None:
    """Whoever rewrites leaves, nodes and head consistently still contradicts what was signed."""
    grow(log, 6)
    sign(log)
    with log.engine.begin() as connection:
        for table in (
            sql.ledger_leaf,
            sql.ledger_node,
            sql.ledger_head,
            sql.ledger_detail,
            sql.patient_chain,
        ):
            connection.execute(delete(table))
    grow(log, 6)
    assert log.verify().finding == Finding(5, "fork")


def test_a_cut_tail_is_found(log: Any, grow: Any) -> None:
    """Restoring an older state of every table but the checkpoints names the first missing leaf."""
    grow(log, 4)
    with log.engine.connect() as connection:
        head = connection.execute(select(sql.ledger_head)).one()
        nodes = connection.execute(select(sql.ledger_node)).all()
        chains = connection.execute(select(sql.patient_chain)).all()
    grow(log, 3)
    sign(log)
    with log.engine.begin() as connection:
        connection.execute(delete(sql.ledger_leaf).where(sql.ledger_leaf.c.idx >= 4))
        connection.execute(delete(sql.ledger_detail).where(sql.ledger_detail.c.idx >= 4))
        for table, rows in ((sql.ledger_node, nodes), (sql.patient_chain, chains), (sql.ledger_head, [head])):
            connection.execute(delete(table))
            connection.execute(table.insert(), [row._asdict() for row in rows])
    assert log.verify().finding == Finding(4, "missing")


def _rows(log: Any, table: Any) -> list[Any]:
    with log.engine.connect() as connection:
        return [row._asdict() for row in connection.execute(select(table))]


def _tamper(log: Any, table: Any, draw: Any) -> int | None:
    """One random edit, deletion or swap in one table; the leaf concerned, or None where nothing was changed."""
    rows = _rows(log, table)
    if not rows:
        return None
    row = draw(st.sampled_from(rows))
    keys = list(table.primary_key.columns)
    where = [column == row[column.name] for column in keys]
    how = draw(st.sampled_from(["flip", "delete", "swap"]))
    columns = [c.name for c in table.columns if isinstance(row[c.name], bytes) and row[c.name]]
    if how == "delete":
        change(log, delete(table).where(*where))
    elif how == "flip" and columns:
        name = draw(st.sampled_from(columns))
        data = bytearray(row[name])
        data[draw(st.integers(0, len(data) - 1))] ^= 1 << draw(st.integers(0, 7))
        change(log, update(table).where(*where).values({name: bytes(data)}))
    else:
        other = draw(st.sampled_from(rows))
        names = {column.name for column in keys} | ({"idx"} if table is sql.ledger_detail else set())
        mine = {k: v for k, v in row.items() if k not in names}
        theirs = {k: v for k, v in other.items() if k not in names}
        if mine == theirs:
            return None
        change(log, update(table).where(*where).values(theirs))
        change(log, update(table).where(*[column == other[column.name] for column in keys]).values(mine))
    return int(row.get("idx", 0)) if table in (sql.ledger_leaf, sql.ledger_detail) else -1


TABLES = (
    sql.ledger_leaf,
    sql.ledger_node,
    sql.ledger_head,
    sql.ledger_checkpoint,
    sql.ledger_detail,
    sql.patient_chain,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_LOG_02_any_edit_is_found_and_named(new_log: Any, data: Any) -> None:
    """Random histories, one random change in any table: never a clean report; an edited leaf is the one named.

    The one exception is a deleted checkpoint: nothing but a peer that saw it can miss it.
    """
    log = new_log(data.draw(st.integers(0, 2**32)))
    try:
        for _ in range(data.draw(st.integers(1, 12))):
            log.add(data.draw(st.sampled_from([None, "Patient/ana", "Patient/ben"])))
            if data.draw(st.booleans()):
                sign(log)
        assert log.verify().finding is None
        table = data.draw(st.sampled_from(TABLES))
        before = _rows(log, table)
        touched = _tamper(log, table, data.draw)
        after = _rows(log, table)
        if (
            touched is None
            or before == after
            or (table is sql.ledger_checkpoint and len(after) < len(before))
        ):
            return
        finding = log.verify().finding
        assert finding is not None
        if table is sql.ledger_leaf:
            assert finding.index <= touched
    finally:
        log.engine.dispose()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_LOG_03_no_value_repeats_between_leaves_of_one_person(new_log: Any, data: Any) -> None:
    """All digests of all leaves differ, so leaves are linked by nobody who lacks the person's key."""
    log = new_log(data.draw(st.integers(0, 2**32)))
    try:
        for _ in range(data.draw(st.integers(1, 10))):
            log.add(data.draw(st.sampled_from([None, "Patient/ana"])))
        leaves = [json.loads(row["bytes"]) for row in _rows(log, sql.ledger_leaf)]
        values = [leaf[name] for leaf in leaves for name in ("det", "tag", "prev")]
        assert len(set(values)) == len(values)
    finally:
        log.engine.dispose()
