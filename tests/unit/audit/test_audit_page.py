"""The page about the ledger names tests and commands that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "ledger.md").read_text("utf-8")


def test_every_row_of_the_table_names_tests_that_exist() -> None:
    """LOG-01 to LOG-10, each with at least one test of this repository."""
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    rows = re.findall(r"^\| (LOG-\d\d) \| (.*) \|$", PAGE, re.M)
    assert [id for id, _ in rows] == [f"LOG-{n:02d}" for n in range(1, 11)]
    for _, named in rows:
        found = re.findall(r"`(test_\w+)`", named)
        assert found and all(f"def {name}(" in tests for name in found)


def test_every_command_of_the_page_exists() -> None:
    """What stands there can be typed."""
    from gateway.cli.audit import app

    commands = {one.name or one.callback.__name__ for one in app.registered_commands if one.callback}
    assert set(re.findall(r"carepact audit (\w+)", PAGE)) <= commands
