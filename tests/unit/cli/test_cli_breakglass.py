"""`carepact breakglass`: officers see every grant, and say what they found."""

from datetime import timedelta
from typing import Any

import pytest

from adapters.interface import Identifier
from consent.grant import HOUR, Grant, GrantEvent
from consent.instants import micros
from consent.notice import Notice, NoticeEvent
from consent.store.grants import SQLGrantRegistry
from consent.store.notices import SQLNoticeRegistry
from gateway.bootstrap import system_clock


@pytest.fixture
def broken(admitted: Any) -> Any:
    """A grant that ran out four days ago, and one of now, each about Grace."""

    async def act(node: Any) -> None:
        now = micros(node.clock())

        def write(connection: Any) -> None:
            room = node.node.room(connection)
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
    past = (system_clock() - timedelta(hours=90)).isoformat()
    then = broken("breakglass", "list", "--as-of", past, "--json").rows
    assert [(row["id"], row["state"], row["review"]) for row in then] == [("bg-old", "open", "due")]


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


@pytest.fixture
def owed(admitted: Any) -> Any:
    """Two notices about Grace: one that should have gone out a week ago, one of now."""

    async def act(node: Any) -> None:
        now = micros(node.clock())

        def write(connection: Any) -> None:
            room = node.node.room(connection)
            system, _, value = admitted.grace.partition("|")
            person = room.index.resolve([Identifier(system, value)]).person
            for id, opened in (("nt-old", now - 336 * HOUR), ("nt-new", now)):
                event = NoticeEvent("open", opened, "east.example", exchange=f"x-{id}")
                registry = SQLNoticeRegistry(connection, room.vault)
                registry.open(Notice(id, person, "east.example", opened, opened + 168 * HOUR, (event,)))

        await node.database.write(write)

    admitted.inside(act)
    return admitted


def test_notices_are_listed_told_and_put_off(owed: Any) -> None:
    """Late ones stand out, the doctor warns of them; what is told leaves the list; a dry run stores nothing."""
    notice = ("breakglass", "notice")
    rows = owed(*notice, "list", "--json").rows
    assert [(row["id"], row["state"]) for row in rows] == [("nt-old", "overdue"), ("nt-new", "due")]
    assert "Patient/" not in owed(*notice, "list").out
    assert [r["id"] for r in owed(*notice, "list", "--overdue", "--json").rows] == ["nt-old"]
    assert [r["id"] for r in owed(*notice, "list", "--since", "1d", "--json").rows] == ["nt-new"]
    (check,) = [
        row for row in owed("doctor", "--json").rows if row.get("name", row.get("check")) == "notices"
    ]
    assert check["state"] == "warning"
    tell = (*notice, "tell", "nt-old", "--by", "letter", "--reason", "posted")
    assert "dry run" in owed(*tell, "--dry-run").out
    assert owed(*tell, "--json").json["told"] == "letter"
    assert owed(*tell).code == 5
    assert owed(*notice, "tell", "nt-new", "--by", "pigeon", "--reason", "x").code == 2
    assert owed(*notice, "defer", "nt-new", "--until", "someday", "--reason", "x").code == 2
    assert owed(*notice, "defer", "nt-new", "--until", "2001-01-01", "--reason", "x").code == 2
    assert owed(*notice, "defer", "nt-new", "--until", "2199-01-01", "--reason", "case 7").code == 0
    assert [r["id"] for r in owed(*notice, "list", "--deferred", "--json").rows] == ["nt-new"]
    assert owed(*notice, "letter", "nt-new").code == 5
    assert owed(*notice, "resume", "nt-new", "--reason", "safe now").code == 0
    assert [r["state"] for r in owed(*notice, "list", "--all", "--json").rows] == ["told", "due"]
    past = (system_clock() - timedelta(days=13)).isoformat()
    then = owed(*notice, "list", "--as-of", past, "--json").rows
    assert [(r["id"], r["state"]) for r in then] == [("nt-old", "due")]
    assert owed("audit", "verify").code == 0


def test_the_letter_is_in_her_language_and_the_officer_sees_whom_it_is_for(owed: Any) -> None:
    """Plain words without what anybody wrote about her; `show` alone names the patient; her own log says told."""
    assert "opened your record" in owed("breakglass", "notice", "letter", "nt-new").out
    assert "Notfalls" in owed("breakglass", "notice", "letter", "nt-new", "--lang", "de").out
    assert owed("breakglass", "notice", "letter", "nt-new", "--lang", "tlh").code == 2
    shown = owed("breakglass", "notice", "show", "nt-new")
    assert "patient: Patient/" in shown.out
    assert owed("breakglass", "notice", "show", "nt-none").code == 4
    owed("breakglass", "notice", "defer", "nt-new", "--reason", "he reads her post")
    owed("breakglass", "notice", "resume", "nt-new", "--reason", "safe now")
    owed("breakglass", "notice", "tell", "nt-new", "--by", "in-person", "--reason", "at the clinic")
    steps = owed("breakglass", "notice", "show", "nt-new", "--json").json["steps"]
    assert [step["kind"] for step in steps] == ["open", "defer", "resume", "tell"]
    seen = owed("audit", "accessed", "--patient", owed.grace, "--json").out
    assert "at the clinic" in seen
    assert "her post" not in seen
    told = owed("audit", "accessed", "--patient", owed.grace, "--for-patient").out
    assert "You were told of an emergency access" in told
    assert "put off" not in told
