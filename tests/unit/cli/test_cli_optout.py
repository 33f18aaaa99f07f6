"""`carepact optout apply`: who objected, or never allowed what needs it, is not on the cleaned list."""

from typing import Any

import pytest

NHS = "https://fhir.nhs.uk/Id/nhs-number"


@pytest.fixture
def cohort(home: Any) -> Any:
    """Grace permits treatment alone; Ada permits research; a third nobody knows."""
    for who, purpose in ((home.grace, "TREAT"), (home.ada, "HRESCH")):
        said = home("consent", "grant", "--patient", who, "--permit", purpose, "--reason", "form")
        assert said.code == 0
    rows = [f"{home.grace},a", f"{home.ada},b", f"{NHS}|9990000034,c", "nothing,d"]
    (home.folder / "in.csv").write_text("\n".join(["identifier,note", *rows]) + "\n", "utf-8")
    return home


def apply(home: Any, *more: str) -> Any:
    paths = ("--in", str(home.folder / "in.csv"), "--out", str(home.folder / "out.csv"))
    return home("optout", "apply", *paths, "--purpose", "HRESCH", "--reason", "study 7", *more)


def test_only_who_permitted_it_stays_where_it_is_opt_in(cohort: Any) -> None:
    """Rows are kept whole; unknown people are left out and counted apart; nobody is named on the terminal."""
    said = apply(cohort, "--pack", "opt-out")
    assert (said.code, said.out) == (0, "4 listed: 1 kept, 1 removed, 2 unknown here\n")
    assert (cohort.folder / "out.csv").read_text("utf-8") == f"identifier,note\n{cohort.ada},b\n"


def test_the_law_decides_by_its_pack(cohort: Any) -> None:
    """Where research is opt-out, who said nothing stays, and who refused goes."""
    assert apply(cohort, "--pack", "uk", "--json").json["kept"] == 2
    refuse = ("--deny", "HRESCH", "--reason", "letter")
    assert cohort("consent", "grant", "--patient", cohort.grace, *refuse).code == 0
    assert apply(cohort, "--pack", "uk", "--json").json == {
        "listed": 4, "kept": 1, "removed": 1, "unknown": 2, "dry_run": False,
    }  # fmt: skip


def test_it_is_logged_and_a_dry_run_is_not(cohort: Any) -> None:
    """One leaf for a list; a dry run writes neither leaf nor file."""
    leaves = cohort("audit", "verify", "--json").json["leaves"]
    assert apply(cohort, "--dry-run").code == 0
    assert not (cohort.folder / "out.csv").exists()
    assert cohort("audit", "verify", "--json").json["leaves"] == leaves
    apply(cohort)
    assert cohort("audit", "verify", "--json").json["leaves"] == leaves + 1


@pytest.mark.parametrize("content", [b"mood\nx\n", b"identifier\na,b\n", b"\xff\xfe", b'identifier\n"x'])
def test_a_list_that_is_none_is_refused(cohort: Any, content: bytes) -> None:
    """No column that names people, a row of another width, no text, broken quoting."""
    (cohort.folder / "in.csv").write_bytes(content)
    assert apply(cohort).code == 2


def test_unknown_purposes_and_packs_are_refused(cohort: Any) -> None:
    """Nothing is cleaned by a rule that nobody knows."""
    assert apply(cohort, "--pack", "atlantis").code == 2
    paths = ("--in", str(cohort.folder / "in.csv"), "--out", str(cohort.folder / "out.csv"))
    assert cohort("optout", "apply", *paths, "--purpose", "LUNCH", "--reason", "x").code == 2


def test_a_list_is_cleaned_for_a_reason(cohort: Any) -> None:
    """Without --reason, or with a blank one, nothing is read or written."""
    paths = ("--in", str(cohort.folder / "in.csv"), "--out", str(cohort.folder / "out.csv"))
    assert cohort("optout", "apply", *paths, "--purpose", "HRESCH").code == 2
    assert apply(cohort, "--reason", " ").code == 2
    assert not (cohort.folder / "out.csv").exists()
