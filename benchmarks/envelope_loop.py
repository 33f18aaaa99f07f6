"""ENV-20: how long other tasks of the event loop wait while 50 MB are sealed and opened beside them.

A task that wants to run every millisecond notes how late it was; the work is done in a thread, as the node
does it. The same thread without work is measured too: on a busy machine that alone is not nothing.
"""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress

from benchmarks.clock import p99
from benchmarks.envelope import parties
from benchmarks.report import Result

MB = 1_000_000
GOAL = 20.0


def run(*, size: int = 50 * MB, rounds: int = 3) -> list[Result]:
    """The longest stall in milliseconds of each round, the middle one told, beside that of an idle thread."""
    held = parties(int(time.time()))
    content = os.urandom(size)
    sealed = held.seal(content)
    works: dict[str, Callable[[], object]] = {
        "idle": lambda: time.sleep(0.5),
        "seal": lambda: held.seal(content),
        "open": lambda: held.open(sealed.envelope),
    }
    found = {name: [asyncio.run(_late(work)) for _ in range(rounds)] for name, work in works.items()}
    idle = _middle(found.pop("idle"))[0]
    return [_line(name, size, *_middle(times), idle) for name, times in found.items()]


async def _late(work: Callable[[], object]) -> tuple[float, float]:
    """Longest and 99th percentile of the delays while `work` ran in a thread, in milliseconds."""
    delays: list[float] = []

    async def tick() -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(0.001)
            delays.append((time.perf_counter() - start) * 1000 - 1)

    ticking = asyncio.create_task(tick())
    await asyncio.to_thread(work)
    ticking.cancel()
    with suppress(asyncio.CancelledError):
        await ticking
    # Work that ends before the first tick kept nobody waiting.
    return max(delays, default=0.0), p99(delays or [0.0])


def _middle(times: list[tuple[float, float]]) -> tuple[float, float]:
    return sorted(times)[len(times) // 2]


def _line(what: str, size: int, longest: float, most: float, idle: float) -> Result:
    figure = f"longest {longest:.1f} ms, p99 {most:.1f} ms, idle thread {idle:.1f} ms, goal {GOAL:.0f} ms"
    return Result(f"ENV-20 stall, {what} {size / MB:g} MB", figure, None, longest <= GOAL)
