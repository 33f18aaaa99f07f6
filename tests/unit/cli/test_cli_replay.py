"""`carepact exchange replay` and `consent what-if`: past decisions derived again, or otherwise."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from consent.store.tables import consent_version
from gateway.audit.sql import decision_basis, policy_document


@pytest.fixture
def asked(admitted: Any, ask: Callable[[str], None]) -> Any:
    """Two exchanges: one under a consent, one after part of it was withdrawn and then all of it."""
    permit = ("--permit", "TREAT", "--id", "c-1", "--reason", "form")
    assert admitted("consent", "grant", "--patient", admitted.grace, *permit).code == 0
    ask("ex-one")
    assert admitted("consent", "withdraw", "c-1", "--only", "class:Condition", "--reason", "phone").code == 0
    ask("ex-two")
    assert admitted("consent", "withdraw", "c-1", "--reason", "phone").code == 0
    return admitted


def write(home: Any, unit: Callable[[Any], Any]) -> Any:
    async def act(node: Any) -> Any:
        return await node.database.write(unit)

    return home.inside(act)


def test_every_past_decision_is_derived_again_from_the_versions_of_then(asked: Any) -> None:
    """Whatever was said since: the same bytes, one by one and since a day; the statements hold too."""
    one = asked("exchange", "replay", "ex-one")
    assert (one.code, one.err) == (0, "")
    every = asked("exchange", "replay", "--since", "1d", "--verify", "--json")
    assert every.code == 0
    assert [row["state"] for row in every.rows] == ["same", "same"]
    assert all(row["decisions"] > 0 for row in every.rows)
    assert asked("exchange", "replay", "ex-two-1").code == 0


def test_a_stored_version_that_was_tampered_with_is_an_alarm(asked: Any) -> None:
    """A consent that says otherwise now: the decisions that it decided differ, and the command fails."""

    def tamper(connection: Any) -> None:
        first = select(consent_version.c.document).where(consent_version.c.version == 1)
        stolen = connection.execute(first).scalar_one()
        connection.execute(
            update(consent_version).where(consent_version.c.version == 2).values(document=stolen)
        )

    write(asked, tamper)
    said = asked("exchange", "replay", "--since", "1d", "--json")
    assert said.code == 10
    assert [row["state"] for row in said.rows] == ["same", "broken"]  # the seal is bound to the version


@pytest.mark.parametrize("table", [decision_basis, policy_document])
def test_a_basis_that_is_gone_is_told(asked: Any, table: Any) -> None:
    """What cannot be derived again fails too, in other words."""
    write(asked, lambda connection: connection.execute(delete(table)))
    said = asked("exchange", "replay", "--since", "1d", "--json")
    assert said.code == 10
    assert [row["state"] for row in said.rows] == ["no-basis", "no-basis"]
    assert "not kept" in asked("exchange", "replay", "ex-one").out


def test_an_engine_that_decides_otherwise_is_found(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same stored versions under other rules: each decision that differs is named."""
    monkeypatch.setattr("consent.patient._code", lambda value, computed, voided: "no-consent")
    said = asked("exchange", "replay", "ex-two", "--json")
    assert said.code == 10
    assert said.rows[0]["state"] == "differs"
    assert all(id.startswith("ex-two-") for id in said.rows[0]["differing"])


def test_what_to_replay_must_be_said(asked: Any) -> None:
    """Nothing, both, an unknown exchange, a date that is none."""
    assert asked("exchange", "replay").code == 2
    assert asked("exchange", "replay", "ex-one", "--since", "1d").code == 2
    assert asked("exchange", "replay", "nothing").code == 4
    assert asked("exchange", "replay", "--since", "soon").code == 2
    assert json.dumps(asked("exchange", "replay", "--since", "2100").out) == json.dumps(
        "0 decisions of 0 exchanges derived again, byte for byte\n"
    )
