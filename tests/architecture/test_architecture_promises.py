"""SECURITY.md names functions and tests; each of them must exist."""

import importlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def promise_rows():
    rows = [line.split("|") for line in (ROOT / "SECURITY.md").read_text("utf-8").splitlines()]
    return [row for row in rows if len(row) == 6 and re.match(r" P\d ", row[1])]


def test_every_promise_has_a_row():
    """Nine promises, each with somebody who holds it and something that tries it."""
    found = promise_rows()
    assert [row[1].split()[0] for row in found] == [f"P{n}" for n in range(1, 10)]
    assert all("`" in row[3] and "`" in row[4] for row in found)


def test_functions_that_hold_a_promise_exist():
    """`module:name` of the third column can be imported."""
    for row in promise_rows():
        for module, name in re.findall(r"`([a-z_.]+):([A-Za-z_.]+)`", row[3]):
            target = importlib.import_module(module)
            for part in name.split("."):
                target = getattr(target, part)


def test_tests_that_try_a_promise_exist():
    """Every test named in the fourth column is defined somewhere below tests/."""
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^ *(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    named = {name for row in promise_rows() for name in re.findall(r"`(test_\w+)`", row[4])}
    assert named and not named - defined
