"""`carepact exchange`, `consent explain`, `source`: what an exchange left behind, told from signed evidence."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import Problem

Ask = Callable[[str], None]


@pytest.fixture
def permitted(admitted: Any) -> Any:
    """Grace permits treatment, but for her diagnoses."""
    options = ("--patient", admitted.grace, "--permit", "TREAT", "--except", "class:Condition", "--id", "c-1")
    assert admitted("consent", "grant", *options, "--reason", "signed form").code == 0
    return admitted


def tamper(home: Any, statement: str) -> None:
    with sqlite3.connect(home.folder / "state" / "node.db") as connection:
        connection.execute(statement)
    connection.close()


def test_an_exchange_is_listed_and_shown(permitted: Any, ask: Ask) -> None:
    """Which source answered with how much, what was decided for which reason, and the leaf."""
    ask("ex-one")
    rows = permitted("exchange", "list", "--json").rows
    assert [(row["id"], row["state"]) for row in rows] == [("ex-one", "complete")]
    shown = permitted("exchange", "show", "ex-o", "--json").json
    assert shown["sources"][0]["state"] == "answered"
    assert shown["leaf"] == rows[0]["leaf"]
    reasons = {(one["effect"], one["reason"]): one["count"] for one in shown["decisions"]}
    assert reasons[("deny", "consent-deny")] == 1
    assert reasons[("permit", "consent-permit")] >= 3
    plain = permitted("exchange", "show", "ex-one").out
    assert "consent explain ex-one" in plain
    assert "9990000018" not in plain + str(shown)


def test_explain_says_which_provision_denied(permitted: Any, ask: Ask) -> None:
    """The administrator reads the consent, its version and provision; the requester only that it is not there."""
    ask("ex-one")
    said = permitted("consent", "explain", "ex-one")
    assert said.code == 0, said.err
    assert "consent c-1 v1 provision 1 says DENY" in said.out
    assert "the signed statement holds" in said.out
    told = permitted("consent", "explain", "ex-one", "--for", "requester", "--json").rows
    denied = [row for row in told if row["effect"] == "deny"]
    assert denied
    assert {row["reason"] for row in denied} == {"not-available"}
    assert "c-1" not in str(told)


def test_explain_of_one_decision(permitted: Any, ask: Ask) -> None:
    """A decision's own id gives that decision alone."""
    ask("ex-one")
    one = permitted("consent", "explain", "ex-one", "--json").rows[0]
    found = permitted("consent", "explain", one["id"], "--json").rows
    assert [row["id"] for row in found] == [one["id"]]
    assert permitted("consent", "explain", "ex-one", "--for", "everybody").code == 2


def test_withdrawal_shows_in_the_next_exchange(permitted: Any, ask: Ask) -> None:
    """After a withdrawal nothing is permitted, and the reason says so; the first exchange stays as it was."""
    ask("ex-one")
    permitted("consent", "withdraw", "c-1", "--reason", "by phone")
    ask("ex-two")
    after = permitted("exchange", "show", "ex-two", "--json").json
    assert {one["effect"] for one in after["decisions"]} == {"deny"}
    before = permitted("exchange", "show", "ex-one", "--json").json
    assert "permit" in {one["effect"] for one in before["decisions"]}
    assert permitted("exchange", "show", "ex-").code == 5


def test_a_changed_receipt_is_not_explained(permitted: Any, ask: Ask) -> None:
    """Receipts that the signed statement does not cover are refused with exit 6, not told."""
    ask("ex-one")
    tamper(permitted, "DELETE FROM receipt WHERE n = 0")
    assert permitted("consent", "explain", "ex-one").code == 6
    assert permitted("exchange", "show", "ex-one").code == 6


def test_the_patient_sees_who_saw_what(permitted: Any, ask: Ask) -> None:
    """The access report has the delivery with client, organisation, purpose and operation."""
    ask("ex-one")
    rows = permitted("audit", "accessed", "--patient", permitted.grace, "--json").rows
    seen = next(row for row in rows if row["kind"] == "deliver")
    assert (seen["organisation"], seen["purpose"], seen["what"]) == (permitted.peer, "TREAT", "everything")
    assert seen["withheld_for"] == ["consent-deny"]
    assert permitted("audit", "verify").code == 0


def test_sources_tell_what_they_sent_and_what_was_lost(admitted: Any) -> None:
    """The admission is stored; what no table knows is a line by position, never by value."""
    row = admitted("source", "list", "--json").rows[0]
    assert (row["id"], row["stored"], row["quarantined"]) == ("adt", 1, 0)
    lost = admitted("source", "losses", "adt", "--group-by", "position", "--json")
    assert any(row["position"].startswith("ZZZ") for row in lost.rows)
    assert "what no table knows" not in lost.out
    assert admitted("source", "losses", "--json").rows
    assert admitted("source", "losses", "none").code == 4
    assert admitted("source", "losses", "--group-by", "colour").code == 2


def test_exchanges_are_filtered(permitted: Any, ask: Ask) -> None:
    """By time, state and client; a state that does not exist is refused."""
    ask("ex-one")
    assert permitted("exchange", "list", "--state", "partial", "--json").out == ""
    assert permitted("exchange", "list", "--client", "ward", "--json").out
    assert permitted("exchange", "list", "--since", "2099-01-01", "--json").out == ""
    assert permitted("exchange", "list", "--state", "lost").code == 2
    assert permitted("exchange", "show", "none").code == 4


def test_an_exchange_without_a_consent_is_told(admitted: Any, ask: Ask) -> None:
    """Nothing leaves without a consent under an opt-in law, and the exchange says why."""
    ask("ex-none")
    shown = admitted("exchange", "show", "ex-none", "--json").json
    assert {(one["effect"], one["reason"]) for one in shown["decisions"]} == {("deny", "no-consent")}
    assert "the patient permits it" in admitted("consent", "explain", "ex-none").out


def test_an_exchange_that_was_refused_is_on_record(home: Any, ask_of: Any) -> None:
    """Without an agreement no source is asked: the exchange failed, says which was not asked, and why."""
    with pytest.raises(Problem):
        ask_of(home, "ex-refused")
    shown = home("exchange", "show", "ex-refused", "--json").json
    assert (shown["state"], shown["decisions"]) == ("failed", [])
    assert [(one["state"], one["reason"]) for one in shown["sources"]] == [("not-asked", "no-dsa")]
    assert "nothing to decide" in home("exchange", "show", "ex-refused").out
    assert home("consent", "explain", "ex-refused").code == 0
