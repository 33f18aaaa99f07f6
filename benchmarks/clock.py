"""Timing: milliseconds of single runs, and two things measured in turn so that noise meets both."""

import time
from collections.abc import Awaitable, Callable, Sequence
from statistics import median, quantiles


def ms_of(work: Callable[[], object]) -> float:
    """Wall time of one call, in milliseconds."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


async def ms_of_async(work: Callable[[], Awaitable[object]]) -> float:
    """Wall time of one awaited call, in milliseconds."""
    start = time.perf_counter()
    await work()
    return (time.perf_counter() - start) * 1000


async def in_turn(
    works: Sequence[Callable[[], Awaitable[object]]], rounds: int, *, warm: int = 2
) -> list[list[float]]:
    """Each work once a round, `rounds` times after `warm` rounds that do not count; milliseconds of each."""
    found: list[list[float]] = [[] for _ in works]
    for turn in range(-warm, rounds):
        for times, work in zip(found, works, strict=True):
            took = await ms_of_async(work)
            if turn >= 0:
                times.append(took)
    return found


def p50(times: Sequence[float]) -> float:
    return median(times)


def p99(times: Sequence[float]) -> float:
    """The slowest of fewer than a hundred."""
    return max(times) if len(times) < 100 else quantiles(times, n=100)[98]
