"""`carepact agreement list --expiring | diff | matrix`: what ends soon, what a version changes, what may flow."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest


def draft(home: Any, id: str, *more: str) -> None:
    parties = ("--provider", home.me, "--recipient", home.peer)
    assert home("agreement", "new", id, *parties, "--reason", "direct care", *more).code == 0


def signed(home: Any, id: str, *more: str) -> None:
    draft(home, id, *more)
    assert home("agreement", "sign", id, "--reason", "board").code == 0
    assert home("agreement", "sign", id, *home.signed_by(home.peer), "--reason", "board").code == 0


def day(ahead: int) -> str:
    return (datetime.now(UTC) + timedelta(days=ahead)).date().isoformat()


def add(home: Any, tmp_path: Path, **changed: Any) -> None:
    """The next version of D1 with these members changed."""
    document = json.loads(home("agreement", "show", "D1", "--document").out)
    file = tmp_path / "next.json"
    file.write_text(json.dumps(document | {"version": document["version"] + 1} | changed), "utf-8")
    assert home("agreement", "add", str(file), "--reason", "new terms").code == 0


def ids(said: Any) -> list[str]:
    return [row["id"] for row in said.rows]


def test_expiring_lists_what_ends_within_the_span_and_nothing_else(home: Any) -> None:
    """In force and ending in 30 days is within 60d, not within 10d; later, endless and unsigned ones never are."""
    signed(home, "SOON", "--end", day(30))
    signed(home, "LATER", "--end", day(300))
    signed(home, "ENDLESS")
    draft(home, "UNSIGNED", "--end", day(30))
    assert ids(home("agreement", "list", "--expiring", "60d", "--json")) == ["SOON"]
    assert ids(home("agreement", "list", "--expiring", "10d", "--json")) == []
    assert "none of them" in home("agreement", "list", "--expiring", "10d").out


def test_a_review_that_falls_due_counts_as_expiring(home: Any, tmp_path: Path) -> None:
    """A review not held in time stops an agreement as its end does: its day is listed too."""
    draft(home, "D1")
    add(home, tmp_path, review_due=day(20))
    for keys in ((), home.signed_by(home.peer)):
        assert home("agreement", "sign", "D1", *keys, "--reason", "board").code == 0
    (row,) = home("agreement", "list", "--expiring", "60d", "--json").rows
    assert (row["version"], row["review_due"]) == (2, day(20))


def test_list_by_status(home: Any) -> None:
    """`--status` keeps one status; an unknown one is refused with those there are."""
    signed(home, "A1")
    draft(home, "A2")
    assert ids(home("agreement", "list", "--status", "draft", "--json")) == ["A2"]
    refused = home("agreement", "list", "--status", "signed")
    assert refused.code == 2 and "half-signed" in refused.err


def test_as_of_shows_what_was_known_then(home: Any) -> None:
    """Before the first draft nothing was known; an instant ahead is refused, since nobody knows it."""
    signed(home, "A1")
    assert ids(home("agreement", "list", "--as-of", "2020-01-01T00:00:00Z", "--json")) == []
    assert ids(home("agreement", "list", "--as-of", day(0), "--json")) == ["A1"]
    assert home("agreement", "list", "--as-of", day(3)).code == 2
    assert home("agreement", "list", "--as-of", "soon").code == 2


def test_diff_names_members_and_terms(home: Any, tmp_path: Path) -> None:
    """A changed member, a changed element of a term and an added term are a line each, and no other line."""
    draft(home, "D1")
    terms = [{"id": "t1", "purposes": ["TREAT"], "roles": ["doctor"]}, {"id": "t2", "purposes": ["HRESCH"]}]
    add(home, tmp_path, emergency=True, terms=terms)
    rows = home("agreement", "diff", "D1@1", "D1", "--json").rows
    assert [(row["change"], row["what"]) for row in rows] == [
        ("changed", "emergency"),
        ("changed", "version"),
        ("added", "term t1 roles"),
        ("added", "term t2"),
    ]
    assert home("agreement", "diff", "D1@2", "D1@2").out == "they say the same\n"


@pytest.mark.parametrize(("ref", "code"), [("D9@1", 4), ("D1@9", 4), ("D1@x", 2), ("@1", 2)])
def test_diff_of_what_is_not_there(home: Any, ref: str, code: int) -> None:
    """An unknown id or version is exit 4, what is no reference exit 2."""
    draft(home, "D1")
    assert home("agreement", "diff", "D1", ref).code == code


def test_the_matrix_says_what_flows_and_what_stops_the_rest(home: Any, tmp_path: Path) -> None:
    """Signed by both: flows. Half-signed and suspended: listed with the reason, and nothing flows."""
    signed(home, "A1")
    draft(home, "A2", "--purpose", "HRESCH")
    signed(home, "A3", "--purpose", "HPAYMT")
    home("agreement", "suspend", "A3", "--reason", "incident")
    rows = {row["purpose"]: row for row in home("agreement", "matrix", "--json").rows}
    assert {purpose: row["flows"] for purpose, row in rows.items()} == {
        "TREAT": True,
        "HRESCH": False,
        "HPAYMT": False,
    }
    assert rows["TREAT"]["under"] == ["A1@1 t1"]
    assert (rows["HRESCH"]["stopped"], rows["HPAYMT"]["stopped"]) == (["A2@1 draft"], ["A3@1 suspended"])


def test_the_matrix_asks_for_the_signature_of_each_pair(home: Any) -> None:
    """Of two providers one signed: it may send, the other may not, though the agreement is active."""
    parties = ("--provider", home.me, "--provider", home.ward, "--recipient", home.peer)
    home("agreement", "new", "A1", *parties, "--reason", "direct care")
    home("agreement", "sign", "A1", "--reason", "board")
    home("agreement", "sign", "A1", *home.signed_by(home.peer), "--reason", "board")
    rows = {row["custodian"]: row for row in home("agreement", "matrix", "--json").rows}
    assert rows[home.me]["flows"] is True
    assert rows[home.ward]["stopped"] == [f"A1@1 not signed by {home.ward}"]


def test_the_matrix_as_csv_names_limits(home: Any, tmp_path: Path) -> None:
    """The same rows as CSV; a term that is narrowed to roles says so, for its purpose alone does not flow."""
    draft(home, "D1")
    add(home, tmp_path, terms=[{"purposes": ["TREAT"], "roles": ["doctor"], "lookback_days": 9}])
    for keys in ((), home.signed_by(home.peer)):
        home("agreement", "sign", "D1", *keys, "--reason", "board")
    (row,) = csv.DictReader(io.StringIO(home("agreement", "matrix", "--csv").out))
    assert (row["flows"], row["under"], row["limits"]) == ("True", "D1@2 t1", "t1: roles, lookback_days")
    assert home("agreement", "matrix", "--csv", "--json").code == 2
