"""One line of a result, the table of all lines, and the file that keeps them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"


@dataclass(frozen=True, slots=True)
class Result:
    """`goal`: which goal it is about, and what was measured. `figure`: the measured numbers in words.

    `ratio`: to what `figure` names; None where nothing was divided. `passed`: None where no goal is set.
    """

    goal: str
    figure: str
    ratio: float | None = None
    passed: bool | None = None

    def to_json(self) -> dict[str, Any]:
        ratio = None if self.ratio is None else round(self.ratio, 3)
        return {"goal": self.goal, "figure": self.figure, "ratio": ratio, "pass": self.passed}


def table(results: Sequence[Result]) -> str:
    """The lines as text, one under the other."""
    told = {True: "yes", False: "no", None: "-"}
    rows = [("goal", "ratio", "pass", "figure")]
    rows += [
        (one.goal, "-" if one.ratio is None else f"{one.ratio:.2f}", told[one.passed], one.figure)
        for one in results
    ]
    wide = [max(len(row[n]) for row in rows) for n in range(3)]
    return "\n".join(f"{a:<{wide[0]}}  {b:>{wide[1]}}  {c:<{wide[2]}}  {d}" for a, b, c, d in rows)


def write(results: Sequence[Result], path: Path = RESULTS) -> None:
    """Replace the file of the last run."""
    path.write_text(json.dumps([one.to_json() for one in results], indent=2) + "\n", "utf-8")
