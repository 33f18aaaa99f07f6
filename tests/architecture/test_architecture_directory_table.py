"""The table of what shows what of the member list names tests that there are."""

import csv
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_row_of_the_directory_table_names_tests_that_exist():
    """DIR-01 to DIR-07, each with at least one test, and no name that nobody wrote."""
    rows = list(csv.DictReader((ROOT / "docs" / "assurance" / "directory.csv").open(encoding="utf-8")))
    assert [row["id"] for row in rows] == [f"DIR-0{n}" for n in range(1, 8)]
    files = [
        *(ROOT / "tests" / "unit").rglob("test_*.py"),
        *(ROOT / "tests" / "federation").rglob("test_*.py"),
    ]
    known = {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text("utf-8"))}
    named = {name for row in rows for name in row["tests"].split()}
    assert named <= known, named - known
    assert all(row["tests"].split() for row in rows)
