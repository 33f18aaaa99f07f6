"""`carepact consent`: recorded, shown, withdrawn; refused with a next step where it must be."""

import json
from typing import Any

import pytest


def grant(home: Any, *more: str, patient: str | None = None) -> Any:
    options = ("--patient", patient or home.grace, "--reason", "signed form", "--json")
    return home("consent", "grant", *options, *more)


def test_a_granted_consent_is_listed_and_shown(home: Any) -> None:
    """What the desk wrote is there, in force, in words and as a FHIR Consent, without the patient's number."""
    made = grant(
        home, "--permit", "TREAT", "--except", "label:PSY", "--to", home.peer, "--until", "2099-12-31"
    )
    assert made.code == 0, made.err
    row = home("consent", "list", "--patient", home.grace, "--json").rows
    assert [one["id"] for one in row] == [made.json["id"]]
    assert row[0]["says"] == "permit TREAT"
    assert row[0]["except"] == ["label:PSY"]
    assert row[0]["to"] == [home.peer]
    document = home("consent", "show", made.json["id"], "--fhir")
    assert json.loads(document.out)["resourceType"] == "Consent"
    shown = home("consent", "show", made.json["id"])
    assert "until: 2099-12-31" in shown.out
    assert "9990000018" not in document.out + shown.out + made.out


def test_a_dry_run_stores_nothing(home: Any) -> None:
    """Everything is checked and told, and neither a version nor a ledger leaf is left behind."""
    tried = grant(home, "--permit", "TREAT", "--id", "c-1", "--dry-run")
    assert (tried.code, tried.json["dry_run"]) == (0, True)
    assert home("consent", "show", "c-1").code == 4
    assert home("audit", "verify", "--json").json["leaves"] == 0


def test_withdrawing_a_part_narrows_and_withdrawing_ends(home: Any) -> None:
    """`--only` adds one exception; a withdrawal leaves nothing active; every version stays on record."""
    grant(home, "--permit", "TREAT", "--id", "c-1")
    part = home("consent", "withdraw", "c-1", "--only", "label:PSY", "--reason", "by phone", "--json")
    assert (part.json["version"], part.json["except"]) == (2, ["label:PSY"])
    assert home("consent", "withdraw", "c-1", "--reason", "by phone").code == 0
    assert home("consent", "list", "--patient", home.grace, "--json").out == ""
    every = home("consent", "list", "--patient", home.grace, "--all", "--json").rows
    assert [(one["version"], one["status"]) for one in every] == [
        (1, "active"),
        (2, "active"),
        (3, "inactive"),
    ]
    again = home("consent", "withdraw", "c-1", "--reason", "twice")
    assert again.code == 5
    assert "already" in again.err


@pytest.mark.parametrize("recipients", [(), ("--to", "east.example")])
def test_a_part_is_withdrawn_once(home: Any, recipients: tuple[str, ...]) -> None:
    """What is left out already is said so: no new version, no leaf, also where the grant left it out."""
    grant(home, "--permit", "TREAT", "--except", "label:HIV", "--id", "c-1", *recipients)
    part = ("consent", "withdraw", "c-1", "--reason", "by phone", "--only")
    assert home(*part, "label:PSY").code == 0
    leaves = home("audit", "verify", "--json").json["leaves"]
    for again in ("label:PSY", "label:HIV"):
        said = home(*part, again)
        assert said.code == 5
        assert f"leaves {again} out already" in said.err
    assert home("consent", "show", "c-1", "--json").json["version"] == 2
    assert home("audit", "verify", "--json").json["leaves"] == leaves
    unknown = home(*part, "label:FOO")
    assert (unknown.code, "(--only)" in unknown.err) == (2, True)


def test_an_id_that_is_taken_is_named(home: Any) -> None:
    """`--id` of a consent that is there is a conflict with the next step; the first one stays."""
    grant(home, "--permit", "TREAT", "--id", "c-1")
    taken = grant(home, "--deny", "TREAT", "--id", "c-1")
    assert taken.code == 5
    assert "--id" in taken.err
    assert "carepact consent show c-1" in taken.err
    assert home("consent", "show", "c-1", "--json").json["says"] == "permit TREAT"


def test_a_name_that_no_sandbox_patient_has_says_where_names_are(home: Any) -> None:
    """A mistyped name leads to the list of names."""
    refused = grant(home, "--permit", "TREAT", patient="patient_with_ful_record")
    assert refused.code == 2
    assert "carepact sandbox status --patients" in refused.err


def test_each_change_of_a_consent_is_a_leaf(home: Any) -> None:
    """Grant and withdrawal are in the ledger, with who did it and why, sealed in the detail."""
    grant(home, "--permit", "TREAT", "--id", "c-1")
    home("consent", "withdraw", "c-1", "--reason", "by phone")
    rows = home("audit", "accessed", "--patient", home.grace, "--json").rows
    assert [row["kind"] for row in rows] == ["consent", "consent"]
    assert rows[1]["reason"] == "by phone"


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--permit", "EVERYTHING"), 2, "(--permit) not a purpose"),
        (("--deny", "EVERYTHING"), 2, "(--deny) not a purpose"),
        (("--permit", "TREAT", "--except", "mood:PSY"), 2, "(--except) use label:CODE"),
        (("--permit", "TREAT", "--except", "label:FOO"), 2, "(--except) not a label we know"),
        (("--permit", "TREAT", "--until", "soon"), 2, "(--until) use a date like"),
        (("--permit", "TREAT", "--until", "2020-01-01"), 2, "(--until) that day is over"),
        (("--permit", "TREAT", "--data-from", "once"), 2, "(--data-from) use a date like"),
        (("--permit", "TREAT", "--to", "nobody.example"), 2, "(--to) nobody in the members list"),
        (("--permit", "TREAT", "--custodian", "nobody.example"), 2, "(--custodian) nobody in"),
        ((), 2, "--permit or --deny"),
    ],
)
def test_what_cannot_be_computed_is_refused(
    home: Any, options: tuple[str, ...], code: int, says: str
) -> None:
    """A consent that a decision could not compute is refused with the option as typed, and not stored."""
    refused = grant(home, *options, "--id", "c-1")
    assert refused.code == code
    assert says in refused.err
    assert home("consent", "show", "c-1").code == 4


def test_a_reason_is_mandatory(home: Any) -> None:
    """Neither a missing nor a blank reason changes anything."""
    missing = home("consent", "grant", "--patient", home.grace, "--permit", "TREAT")
    blank = home("consent", "grant", "--patient", home.grace, "--permit", "TREAT", "--reason", "  ")
    assert (missing.code, blank.code) == (2, 2)
    assert "--reason" in missing.err
    assert "--reason" in blank.err


def test_a_number_with_a_wrong_check_digit_is_nobody(home: Any) -> None:
    """A mistyped number never becomes a person, and is not repeated in the error."""
    refused = grant(home, "--permit", "TREAT", patient=home.grace[:-1] + "7")
    assert refused.code == 2
    assert "999000001" not in refused.err


def test_unknown_patients_and_consents_are_not_available(home: Any) -> None:
    """Nobody and nothing end with exit 4 and the next step, not with an empty success."""
    assert home("consent", "list", "--patient", home.ada).code == 4
    assert home("consent", "withdraw", "c-none", "--reason", "x").code == 4
    assert home("consent", "explain", "zzzz").code == 4
