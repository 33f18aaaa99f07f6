"""Children who come of age: listed ahead, due on the day, and what a parent permitted is kept or withdrawn."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

NHS = "https://fhir.nhs.uk/Id/nhs-number"
OLD, YOUNG, UNKNOWN = (f"{NHS}|{number}" for number in ("9990000026", "9990000034", "9990000042"))


def born(years: int, days: int = 0) -> str:
    """Who completed these years so many days ago (or will, if negative)."""
    today = datetime.now(UTC).date() - timedelta(days=days)
    return today.replace(year=today.year - years, day=min(today.day, 28)).isoformat()


def parent(patient: str, **more: Any) -> dict[str, Any]:
    return {"proxy": "RelatedPerson/mother", "patient": patient, "kind": "parental",
            "rights": ["view", "consent"], "verified": True} | more  # fmt: skip


@pytest.fixture
def family(home: Any) -> Any:
    """Her daughters: one came of age a year ago, one will in weeks; nobody knows when the third was born.

    For the eldest and the youngest the mother recorded a consent; the eldest has one of her own too.
    """
    text = home.config.read_text("utf-8")
    named = 'members = "members.json"\nregister = "register.json"'
    home.config.write_text(text.replace('members = "members.json"', named), "utf-8")
    file = home.folder / "register.json"
    file.write_text("{}")
    for number, id in ((OLD, "c-old"), (YOUNG, "c-young"), (UNKNOWN, "c-unknown")):
        given = ("--permit", "TREAT", "--performer", "RelatedPerson/mother", "--id", id)
        assert home("consent", "grant", "--patient", number, *given, "--reason", "form").code == 0
    own = ("--permit", "HRESCH", "--id", "c-own")
    assert home("consent", "grant", "--patient", OLD, *own, "--reason", "form").code == 0
    who = {id: home("consent", "show", id, "--fhir").json["patient"]["reference"]
           for id in ("c-old", "c-young", "c-unknown")}  # fmt: skip
    births = {who["c-old"]: born(12), who["c-young"]: born(11, days=-40)}
    proxies = [parent(one) for one in who.values()]
    proxies += [parent(who["c-old"], proxy="RelatedPerson/aunt", kind="delegate")]
    proxies += [parent(who["c-old"], proxy="RelatedPerson/father", verified=False)]
    proxies += [parent(who["c-young"], proxy="RelatedPerson/foster", period={"end": "2020"})]
    file.write_text(json.dumps({"births": births, "proxies": proxies}))
    return home


def milestones(home: Any, *more: str) -> list[Any]:
    found: list[Any] = home("consent", "milestone", "list", *more, "--json").rows
    return found


def test_what_is_due_is_listed_and_what_comes_on_request(family: Any) -> None:
    """Due and of unknown birth at once, upcoming within a span; other kinds, unverified and ended rights never."""
    assert [(row["state"], row["consents"]) for row in milestones(family)] == [
        ("unknown-birth", ["c-unknown"]),
        ("due", ["c-old"]),
    ]
    soon = milestones(family, "--within", "90d")
    assert [row["state"] for row in soon] == ["unknown-birth", "due", "upcoming"]
    assert {row["proxy"] for row in milestones(family, "--all")} == {"RelatedPerson/mother"}
    assert "Patient/" not in family("consent", "milestone", "list").out
    assert family("consent", "milestone", "list", "--within", "soon").code == 2
    (check,) = [
        one for one in family("doctor", "--json").rows if one.get("name", one.get("check")) == "milestones"
    ]
    assert check["state"] == "warning"


def test_what_the_parent_permitted_is_withdrawn_and_her_own_word_stays(family: Any) -> None:
    """A rehearsal changes nothing; settled once; what is not due is refused; the ledger holds."""
    due = next(row["id"] for row in milestones(family) if row["state"] == "due")
    settle = ("consent", "milestone", "settle", due, "--outcome", "withdraw", "--reason", "she was asked")
    assert "would be settled: withdraw c-old" in family(*settle, "--dry-run").out
    assert family("consent", "show", "c-old", "--json").json["status"] == "active"
    assert family(*settle, "--json").json["consents"] == ["c-old"]
    assert family("consent", "show", "c-old", "--json").json["status"] == "inactive"
    assert family("consent", "show", "c-own", "--json").json["status"] == "active"
    assert family(*settle).code == 5
    assert [row["state"] for row in milestones(family)] == ["unknown-birth"]
    shown = family("consent", "milestone", "show", due)
    assert "outcome: withdraw" in shown.out
    assert "patient: Patient/" in shown.out
    upcoming = next(row["id"] for row in milestones(family, "--all") if row["state"] == "upcoming")
    assert family("consent", "milestone", "settle", upcoming, "--outcome", "keep", "--reason", "x").code == 5
    assert family("consent", "milestone", "settle", upcoming, "--outcome", "ask", "--reason", "x").code == 2
    assert family("consent", "milestone", "show", "ms-none").code == 4
    assert family("audit", "verify").code == 0


def test_what_the_parent_permitted_may_be_kept(family: Any) -> None:
    """Kept: the consent stays as it is, in the version that it was."""
    due = next(row["id"] for row in milestones(family) if row["state"] == "due")
    kept = ("consent", "milestone", "settle", due, "--outcome", "keep", "--reason", "she was asked")
    assert family(*kept).code == 0
    held = family("consent", "show", "c-old", "--json").json
    assert (held["status"], held["version"]) == ("active", 1)
    assert family("consent", "milestone", "show", due, "--json").json["outcome"] == "keep"
