"""Leaves about exchanges with one member, with their inclusion proofs: a page of a reconciliation."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, Select, select

from gateway.audit import ledger
from gateway.audit.pairing import PAIRED, Shown
from gateway.audit.sql import ledger_leaf
from keys.errors import ProofRefused
from keys.leaf import leaf_from_bytes
from keys.ledger import ReadNode, inclusion_proof, leaf_hash, verify_inclusion
from keys.syntax import b64u, require_integer, require_list, require_members, unb64u

PAGE = 1000
_ENTRY = frozenset(("index", "leaf", "proof"))


@dataclass(frozen=True, slots=True)
class Page:
    """`next`: the index to go on from, None at the end."""

    entries: tuple[dict[str, object], ...]
    next: int | None


def leaves_with(connection: Connection, peer: str, *, since: int, until: int) -> tuple[Shown, ...]:
    """Our own leaves about exchanges with a member in a window (POSIX seconds, both ends in it)."""
    rows = connection.execute(_query(peer, 0))
    shown = (Shown(row.idx, leaf_from_bytes(row.bytes)) for row in rows)
    return tuple(one for one in shown if since <= one.leaf.at <= until)


def page(
    connection: Connection,
    peer: str,
    size: int,
    *,
    since: int,
    until: int,
    after: int,
    md: Collection[bytes] = (),
    limit: int = PAGE,
) -> Page:
    """Leaves from index `after` on, each with its proof in the tree of `size`; at most `limit`.

    `md`: instead of a window, those that name one of these digests, as theirs or as their question's.
    """
    read = _remembering(ledger.node_reader(connection))
    entries: list[dict[str, object]] = []
    for row in connection.execute(_query(peer, after)):
        if row.idx >= size:
            break
        leaf = leaf_from_bytes(row.bytes)
        if not ({leaf.md, leaf.req} & set(md) if md else since <= leaf.at <= until):
            continue
        if len(entries) == limit:
            return Page(tuple(entries), row.idx)
        proof = [b64u(one) for one in inclusion_proof(row.idx, size, read)]
        entries.append({"index": row.idx, "leaf": b64u(row.bytes), "proof": proof})
    return Page(tuple(entries), None)


def _query(peer: str, after: int) -> Select[tuple[int, bytes]]:
    leaf = ledger_leaf.c
    query = select(leaf.idx, leaf.bytes).where(leaf.peer == peer, leaf.kind.in_(PAIRED), leaf.idx >= after)
    return query.order_by(leaf.idx)


def _remembering(read: ReadNode) -> ReadNode:
    """Proofs of one page share most of their nodes."""
    known: dict[tuple[int, int], bytes] = {}

    def remembered(level: int, index: int) -> bytes:
        if (level, index) not in known:
            known[level, index] = read(level, index)
        return known[level, index]

    return remembered


@dataclass(frozen=True, slots=True)
class Told:
    """A leaf that a member showed: place and whether it is proven, bytes, proof."""

    shown: Shown
    data: bytes
    proof: tuple[bytes, ...]


def told_from_json(value: object, size: int, root: bytes) -> Told:
    """One entry of a page, judged under a checkpoint. `SyntaxRefused`, `ProofRefused`: not even a leaf."""
    held = require_members(value, _ENTRY)
    index, data = require_integer(held["index"]), unb64u(held["leaf"])
    proof = tuple(unb64u(one, 32) for one in require_list(held["proof"], 0, 64))
    leaf = leaf_from_bytes(data)
    try:
        verify_inclusion(index, size, leaf_hash(data), proof, root)
    except ProofRefused:
        return Told(Shown(index, leaf, proven=False), data, proof)
    return Told(Shown(index, leaf), data, proof)
