"""`python -m benchmarks`: every figure, one table, and `benchmarks/results.json`.

The figures are told, not judged: the command ends with 0 even where a goal is missed.
"""

import sys
import time
from collections.abc import Callable, Mapping

from benchmarks import (
    boundary,
    decisions,
    engine,
    envelope,
    envelope_large,
    envelope_loop,
    exchange,
    federated,
    ledger,
    normalise,
    startup,
)
from benchmarks.report import RESULTS, Result, table, write

ALL: Mapping[str, Callable[[], list[Result]]] = {
    "exchange": exchange.run,
    "decisions": decisions.run,
    "engine": engine.run,
    "envelope": envelope.run,
    "envelope_large": envelope_large.run,
    "envelope_loop": envelope_loop.run,
    "federated": federated.run,
    "ledger": ledger.run,
    "startup": startup.run,
    "boundary": boundary.run,
    "normalise": normalise.run,
}


def main(chosen: list[str]) -> int:
    """Run the named benchmarks, all of them without a name; a part of them replaces no file."""
    unknown = [name for name in chosen if name not in ALL]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    start = time.perf_counter()
    results: list[Result] = []
    for name, run in ALL.items():
        if not chosen or name in chosen:
            results += run()
    print(table(results))
    if not chosen:
        write(results)
        print(f"written to {RESULTS.name} after {time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
