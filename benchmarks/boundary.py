"""The boundary check (performance.md G3): its cost against parsing the same bytes, and what it catches."""

import json
import time
from collections.abc import Callable

from adapters import codec
from adapters.boundary import defects
from benchmarks.clock import p50
from benchmarks.planted import VALID, planted
from benchmarks.report import Result

MOST = 3.0
LEAST_CAUGHT = 0.8


def run(*, rounds: int = 200) -> list[Result]:
    """Median of `rounds` over all valid resources; the check runs on what the parser made of their bytes."""
    bodies = [codec.encode(resource) for resource in VALID.values()]
    decoded = [codec.decode(body) for body in bodies]
    for resource in decoded:
        defects(resource)
    strict, fast, check = [], [], []
    for _ in range(rounds):
        strict.append(_us(lambda: [codec.decode(body) for body in bodies]))
        fast.append(_us(lambda: [json.loads(body) for body in bodies]))
        check.append(_us(lambda: [defects(resource) for resource in decoded]))
    took, parsing, library = p50(check), p50(strict), p50(fast)
    ratio = took / parsing
    figure = (
        f"{took / len(bodies):.0f} us a resource; our strict parser {parsing / len(bodies):.0f} us, "
        f"json.loads {library / len(bodies):.0f} us ({took / library:.1f}x); at most {MOST:.0f}x"
    )
    plants = planted()
    caught = sum(1 for _, resource in plants if defects(resource))
    passed = sum(1 for resource in VALID.values() if not defects(resource))
    share = caught / len(plants)
    told = f"{caught} of {len(plants)} planted defects caught, {passed} of {len(VALID)} valid originals pass"
    fine = share >= LEAST_CAUGHT and passed == len(VALID)
    return [
        Result("G3 boundary check against parsing", figure, ratio, ratio <= MOST),
        Result("G3 planted defects", told, share, fine),
    ]


def _us(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e6
