"""The ledger's figures (trust-and-ledger.md 16), as ratios within one run.

Appends in memory beside bare leaf hashes of the same bytes; an inclusion proof in a tree of many leaves, in
microseconds and hash operations; and the leaves of 64 exchanges at once beside one durable commit for each.
"""

import asyncio
import hashlib
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from benchmarks.report import Result
from gateway.audit import ledger as book
from gateway.audit.interface import Entry
from gateway.db import migrate
from gateway.db.engine import open_database
from gateway.records.room import Secrets
from gateway.records.sql import sql_room
from keys.leaf import Leaf, leaf_bytes
from keys.ledger import Frontier, append, inclusion_proof, leaf_hash, root, verify_inclusion
from keys.store.wrapper import create_kek_file, wrapper_from

LEAVES = 1 << 20
AT_ONCE = 64


def run(leaves: int = LEAVES, rounds: int = 20) -> list[Result]:
    """`leaves` in the tree; `rounds` of `AT_ONCE` exchanges."""
    data = leaf_bytes(Leaf(1, "answer", "a.example", "b.example", *(os.urandom(32) for _ in range(5))))
    nodes, appended, hashed = _grown(leaves, data)
    return [_appends(leaves, appended, hashed), *_proofs(leaves, nodes), asyncio.run(_commits(rounds))]


def _grown(leaves: int, data: bytes) -> tuple[dict[tuple[int, int], bytes], float, float]:
    """The tree's nodes; seconds of CPU of all appends, and of as many bare leaf hashes."""
    start = time.process_time()
    for _ in range(leaves):
        hashlib.sha256(b"\0" + data).digest()
    hashed = time.process_time() - start
    frontier = Frontier()
    start = time.process_time()
    for _ in range(leaves):
        frontier, made = append(frontier, leaf_hash(data))
    appended = time.process_time() - start
    nodes, again = {(-1, 0): root(frontier)}, Frontier()
    for _ in range(leaves):
        again, made = append(again, leaf_hash(data))
        nodes.update(((node.level, node.index), node.hash) for node in made)
    return nodes, appended, hashed


def _appends(leaves: int, appended: float, hashed: float) -> Result:
    rate, ratio = leaves / appended, appended / hashed
    figure = f"{rate:,.0f} appends a second in memory; to one bare leaf hash of the same bytes"
    return Result("G: append <= 10 leaf hashes, 100 000 a second", figure, ratio, ratio <= 10 and rate >= 1e5)


def _proofs(leaves: int, nodes: dict[tuple[int, int], bytes]) -> list[Result]:
    read = lambda level, index: nodes[level, index]  # noqa: E731
    places = [int.from_bytes(os.urandom(8)) % leaves for _ in range(2000)]
    proofs = [inclusion_proof(place, leaves, read) for place in places]
    start = time.process_time()
    for place, proof in zip(places, proofs, strict=True):
        verify_inclusion(place, leaves, nodes[0, place], proof, nodes[-1, 0])
    spent = (time.process_time() - start) / len(places) * 1e6
    hashes = max(len(proof) for proof in proofs) + 1
    return [
        Result("G: inclusion proof within 100 us", f"{spent:.1f} us to verify at {leaves:,} leaves", None,
               spent <= 100),
        Result("G: inclusion proof <= 64 hashes", f"{hashes} hash operations, the leaf's among them", None,
               hashes <= 64),
    ]  # fmt: skip


async def _commits(rounds: int) -> Result:
    """Exchanges a second of 64 at once, to one durable commit of one row after the other."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'node.db'}"
        await asyncio.to_thread(migrate.upgrade, url)
        create_kek_file(Path(folder) / "kek", os.urandom)
        secrets = Secrets(wrapper_from(f"file:{Path(folder) / 'kek'}"), os.urandom, os.urandom(32), False)
        database = await open_database(url)
        try:
            alone, together = 0.0, 0.0
            for _ in range(rounds):
                start = time.perf_counter()
                for _ in range(AT_ONCE):
                    await database.write(lambda c: _leaf(c, secrets))
                alone += time.perf_counter() - start
                start = time.perf_counter()
                await asyncio.gather(*(database.write(lambda c: _leaf(c, secrets)) for _ in range(AT_ONCE)))
                together += time.perf_counter() - start
        finally:
            await database.close()
    figure = (
        f"{AT_ONCE * rounds / together:,.0f} leaves a second, {AT_ONCE} at once; "
        f"{AT_ONCE * rounds / alone:,.0f} one after the other"
    )
    return Result(
        "G: 64 at once >= 10 times one fsync each", figure, alone / together, alone / together >= 10
    )


def _leaf(connection: Connection, secrets: Secrets) -> Any:
    vault = sql_room(connection, secrets).vault
    entry = Entry("deliver", 1, "a.example/ward", b"m" * 32, b"r" * 32, None, {"purpose": "TREAT"})
    return book.append(connection, entry, me="a.example", vault=vault, entropy=os.urandom)
