"""Recompute everything that the ledger says of itself, and name the first entry that does not hold.

In index order, so that the first finding is the first bad entry: 1. no leaf is missing; its bytes hash to
what is stored and are a leaf of this node, and the columns beside it say the same. 2. Every subtree that it
completes. 3. The checkpoint of that size: signature, origin, root. 4. The detail: sealed under the person it
names, and hashing to `det`. 5. The person's chain: `tag` and `prev`. At the end: the head, lost tails,
rows that belong to nothing, and where each person's chain should end.

| `what` | means |
|---|---|
| `missing` | a leaf is not there, or fewer leaves than were signed or counted |
| `leaf`, `columns`, `node` | bytes against hash; columns against bytes; a subtree |
| `checkpoint`, `fork` | a signature that does not hold (exit 6); a signed root that is not the tree's |
| `detail` | gone, moved or altered, and not by an erasure |
| `chain` | a person's leaf is missing, swapped or re-ordered |
| `head`, `surplus` | the head row; rows that no leaf accounts for |

An erased person's leaves still prove; what can no longer be opened is counted, not judged.

With `since` all of it begins at a checkpoint of ours from before that instant (`since.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Row, func, select

from gateway.audit import ledger, origins
from gateway.audit.interface import Finding, Head, LedgerBroken, PersonVault, Report
from gateway.audit.since import chain_before, trusted_start
from gateway.audit.sql import (
    ledger_checkpoint,
    ledger_detail,
    ledger_head,
    ledger_leaf,
    patient_chain,
)
from gateway.audit.stored import between, nodes_between, rows_after
from gateway.records.interface import KeyErased, SealBroken
from keys.errors import ProofRefused
from keys.leaf import Leaf, detail_digest, leaf_from_bytes, leaf_prev, leaf_tag
from keys.ledger import Frontier, append, leaf_hash, root
from keys.note import NoteKey

BATCH = 2048


class _Bad(Exception):
    def __init__(self, index: int, what: str, *, signature: bool = False) -> None:
        super().__init__(what)
        self.finding = Finding(index, what, signature)


@dataclass(slots=True)
class _Run:
    """What has held so far."""

    connection: Connection
    me: str
    origins: Sequence[tuple[int, str]]
    keys: Sequence[NoteKey]
    vault: PersonVault
    start: int = 0
    """Leaves that are trusted, not looked at."""
    head: Row[tuple[object, ...]] | None = None
    """The head row as it was at the start; what is appended meanwhile is left to the next run."""
    frontier: Frontier = field(default_factory=Frontier)
    chains: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    erased_persons: set[str] = field(default_factory=set)
    checkpoints: int = 0
    details: int = 0
    erased: int = 0
    nodes: int = 0


def verify(
    connection: Connection,
    *,
    me: str,
    keys: Sequence[NoteKey],
    vault: PersonVault,
    since: int | None = None,
) -> Report:
    """Check the log of node `me` in one read. `keys`: every key that ever signed its checkpoints.

    `since`, POSIX seconds: only what came after the last checkpoint before it. Without one: everything.
    """
    run = _Run(connection, me, origins.sizes_of_origins(connection, me), keys, vault, head=_head(connection))
    finding: Finding | None = None
    try:
        size = run.head.size if run.head is not None else 0
        if since is not None:
            _begin(run, since, size)
        while run.frontier.size < size:
            _batch(run, min(run.frontier.size + BATCH, size))
        _check_end(run)
    except _Bad as bad:
        finding = bad.finding
    return Report(
        leaves=run.frontier.size - run.start,
        checkpoints=run.checkpoints,
        details=run.details,
        erased=run.erased,
        persons=len(run.chains),
        head=Head(run.frontier.size, root(run.frontier)),
        finding=finding,
        trusted=run.start,
    )


def _begin(run: _Run, since: int, size: int) -> None:
    found = trusted_start(run.connection, since, size, run.origins, run.keys)
    if isinstance(found, Finding):
        raise _Bad(found.index, found.what, signature=found.signature)
    run.frontier, run.start = found, found.size


def _head(connection: Connection) -> Row[tuple[object, ...]] | None:
    return connection.execute(select(ledger_head)).one_or_none()


def _batch(run: _Run, end: int) -> None:
    start = run.frontier.size
    leaves = between(run.connection, ledger_leaf, start, end)
    nodes = nodes_between(run.connection, start, end)
    details = {row.idx: row for row in between(run.connection, ledger_detail, start, end)}
    signed = ledger_checkpoint.c.size
    rows = run.connection.execute(select(ledger_checkpoint).where(signed > start, signed <= end))
    checkpoints = {row.size: row for row in rows}
    for row in leaves:
        index = run.frontier.size
        if row.idx != index:
            raise _Bad(index, "missing")
        leaf = _check_leaf(run, row)
        _check_nodes(run, row, nodes)
        if (checkpoint := checkpoints.get(index + 1)) is not None:
            _check_checkpoint(run, checkpoint)
        _check_detail(run, index, row.hash, leaf, details.get(index))
    if run.frontier.size < end:
        raise _Bad(run.frontier.size, "missing")


def _check_leaf(run: _Run, row: Row[tuple[object, ...]]) -> Leaf:
    """Step 1."""
    index = run.frontier.size
    if leaf_hash(row.bytes) != row.hash:
        raise _Bad(index, "leaf")
    try:
        leaf = leaf_from_bytes(row.bytes)
    except ProofRefused:
        raise _Bad(index, "leaf") from None
    if (leaf.kind, leaf.peer, leaf.md, leaf.me) != (row.kind, row.peer, row.md, run.me):
        raise _Bad(index, "columns")
    return leaf


def _check_nodes(run: _Run, row: Row[tuple[object, ...]], stored: dict[tuple[int, int], bytes]) -> None:
    """Step 2."""
    index = run.frontier.size
    run.frontier, made = append(run.frontier, row.hash)
    for node in made[1:]:
        if stored.get((node.level, node.index)) != node.hash:
            raise _Bad(index, "node")
    run.nodes += len(made) - 1


def _check_checkpoint(run: _Run, row: Row[tuple[object, ...]]) -> None:
    """Step 3. A finding names the last entry that the checkpoint covers; the first bad one is not later."""
    last = row.size - 1
    try:
        signed = origins.verified(row.note, run.origins, run.keys)
    except ProofRefused:
        raise _Bad(last, "checkpoint", signature=True) from None
    if (signed.size, signed.root) != (row.size, row.root) or signed.root != root(run.frontier):
        raise _Bad(last, "fork")
    run.checkpoints += 1


def _check_detail(
    run: _Run, index: int, hashed: bytes, leaf: Leaf, row: Row[tuple[object, ...]] | None
) -> None:
    """Steps 4 and 5."""
    if row is None or row.det != leaf.det:
        raise _Bad(index, "detail")
    if row.sealed is None:
        run.erased += 1
        return
    try:
        plain = run.vault.open(ledger.key_name(row.person, row.det), row.sealed, row.det)
    except KeyErased:
        run.erased += 1
        if row.person is not None:
            run.erased_persons.add(row.person)
        return
    except SealBroken:
        raise _Bad(index, "detail") from None
    if detail_digest(plain[:32], plain[32:]) != leaf.det:
        raise _Bad(index, "detail")
    run.details += 1
    if row.person is not None:
        _check_chain(run, index, hashed, leaf, row.person)


def _check_chain(run: _Run, index: int, hashed: bytes, leaf: Leaf, person: str) -> None:
    count, previous = run.chains.get(person) or chain_before(run.connection, person, run.start)
    n = count + 1
    k_tag = run.vault.tag_key(person)
    if (leaf.tag, leaf.prev) != (leaf_tag(k_tag, n), leaf_prev(k_tag, n, previous or None)):
        raise _Bad(index, "chain")
    run.chains[person] = (n, hashed)


def _check_end(run: _Run) -> None:
    """The head, the counts, and the end of each chain."""
    size = run.frontier.size
    try:
        row = run.head
        held = ledger.frontier_from_row(row.size, row.frontier) if row is not None else Frontier()
    except LedgerBroken:
        raise _Bad(size, "head") from None
    if held != run.frontier or (row is not None and row.root != root(run.frontier)):
        raise _Bad(size, "head")
    now = _head(run.connection)
    newest = run.connection.execute(select(func.max(ledger_checkpoint.c.size))).scalar_one() or 0
    if newest > (now.size if now is not None else 0):
        raise _Bad(size, "missing")
    if now == row:  # else it grows while we look, and only what was there at the start is judged
        _check_counts(run)
        _check_chain_ends(run)


def _check_counts(run: _Run) -> None:
    leaves = run.frontier.size - run.start
    found = rows_after(run.connection, run.start, run.frontier.size)
    if found != (leaves, leaves, run.nodes, run.checkpoints):
        raise _Bad(run.frontier.size, "surplus")


def _check_chain_ends(run: _Run) -> None:
    ends = dict(run.chains)
    for row in run.connection.execute(select(patient_chain).order_by(patient_chain.c.person)):
        if run.start and row.person not in ends:
            continue  # nothing of hers is in what was looked at
        if row.person not in run.erased_persons and ends.pop(row.person, None) != (row.n, row.hash):
            raise _Bad(run.frontier.size, "chain")
    if ends:
        raise _Bad(run.frontier.size, "chain")
