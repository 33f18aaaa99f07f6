"""The table of threats against the envelope names tests that exist, and leaves no threat out."""

import csv
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_threat_of_the_envelope_has_tests_that_exist() -> None:
    """ENV-01 to ENV-22, each once, each with tests that somebody can run."""
    with (ROOT / "docs" / "assurance" / "envelope.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [f"ENV-{number:02}" for number in range(1, 23)]
    text = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    known = set(re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE))
    missing = {row["id"]: [name for name in row["tests"].split() if name not in known] for row in rows}
    assert not {id: names for id, names in missing.items() if names}
    assert all(row["tests"].split() for row in rows)
