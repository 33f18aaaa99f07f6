"""`carepact audit accessed` in its shapes: for the office, for a spreadsheet, as FHIR, for the patient."""

import csv
import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.cli.audit_patient import LANGUAGES, WORDS, sentences

SECRET = "9990000018"


def accessed(home: Any, *more: str) -> Any:
    return home("audit", "accessed", "--patient", home.grace, *more)


@pytest.fixture
def seen(admitted: Any, ask: Callable[[str], None]) -> Any:
    """Grace refused first; then she permitted all but diagnoses, and the peer's ward asked each time."""
    ask("ex-none")
    grant = (
        "consent",
        "grant",
        "--patient",
        admitted.grace,
        "--permit",
        "TREAT",
        "--except",
        "class:Condition",
    )
    assert admitted(*grant, "--id", "c-1", "--reason", "=form").code == 0
    ask("ex-part")
    return admitted


def test_she_is_told_in_sentences(seen: Any) -> None:
    """Who asked, for what, and whether all, part or none of it was shown; never why it was not."""
    said = accessed(seen, "--for-patient", "--json").rows
    asked = "dr-1 of east.example asked to see your record for your treatment."
    assert [row["said"] for row in said if "asked" in row["said"]] == [
        f"{asked} None of it was shown to them.",
        f"{asked} Part of it was shown to them, part was not.",
    ]
    assert any("A choice of yours was recorded" in row["said"] for row in said)
    plain = accessed(seen, "--for-patient", "--lang", "de").out
    assert "wollte Ihre Akte sehen, für: Ihre Behandlung" in plain
    assert "Ein Teil wurde gezeigt" in plain and SECRET not in plain


def test_csv_holds_the_rows_of_the_table(seen: Any) -> None:
    """One row an entry, with the reasons; what a spreadsheet would run as a formula is made text."""
    rows = list(csv.DictReader(io.StringIO(accessed(seen, "--format", "csv").out)))
    assert [row["kind"] for row in rows] == ["deliver", "consent", "deliver"]
    assert (rows[1]["reason"], rows[2]["withheld_for"]) == ("'=form", "consent-deny")
    assert SECRET not in str(rows)


def test_fhir_is_a_bundle_of_audit_events(seen: Any) -> None:
    """The same events that `audit events` gives, in one Bundle; nothing since tomorrow is an empty one."""
    events = seen("audit", "events", "--patient", seen.grace).rows
    bundle = accessed(seen, "--format", "fhir").json
    assert [one["resource"] for one in bundle["entry"]][: len(events)] == events
    assert "entry" not in accessed(seen, "--format", "fhir", "--since", "2099-01-01").json
    assert "nobody" in accessed(seen, "--for-patient", "--since", "2099-01-01").out


def test_every_shape_is_logged(seen: Any) -> None:
    """Whichever shape it was read in, the next reading shows it."""
    for shape in (("--format", "csv"), ("--format", "fhir"), ("--for-patient",)):
        assert accessed(seen, *shape).code == 0
    rows = accessed(seen, "--json").rows
    assert [row["kind"] for row in rows][-3:] == ["report"] * 3


@pytest.mark.parametrize(
    "wrong",
    [
        ("--format", "pdf"),
        ("--format", "csv", "--for-patient"),
        ("--format", "fhir", "--json"),
        ("--lang", "xx"),
    ],
)
def test_shapes_that_do_not_go_together(home: Any, wrong: tuple[str, ...]) -> None:
    """Exit 2 before anything is read."""
    assert accessed(home, *wrong).code == 2


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["deliver", "receive", "ask", "answer", "consent", "breakglass", "erase",
                                  "report", "reconcile"])  # fmt: skip
def test_every_kind_of_entry_has_its_sentence(kind: str, language: str) -> None:
    """Each kind of leaf reads as a sentence in each language, also one that no table names."""
    entry: Any = SimpleNamespace(kind=kind, peer="east.example", detail={})
    said = sentences(entry, "north.example", language)
    assert said.endswith(".") and "{" not in said
    assert set(WORDS[language]) == set(WORDS["en"])
