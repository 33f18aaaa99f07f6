"""The hash tiles of our own log, from stored nodes (C2SP tlog-tiles)."""

from sqlalchemy import Connection, select

from gateway.audit import ledger
from gateway.audit.sql import ledger_leaf, ledger_node
from keys.tiles import HEIGHT, WIDTH, Tile, exists


def read_tile(connection: Connection, tile: Tile) -> bytes | None:
    """Its hashes in order; None where the tree is not that large."""
    if not exists(tile, ledger.head(connection).size):
        return None
    first = tile.index * WIDTH
    past = first + tile.width
    if tile.level == 0:
        leaf = ledger_leaf.c
        query = select(leaf.hash).where(leaf.idx >= first, leaf.idx < past).order_by(leaf.idx)
    else:
        node = ledger_node.c
        level = tile.level * HEIGHT
        place = (node.level == level) & (node.idx >= first) & (node.idx < past)
        query = select(node.hash).where(place).order_by(node.idx)
    hashes: list[bytes] = list(connection.execute(query).scalars())
    return b"".join(hashes) if len(hashes) == tile.width else None
