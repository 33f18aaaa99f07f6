"""What stands in the ledger's tables for a range of leaves: read in bulk, judged elsewhere."""

from collections.abc import Sequence

from sqlalchemy import Connection, Row, Table, func, or_, select

from gateway.audit.sql import ledger_checkpoint, ledger_detail, ledger_leaf, ledger_node


def between(connection: Connection, table: Table, start: int, end: int) -> Sequence[Row[tuple[object, ...]]]:
    """Rows of a table that is keyed by the leaf, start..end-1 in order."""
    query = select(table).where(table.c.idx >= start, table.c.idx < end).order_by(table.c.idx)
    return connection.execute(query).all()


def nodes_between(connection: Connection, start: int, end: int) -> dict[tuple[int, int], bytes]:
    """Stored subtrees that the leaves start..end-1 complete: per level one range of indexes."""
    found: dict[tuple[int, int], bytes] = {}
    for level in range(1, end.bit_length()):
        first, past = start >> level, end >> level
        at = ledger_node.c
        query = select(at.idx, at.hash).where(at.level == level, at.idx >= first, at.idx < past)
        found.update(((level, row.idx), row.hash) for row in connection.execute(query))
    return found


def rows_after(connection: Connection, start: int, size: int) -> tuple[int, int, int, int]:
    """How many leaves, details, subtrees and checkpoints there are past a tree of `start` leaves.

    Of subtrees those that a later leaf completed: of a level the ones from `start >> level` on. From 0 it is
    every row, also those that no leaf accounts for.
    """
    node, level = ledger_node.c, ledger_node.c.level
    levels = range(1, size.bit_length() + 1)
    past = or_(level > levels.stop - 1, level < 1, *((level == n) & (node.idx >= start >> n) for n in levels))
    wanted = {
        ledger_leaf: ledger_leaf.c.idx >= start,
        ledger_detail: ledger_detail.c.idx >= start,
        ledger_node: past,
        ledger_checkpoint: ledger_checkpoint.c.size > start,
    }
    found = []
    for table, later in wanted.items():
        query = select(func.count()).select_from(table)
        found.append(connection.execute(query.where(later) if start else query).scalar_one())
    leaves, details, nodes, checkpoints = found
    return leaves, details, nodes, checkpoints
