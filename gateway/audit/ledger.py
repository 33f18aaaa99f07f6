"""Appending to the node's Merkle log inside the caller's unit of work, and proofs from stored nodes.

1. Lock the head row. 2. Seal the detail under the person's key, AAD = its digest `det`. 3. Take the person's
next counter; `tag` and `prev` follow from it. 4. Hash the leaf, complete the subtrees, write them and the
head. The caller commits, and only then signs or sends anything (trust-and-ledger.md 10).
"""

import json
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_once

from gateway.audit.interface import Appended, Entry, Head, LedgerBroken, PersonVault
from gateway.audit.sql import ledger_detail, ledger_head, ledger_leaf, ledger_node, patient_chain
from keys.interface import Entropy
from keys.leaf import EXCHANGE_KINDS, Leaf, detail_digest, leaf_bytes, leaf_prev, leaf_tag
from keys.ledger import (
    EMPTY_ROOT,
    HASH,
    Frontier,
    ReadNode,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
)
from keys.ledger import append as append_to_tree
from keys.syntax import b64u

_HEAD = 1

# Every release waits for these under the lock of the head: they are built once.
_LOCK_HEAD = select(ledger_head).where(ledger_head.c.id == _HEAD).with_for_update()
_SET_HEAD = (
    update(ledger_head)
    .where(ledger_head.c.id == _HEAD)
    .values(size=bindparam("size"), root=bindparam("root"), frontier=bindparam("frontier"))
)
_KEEP_LEAF, _KEEP_NODES, _KEEP_DETAIL = insert(ledger_leaf), insert(ledger_node), insert(ledger_detail)
_BEGIN_CHAIN = insert(patient_chain)
_OF_PERSON = patient_chain.c.person == bindparam("who")
_LOCK_CHAIN = select(patient_chain).where(_OF_PERSON).with_for_update()
_GROW_CHAIN = update(patient_chain).where(_OF_PERSON).values(n=bindparam("n"), hash=bindparam("hash"))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a leaf stands among the leaves of one person."""

    tag: bytes
    prev: bytes
    n: int = 0


def append(
    connection: Connection,
    entry: Entry,
    *,
    me: str,
    vault: PersonVault,
    entropy: Entropy,
    frontier: Frontier | None = None,
) -> Appended:
    """Log one entry; `me` is this node's address. Raises `ProofRefused` for a leaf that must not exist.

    `frontier`: what `lock_head` gave this unit of work, if nothing was logged since.
    """
    if frontier is None:
        frontier = lock_head(connection)
    blind = entropy(32)
    detail = bytes_from_detail(entry)
    det = detail_digest(blind, detail)
    place = _place(connection, entry, vault, entropy)
    data = leaf_bytes(
        Leaf(entry.at, entry.kind, me, entry.peer, det, place.tag, place.prev, entry.md, entry.req)
    )
    hashed = leaf_hash(data)
    sealed = vault.seal(key_name(entry.person, det), blind + detail, det)
    row = {"det": det, "idx": frontier.size, "person": entry.person, "sealed": sealed}
    connection.execute(_KEEP_DETAIL, row)
    _write(connection, entry, frontier, data, hashed)
    if entry.person is not None:
        _advance(connection, entry.person, place.n, hashed)
    return Appended(frontier.size, hashed, det, blind)


def bytes_from_detail(entry: Entry) -> bytes:
    """The detail as it is blinded, hashed and sealed: compact sorted JSON."""
    return json.dumps(entry.detail or {}, separators=(",", ":"), sort_keys=True).encode()


def key_name(person: str | None, det: bytes) -> str:
    """Under which key a detail is sealed: the person's, or one of its own."""
    return person if person is not None else f"detail/{b64u(det)}"


def lock_head(connection: Connection) -> Frontier:
    """Take this unit's turn: from here to its commit no other unit logs anything (PostgreSQL waits here).

    A release takes it before it rechecks consents and agreements, whose writes log too: so the order of
    commits decides between a withdrawal and a release.
    """
    row = connection.execute(_LOCK_HEAD).one_or_none()
    if row is None:
        first = {"id": _HEAD, "size": 0, "root": EMPTY_ROOT, "frontier": b""}
        connection.execute(insert_once(ledger_head).values(first).on_conflict_do_nothing())
        row = connection.execute(_LOCK_HEAD).one()
    return frontier_from_row(row.size, row.frontier)


def frontier_from_row(size: int, packed: bytes) -> Frontier:
    """The stored frontier: 32 bytes per complete subtree, largest first. Raises `LedgerBroken`."""
    try:
        hashes = tuple(packed[start : start + HASH] for start in range(0, len(packed), HASH))
        return Frontier(size, hashes)
    except ValueError:
        raise LedgerBroken from None


def _place(connection: Connection, entry: Entry, vault: PersonVault, entropy: Entropy) -> _Place:
    """`tag` and `prev`. Random where nobody was matched: a peer must not see that there was no match."""
    if entry.person is None:
        exchanged = entry.kind in EXCHANGE_KINDS
        return _Place(entropy(32), entropy(32)) if exchanged else _Place(b"", b"")
    row = connection.execute(_LOCK_CHAIN, {"who": entry.person}).one_or_none()
    n, previous = (1, None) if row is None else (row.n + 1, row.hash)
    k_tag = vault.tag_key(entry.person)
    return _Place(leaf_tag(k_tag, n), leaf_prev(k_tag, n, previous), n)


def _advance(connection: Connection, person: str, n: int, hashed: bytes) -> None:
    if n == 1:
        connection.execute(_BEGIN_CHAIN, {"person": person, "n": n, "hash": hashed})
    else:
        connection.execute(_GROW_CHAIN, {"who": person, "n": n, "hash": hashed})


def _write(connection: Connection, entry: Entry, frontier: Frontier, data: bytes, hashed: bytes) -> None:
    grown, nodes = append_to_tree(frontier, hashed)
    leaf = {"idx": frontier.size, "bytes": data, "hash": hashed}
    leaf |= {"kind": entry.kind, "peer": entry.peer, "md": entry.md}
    connection.execute(_KEEP_LEAF, leaf)
    subtrees = [{"level": node.level, "idx": node.index, "hash": node.hash} for node in nodes[1:]]
    if subtrees:
        connection.execute(_KEEP_NODES, subtrees)
    head = {"size": grown.size, "root": root(grown), "frontier": b"".join(grown.hashes)}
    connection.execute(_SET_HEAD, head)


def head(connection: Connection) -> Head:
    """The tree as this unit of work sees it; size 0 before the first leaf."""
    row = connection.execute(select(ledger_head).where(ledger_head.c.id == _HEAD)).one_or_none()
    return Head(0, EMPTY_ROOT) if row is None else Head(row.size, row.root)


def node_reader(connection: Connection) -> ReadNode:
    """Stored hashes for `keys.ledger`'s proofs. Raises `LedgerBroken` where one is missing."""

    def read(level: int, index: int) -> bytes:
        if level == 0:
            query = select(ledger_leaf.c.hash).where(ledger_leaf.c.idx == index)
        else:
            at = (ledger_node.c.level == level) & (ledger_node.c.idx == index)
            query = select(ledger_node.c.hash).where(at)
        found: bytes | None = connection.execute(query).scalar_one_or_none()
        if found is None:
            raise LedgerBroken
        return found

    return read


def read_leaf(connection: Connection, index: int) -> bytes | None:
    """The exact bytes of a leaf."""
    found: bytes | None = connection.execute(
        select(ledger_leaf.c.bytes).where(ledger_leaf.c.idx == index)
    ).scalar_one_or_none()
    return found


def prove_inclusion(connection: Connection, index: int, size: int) -> tuple[bytes, ...]:
    """RFC 6962 inclusion proof of a leaf in the tree of `size`; `ValueError` outside the tree."""
    return inclusion_proof(index, size, node_reader(connection))


def prove_consistency(connection: Connection, old: int, new: int) -> tuple[bytes, ...]:
    """RFC 6962 consistency proof between two sizes; `ValueError` unless `old <= new`."""
    return consistency_proof(old, new, node_reader(connection))
