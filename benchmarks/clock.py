"""Timing: milliseconds of single runs, and two things measured in turn so that noise meets both."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles


def ms_of(work: Callable[[], object]) -> float:
    """Wall time of one call, in milliseconds."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


@dataclass(slots=True)
class Times:
    """Milliseconds of each run: on the clock, and of this process on all its threads."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    async def add(self, work: Callable[[], Awaitable[object]]) -> None:
        """Run once more."""
        wall, cpu = time.perf_counter(), time.process_time()
        await work()
        self.cpu.append((time.process_time() - cpu) * 1000)
        self.wall.append((time.perf_counter() - wall) * 1000)


async def in_turn(
    works: Sequence[Callable[[], Awaitable[object]]], rounds: int, *, warm: int = 2
) -> list[Times]:
    """Each work once a round, `rounds` times after `warm` rounds that do not count."""
    for _ in range(warm):
        for work in works:
            await work()
    found = [Times() for _ in works]
    for _ in range(rounds):
        for times, work in zip(found, works, strict=True):
            await times.add(work)
    return found


def p50(times: Sequence[float]) -> float:
    return median(times)


def p99(times: Sequence[float]) -> float:
    """The slowest of fewer than a hundred."""
    return max(times) if len(times) < 100 else quantiles(times, n=100)[98]
