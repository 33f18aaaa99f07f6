"""G1: one local exchange of three sources, and its ratio to the splice floor of the same bytes.

An exchange here is the whole cycle of `gateway/exchange/cycle.py`: patient resolved, every resource decided
on, statement and receipts signed, receipts, exchange and ledger leaf committed (SQLite, synchronous=FULL),
answer assembled, manifest signed, sealed to the caller's key. HTTP and token are not in it (G2).
* stored: every source is a feed, nothing is pulled;
* sources asked: GP and specialist are asked over loopback HTTP and bring the same bytes as before.
Exchange and floor take turns in one process, so that noise meets both.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.clock import Times, in_turn, p50, p99
from benchmarks.floor import floor_of
from benchmarks.report import Result
from benchmarks.stage import Stage, reopened, staged

RECORDS = 60
ROUNDS = 120
MEMORY_ROUNDS = 20
GOAL = 2.0
_AT_ONCE = 10


def run(*, records: int = RECORDS, rounds: int = ROUNDS) -> list[Result]:
    """All figures of G1."""
    with tempfile.TemporaryDirectory(prefix="carepact-bench-") as folder:
        return asyncio.run(_run(Path(folder), records, rounds))


async def _run(folder: Path, records: int, rounds: int) -> list[Result]:
    home = folder / "sandbox"
    async with staged(home, records) as stage, floor_of(stage, folder) as floor:
        released, length = len(floor.leaving), await floor.run(opened=True)
        found = await in_turn(
            (
                lambda: floor.run(opened=True),
                lambda: stage.exchange(stage.stored),
                lambda: floor.run(opened=False),
                lambda: stage.exchange(stage.node),
            ),
            rounds,
        )
        many = await _at_once(stage, rounds)
    what = f"3 sources x {records} facts = {released} resources, {length // 1000} kB"
    return [*_results(*found, what=what), many, _memory(home, records)]


def _results(floor: Times, stored: Times, bare: Times, asked: Times, *, what: str) -> list[Result]:
    ratio = p50(stored.wall) / p50(floor.wall)
    return [
        Result(
            "G1 exchange, stored / floor",
            f"{_told(stored)}; floor {_told(floor)}; {what}; goal {GOAL}",
            ratio,
            ratio <= GOAL,
        ),
        Result(
            "G1 exchange, stored / floor, CPU",
            f"{p50(stored.cpu):.1f} ms of all threads, floor {p50(floor.cpu):.1f} ms",
            p50(stored.cpu) / p50(floor.cpu),
        ),
        Result(
            "G1 exchange, stored / floor without opening",
            f"floor p50 {p50(bare.wall):.1f} ms: what is sealed at rest is joined as it is",
            p50(stored.wall) / p50(bare.wall),
        ),
        Result(
            "G1 exchange, sources asked / floor",
            f"{_told(asked)}; the same bytes come again",
            p50(asked.wall) / p50(floor.wall),
        ),
    ]


async def _at_once(stage: Stage, rounds: int) -> Result:
    """Ten exchanges at once: what one costs when commits are shared and threads overlap."""
    node = stage.stored

    async def many() -> None:
        await asyncio.gather(*(stage.exchange(node) for _ in range(_AT_ONCE)))

    (times,) = await in_turn([many], max(1, rounds // 20), warm=1)
    each = p50(times.wall) / _AT_ONCE
    return Result("G1 exchange, stored, 10 at once", f"{each:.1f} ms each, {1000 / each:.0f} a second")


def _memory(home: Path, records: int) -> Result:
    """Peak of a fresh process that opens the same node and answers."""
    command = [sys.executable, "-m", "benchmarks.exchange", str(home), str(records)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    before, peak = json.loads(done.stdout)
    figure = f"{peak} MB, {before} MB before the first of {MEMORY_ROUNDS} exchanges"
    return Result("G1 exchange, peak memory", figure)


async def _measure_memory(home: Path, records: int) -> list[int]:
    async with reopened(home, records) as stage:
        before = _peak_megabytes()
        for _ in range(MEMORY_ROUNDS):
            await stage.exchange(stage.stored)
        return [before, _peak_megabytes()]


def _peak_megabytes() -> int:
    """VmHWM: the most that was ever resident."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    raise OSError("this system does not tell a process's peak memory")


def _told(times: Times) -> str:
    return f"p50 {p50(times.wall):.1f} p99 {p99(times.wall):.1f} best {min(times.wall):.1f} ms"


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure_memory(Path(sys.argv[1]), int(sys.argv[2])))))
