"""docs/files.md is true: its examples run, and its lists are those of the code."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.losses import REASONS
from consent import cases
from consent.case_file import try_cases
from consent.cases import read_fixtures
from consent.rows import COLUMNS
from gateway.cli.consent_rows import rows_from_file
from gateway.cli.envelope_files import seeds_from_file
from gateway.errors import Problem

PAGE = (Path(__file__).parents[3] / "docs" / "files.md").read_text("utf-8")


def _section(title: str) -> str:
    (found,) = re.findall(rf"^## {re.escape(title)}[^\n]*\n(.*?)(?=^## |\Z)", PAGE, re.S | re.M)
    return str(found)


def _block(section: str, kind: str) -> str:
    (found,) = re.findall(rf"```{kind}\n(.*?)```", section, re.S)
    return str(found)


def _first_cells(section: str) -> set[str]:
    """What stands in code type in the first column of the tables."""
    cells = re.findall(r"^\| (`[^|]*) \|", section, re.M)
    return {word for cell in cells for word in re.findall(r"`([a-z_]+)`", cell)}


def test_the_import_example_is_a_file_that_can_be_imported() -> None:
    """Every row of the example becomes a Consent."""
    rows = rows_from_file(
        _block(_section("Consents in bulk"), "csv").encode(),
        at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        zone="Europe/London",
    )
    assert [row.source_key for row in rows] == ["pas-1", "pas-2"]
    for row in rows:
        assert row.fault is None
        assert row.document is not None
        assert b'"Consent"' in row.document("c1", "Patient/p1", None)


def test_the_import_table_has_every_column() -> None:
    """A column that is taken is on the page, and none that is not."""
    assert _first_cells(_section("Consents in bulk")) == set(COLUMNS)


def test_the_decision_example_passes() -> None:
    """The fixtures load, and the case is decided as it says."""
    section = _section("Decision cases")
    fixtures = read_fixtures(_block(section, "json").encode())
    (tried,) = try_cases(_block(section, "csv"), fixtures)
    assert tried.error == ""
    assert tried.got == tried.want


def test_the_case_table_has_every_column() -> None:
    """A column that is needed is on the page, and none that is not."""
    assert _first_cells(_section("Decision cases")) == set(cases.COLUMNS)


def test_the_seeds_example_is_read_in_both_forms() -> None:
    """One seed alone, or by algorithm; the word SEED stands for 32 bytes."""
    data = _block(_section("Seeds"), "json").replace("SEED", "A" * 43).encode()
    assert len(seeds_from_file(data, "a.example")) == 3
    assert seeds_from_file(data, "b.example") == {"HPKE-9-KE": bytes(32)}


def test_every_word_of_the_loss_ledger_is_explained() -> None:
    """Words and reasons of the page are the closed list of the code, each under its word."""
    found: dict[str, set[str]] = {}
    word = ""
    for first, second in re.findall(r"^\| ([^|]*)\| ([^|]*)\|", _section("Words"), re.M):
        word = first.strip() or word
        found.setdefault(word, set()).update(re.findall(r"`([a-z0-9-]+)`", second))
    assert {name: found.get(name) for name in REASONS} == {name: set(v) for name, v in REASONS.items()}


def test_an_import_file_without_a_needed_column_is_told_which() -> None:
    """The refusal names the columns that are needed, with a verb and the page."""
    with pytest.raises(Problem) as refused:
        rows_from_file(
            b"patient_system,patient_id\nx,y\n", at=datetime(2026, 3, 1, tzinfo=UTC), zone="Europe/London"
        )
    assert refused.value.hint == "the columns effect, purposes are missing (docs/files.md)"
