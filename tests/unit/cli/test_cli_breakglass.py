"""`carepact breakglass`: officers see every grant, and say what they found."""

from typing import Any

import pytest

from consent.grant import HOUR, Grant, GrantEvent
from consent.instants import micros
from consent.store.grants import SQLGrantRegistry


@pytest.fixture
def broken(admitted: Any) -> Any:
    """A grant that ran out four days ago, and one of now, each about Grace."""

    async def act(node: Any) -> None:
        now = micros(node.clock())

        def write(connection: Any) -> None:
            room = node.node.room(connection)
            from adapters.interface import Identifier

            system, _, value = admitted.grace.partition("|")
            person = room.index.resolve([Identifier(system, value)]).person
            for id, opened in (("bg-old", now - 96 * HOUR), ("bg-new", now)):
                event = GrantEvent(
                    "open", opened, "dr-ivy", until=opened + 8 * HOUR, text="found on the floor"
                )
                SQLGrantRegistry(connection, room.vault).open(
                    Grant(id, "dr-ivy", "east.example", person, opened, (event,))
                )

        await node.database.write(write)

    admitted.inside(act)
    return admitted


def test_grants_are_listed_without_patient_or_words(broken: Any) -> None:
    """All, those without a verdict, those overdue; the reason shows only where one is opened."""
    every = broken("breakglass", "list", "--json")
    assert [(row["id"], row["state"], row["review"]) for row in every.rows] == [
        ("bg-old", "expired", "overdue"),
        ("bg-new", "open", "due"),
    ]
    assert "floor" not in every.out
    assert "Patient/" not in every.out
    assert [row["id"] for row in broken("breakglass", "list", "--overdue", "--json").rows] == ["bg-old"]
    assert [row["id"] for row in broken("breakglass", "list", "--since", "1d", "--json").rows] == ["bg-new"]
    assert "found on the floor" in broken("breakglass", "show", "bg-old").out


def test_an_officer_reviews_revokes_and_lifts_in_order(broken: Any) -> None:
    """A dry run stores nothing; an open grant is not reviewed; a second verdict is refused; the ledger holds."""
    judge = ("breakglass", "review", "bg-old", "--verdict", "not-justified", "--note", "nobody was there")
    assert broken(*judge, "--dry-run").code == 0
    assert broken(*judge).code == 0
    assert broken(*judge).code == 5
    assert [r["id"] for r in broken("breakglass", "list", "--unreviewed", "--json").rows] == ["bg-new"]
    assert broken("breakglass", "review", "bg-new", "--verdict", "justified", "--note", "x").code == 5
    assert broken("breakglass", "review", "bg-old", "--verdict", "perhaps", "--note", "x").code == 2
    assert broken("breakglass", "revoke", "bg-new", "--reason", " ").code == 2
    assert (
        broken("breakglass", "revoke", "bg-new", "--reason", "wrong patient", "--json").json["state"]
        == "revoked"
    )
    assert broken("breakglass", "close", "bg-new", "--reason", "over").code == 5
    assert broken("breakglass", "show", "bg-old", "--json").json["blocks"] is True
    assert broken("breakglass", "lift", "bg-old", "--reason", "trained again").code == 0
    assert broken("breakglass", "lift", "bg-old", "--reason", "again").code == 5
    assert broken("breakglass", "show", "bg-none").code == 4
    assert broken("audit", "verify").code == 0
    seen = broken("audit", "accessed", "--patient", broken.grace, "--json").rows
    assert sum(row["kind"] == "breakglass" for row in seen) == 3


def test_the_doctor_tells_of_reviews_that_are_overdue(broken: Any) -> None:
    """One of two was never looked at: a warning with the next step."""
    (check,) = [
        row for row in broken("doctor", "--json").rows if row.get("name", row.get("check")) == "break-glass"
    ]
    assert "1 not reviewed" in str(check)
    assert "breakglass list --overdue" in str(check)
