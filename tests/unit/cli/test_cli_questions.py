"""`consent can`, `who-can`, `what-if`: what would be decided, without anything being written."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from consent.floor import shipped_packs


@pytest.fixture
def permitted(admitted: Any, ask: Callable[[str], None]) -> Any:
    """Grace permits treatment, without conditions; one exchange happened."""
    permit = ("--permit", "TREAT", "--except", "class:Condition", "--id", "c-1", "--reason", "form")
    assert admitted("consent", "grant", "--patient", admitted.grace, *permit).code == 0
    ask("ex-one")
    return admitted


def can(home: Any, *more: str, role: str = "doctor", org: str | None = None) -> Any:
    options = ("--patient", home.grace, "--org", org or home.peer, "--role", role, "--purpose", "TREAT")
    return home("consent", "can", *options, *more)


def test_can_tells_each_record_and_exits_0_only_if_all_are_permitted(permitted: Any) -> None:
    """One is refused: exit 3, and which consent says so; the others alone: exit 0. Nothing is logged."""
    leaves = permitted("audit", "verify", "--json").json["leaves"]
    every = can(permitted)
    assert every.code == 3
    (refused,) = [line for line in every.out.splitlines() if "deny" in line]
    assert refused.startswith("Condition/")
    assert "consent c-1 v1 provision 1" in refused
    rows = can(permitted, "--json").rows
    allowed = [row["ref"] for row in rows if row["effect"] == "permit"]
    assert can(permitted, *allowed).code == 0
    assert can(permitted, *allowed, "-q").out == ""
    assert can(permitted, "Condition/none").code == 4
    assert can(permitted, "--at", "2020-01-01T00:00:00Z").code == 2
    assert can(permitted, "--action", "juggle").code == 2
    assert permitted("audit", "verify", "--json").json["leaves"] == leaves


def test_can_says_the_same_as_an_exchange(permitted: Any) -> None:
    """Each record's effect and reason are those of the receipts."""
    rows = {row["ref"]: (row["effect"], row["reason"]) for row in can(permitted, "--json").rows}
    kept = permitted("consent", "explain", "ex-one", "--json").rows
    assert {one["resource"]["ref"]: (one["effect"], one["reason"]) for one in kept} == rows


def test_an_emergency_is_asked_about_without_a_grant(permitted: Any) -> None:
    """`--emergency` shows what break-glass would open; no grant is left."""
    said = can(permitted, "--emergency", "found unconscious", "--json")
    assert {row["reason"] for row in said.rows if row["ref"].startswith("Condition/")} <= {
        "emergency-not-eligible",
        "break-glass",
    }
    assert permitted("breakglass", "list", "--json").rows == []


def test_who_can_lists_every_permitted_combination(permitted: Any) -> None:
    """The peer for treatment; nobody for her condition; columns may be left out."""
    rows = can(permitted, "--json").rows
    patient = next(row["ref"] for row in rows if row["ref"].startswith("Patient/"))
    condition = next(row["ref"] for row in rows if row["ref"].startswith("Condition/"))
    found = permitted("consent", "who-can", patient, "--json").rows
    assert {"org": permitted.peer, "purpose": "TREAT"}.items() <= next(
        row for row in found if row["org"] == permitted.peer and row["purpose"] == "TREAT"
    ).items()
    assert all(row["purpose"] not in ("HRESCH", "HMARKT") for row in found)
    assert not any(
        row["org"] == permitted.peer for row in permitted("consent", "who-can", condition, "--json").rows
    )
    fewer = permitted("consent", "who-can", patient, "--by", "org", "--json").rows
    assert 0 < len(fewer) <= len(found)
    told = permitted("consent", "who-can", patient, "--for-patient")
    assert f"{permitted.peer}, for your treatment: They may see it. You allowed it." in told.out.splitlines()
    assert len(told.out.splitlines()) == len(set(told.out.splitlines()))
    assert (
        "für Ihre Behandlung" in permitted("consent", "who-can", patient, "--for-patient", "--lang", "de").out
    )
    assert permitted("consent", "who-can", patient, "--for-patient", "--lang", "tlh").code == 2
    assert permitted("consent", "who-can", "Patient/none").code == 4
    assert permitted("consent", "who-can", patient, "--by", "mood").code == 2


def test_what_if_lists_the_decisions_that_flip(permitted: Any) -> None:
    """Withdrawn: all that was permitted flips; a pack that forbids too; a wider consent frees the condition."""
    before = permitted("consent", "explain", "ex-one", "--json").rows
    allowed = sum(row["effect"] == "permit" for row in before)
    gone = permitted("consent", "what-if", "--withdraw", "c-1", "--since", "1d", "--json").rows
    assert len(gone) == allowed
    assert {row["after"] for row in gone} == {"deny no-consent"}
    wider = json.loads(permitted("consent", "show", "c-1", "--fhir").out)
    del wider["provision"]["provision"]
    (permitted.folder / "wider.json").write_text(json.dumps(wider), "utf-8")
    add = ("consent", "what-if", "--add", str(permitted.folder / "wider.json"), "--patient", permitted.grace)
    (flip,) = permitted(*add, "--json").rows
    assert flip["resource"].startswith("Condition/")
    (permitted.folder / "pack.json").write_bytes(shipped_packs()["opt-out"])
    assert permitted("consent", "what-if", "--pack", str(permitted.folder / "pack.json")).code == 0
    agreement = permitted("agreement", "show", "D1", "--document").out
    narrow = json.loads(agreement) | {"version": 2}
    narrow["terms"][0]["purposes"] = ["HRESCH"]
    (permitted.folder / "D1.json").write_text(json.dumps(narrow), "utf-8")
    flips = permitted("consent", "what-if", "--agreement", str(permitted.folder / "D1.json"), "--json").rows
    assert {row["after"] for row in flips} == {"deny dsa-purpose"}
    assert permitted("consent", "show", "c-1").code == 0
    assert "c-1 v1" in can(permitted).out
    assert "nothing was written" in permitted("consent", "what-if", "--withdraw", "c-1").out


def test_what_if_needs_one_readable_draft(permitted: Any) -> None:
    """None, two, a file that is no pack, a consent that cannot be computed."""
    (permitted.folder / "bad.json").write_text("{}", "utf-8")
    bad = str(permitted.folder / "bad.json")
    assert permitted("consent", "what-if").code == 2
    assert permitted("consent", "what-if", "--withdraw", "c-1", "--pack", bad).code == 2
    assert permitted("consent", "what-if", "--pack", bad).code == 2
    assert permitted("consent", "what-if", "--add", bad).code == 2
    assert permitted("consent", "what-if", "--add", bad, "--patient", permitted.grace).code == 2
    assert permitted("consent", "what-if", "--withdraw", "c-none").code == 4


def test_a_decision_is_explained_in_three_voices(permitted: Any) -> None:
    """Everything to the administrator, only what may be told to the requester, plain words to the patient."""
    explain = ("consent", "explain", "ex-one")
    assert "c-1 v1" in permitted(*explain).out
    assert "c-1" not in permitted(*explain, "--for", "requester").out
    hers = permitted(*explain, "--for", "patient").out
    assert "You asked that it be kept from them." in hers
    assert "your treatment" in hers
    assert "Behandlung" in permitted(*explain, "--for", "patient", "--lang", "de").out
    assert permitted(*explain, "--for", "patient", "--lang", "xx").code == 2
    assert permitted(*explain, "--for", "everybody").code == 2


def test_a_draft_of_source_rules_is_tried_on_the_past(permitted: Any) -> None:
    """What a custodian would hold back flips; rules of a stranger, or no rules, are refused; nothing is written."""
    file = permitted.folder / "rules.json"
    rule = {"effect": "deny", "code": "hold", "when": {"resourceType": ["AllergyIntolerance"]}}
    file.write_text(json.dumps({permitted.ward: [rule]}))
    ask = ("consent", "what-if", "--source-rules", str(file), "--since", "1d")
    flips = permitted(*ask, "--json").rows
    assert [row["after"] for row in flips] == ["deny hold"]
    assert permitted(*ask, "--withdraw", "c-1").code == 2
    file.write_text(json.dumps({"nobody.example": [rule]}))
    assert permitted(*ask).code == 2
    file.write_text("[]")
    assert permitted(*ask).code == 2
