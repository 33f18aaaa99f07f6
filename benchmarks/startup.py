"""Start of the command line: wall time of `carepact --help` in a new process, against a bare interpreter."""

import subprocess
import sys
from pathlib import Path

from benchmarks.clock import ms_of, p50
from benchmarks.report import Result

GOAL_MS = 500


def run(*, rounds: int = 10) -> list[Result]:
    """Median of `rounds`, each beside `python -c pass`."""
    ours, bare = [], []
    for _ in range(rounds):
        bare.append(ms_of(lambda: _start("-c", "pass")))
        ours.append(ms_of(lambda: _start("-m", "gateway", "--help")))
    took = p50(ours)
    figure = f"{took:.0f} ms, a bare interpreter {p50(bare):.0f} ms, goal {GOAL_MS} ms"
    return [Result("start of carepact --help", figure, took / p50(bare), took <= GOAL_MS)]


def _start(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, cwd=Path(__file__).parents[1]
    )
