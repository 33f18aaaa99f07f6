"""Rules of the source organisations, from their file to the answer, the receipt and the replay (consent.md 7)."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete

from adapters.interface import Identifier
from gateway.audit import receipts
from gateway.audit.sql import policy_document
from gateway.authn import scopes
from gateway.authn.caller import Caller
from gateway.bootstrap import open_node
from gateway.config import load
from gateway.errors import Problem
from gateway.exchange import release
from gateway.exchange.cycle import exchange
from gateway.exchange.request import Ask
from gateway.exchange.source_rules import SourceRulesRefused, source_rules_from_bytes
from gateway.exchange.types import CLINICAL

HOLD = {"effect": "deny", "code": "safeguarding-hold", "when": {"resourceType": ["Condition"]}}
MASK = {"effect": "redact", "elements": ["Patient.birthDate"], "when": {"role_not_in": ["midwife"]}}


@pytest.fixture
def home(home: Any, database_url: str) -> Any:
    """The node of `conftest.py` on each database, with an empty file of source rules."""
    with home.config.open("a", encoding="utf-8") as file:
        file.write(f'\n[database]\nurl = "{database_url}"\n\n[consent]\nsource_rules = "rules.json"\n')
    rule(home)
    return home


@pytest.fixture
def permitted(admitted: Any) -> Any:
    """Grace permits treatment: nothing but a source can hold anything back."""
    said = ("--permit", "TREAT", "--id", "c-1", "--reason", "form")
    assert admitted("consent", "grant", "--patient", admitted.grace, *said).code == 0
    return admitted


def rule(home: Any, *rules: dict[str, Any], custodian: str = "st-brides.example") -> None:
    """Put these rules in force, as an operator does: the new file in the place of the old one."""
    fresh = home.folder / "rules.new"
    fresh.write_text(json.dumps({custodian: list(rules)}), "utf-8")
    fresh.replace(home.folder / "rules.json")


async def released(home: Any, node: Any, id: str) -> dict[str, Any]:
    """What the peer's ward gets of Grace, by type."""
    system, _, value = home.grace.partition("|")
    caller = Caller(
        "ward", home.peer, "TREAT", scopes.parse_all("system/*.rs"), f"{home.peer}|dr-1", roles=("doctor",)
    )
    question = Ask(
        exchange=id, caller=caller, subject=Identifier(system, value), types=CLINICAL, shape="everything",
        at=node.clock(), deadline=5.0, self_url="https://north.example/fhir",
    )  # fmt: skip
    bundle = json.loads((await exchange(node.node, question)).body)
    return {one["resource"]["resourceType"]: one["resource"] for one in bundle["entry"]}


def within(home: Any, act: Callable[[Any], Any]) -> Any:
    async def opened() -> Any:
        async with open_node(load(home.config)) as node:
            return await act(node)

    return asyncio.run(opened())


def test_a_hold_binds_the_next_answer_and_its_end_the_one_after(permitted: Any) -> None:
    """One open node, three answers: with the Condition, without it under a hold, with it once it is lifted."""

    async def act(node: Any) -> list[set[str]]:
        found = [set(await released(permitted, node, "ex-1"))]
        rule(permitted, HOLD)
        found.append(set(await released(permitted, node, "ex-2")))
        rule(permitted)
        return [*found, set(await released(permitted, node, "ex-3"))]

    before, held, after = within(permitted, act)
    assert "Condition" in before
    assert held == before - {"Condition"}
    assert after == before


def test_a_mask_takes_the_element_and_says_so(permitted: Any) -> None:
    """The birth date is gone, marked as masked, and the resource as redacted; nothing else of it changed."""

    async def act(node: Any) -> list[dict[str, Any]]:
        plain = (await released(permitted, node, "ex-1"))["Patient"]
        rule(permitted, MASK)
        return [plain, (await released(permitted, node, "ex-2"))["Patient"]]

    plain, masked = within(permitted, act)
    assert "birthDate" in plain
    assert "birthDate" not in masked
    assert masked["_birthDate"]["extension"][0]["valueCode"] == "masked"
    assert "REDACTED" in {one["code"] for one in masked["meta"]["security"]}
    assert masked["name"] == plain["name"]


def test_the_rules_of_one_custodian_hold_nothing_of_another(permitted: Any) -> None:
    """A hold of the node itself says nothing about what the hospital sent."""
    rule(permitted, HOLD, custodian=permitted.me)
    assert "Condition" in within(permitted, lambda node: released(permitted, node, "ex-1"))


def test_a_hold_between_decision_and_release_is_still_in_time(
    permitted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release finds that the rules are others than it was decided under: decided anew, and withheld."""
    record, turns = release.record, []

    def late(*arguments: Any) -> Any:
        turns.append(1)
        if len(turns) == 1:
            rule(permitted, HOLD)
        return record(*arguments)

    monkeypatch.setattr(release, "record", late)
    found = within(permitted, lambda node: released(permitted, node, "ex-1"))
    assert len(turns) == 2
    assert "Patient" in found
    assert "Condition" not in found
    assert permitted("exchange", "replay", "ex-1").code == 0


def epochs(home: Any, id: str) -> dict[str, Any]:
    """As the first receipt of an exchange tells them."""

    def kept(connection: Any, node: Any) -> Any:
        return receipts.of_exchange(connection, id, node.room(connection).vault)

    async def read(node: Any) -> Any:
        return await node.database.read(lambda c: kept(c, node.node))

    found: dict[str, Any] = json.loads(within(home, read)[0].data)["epochs"]
    return found


def test_a_receipt_dates_the_rules_and_is_derived_again_from_those_of_then(permitted: Any) -> None:
    """Decisions under a hold replay byte for byte after the file has changed; without it kept they cannot."""

    async def act(node: Any) -> None:
        await released(permitted, node, "ex-1")
        rule(permitted, HOLD)
        await released(permitted, node, "ex-2")
        rule(permitted, MASK)

    within(permitted, act)
    assert epochs(permitted, "ex-1")["source_rules"] != epochs(permitted, "ex-2")["source_rules"]
    assert permitted("exchange", "replay", "--since", "1d").code == 0

    async def forget(node: Any) -> Any:
        gone = delete(policy_document).where(policy_document.c.kind == "source-rules")
        return await node.database.write(lambda connection: connection.execute(gone))

    within(permitted, forget)
    said = permitted("exchange", "replay", "--since", "1d", "--json")
    assert (said.code, {row["state"] for row in said.rows}) == (10, {"no-basis"})


@pytest.mark.parametrize("text", [None, "{", '{"st-brides.example": [{"effect": "deny"}]}'])
def test_a_file_that_cannot_be_used_lets_nothing_out(permitted: Any, text: str | None) -> None:
    """Gone or wrong while the node runs: 503 until it is repaired; doctor names it; no new start."""
    file = permitted.folder / "rules.json"

    async def act(node: Any) -> str:
        file.unlink()
        if text is not None:
            file.write_text(text, "utf-8")
        with pytest.raises(Problem) as refused:
            await released(permitted, node, "ex-1")
        rule(permitted)
        assert "Condition" in await released(permitted, node, "ex-2")
        file.unlink() if text is None else file.write_text(text, "utf-8")
        return str(refused.value.category.name)

    assert within(permitted, act) == "unavailable"
    told = permitted("doctor", "--json")
    assert told.code == 10
    assert {row["check"]: row["state"] for row in told.rows}["source rules"] == "failed"
    assert "consent.source_rules" in permitted("exchange", "list").err


def test_the_doctor_counts_rules_and_staff_are_told_the_hold(permitted: Any) -> None:
    """`doctor` says how many rules there are; `consent can` names L4 and the source's own code."""
    rule(permitted, HOLD, MASK)
    told = {row["check"]: row for row in permitted("doctor", "--json").rows}["source rules"]
    assert (told["state"], told["said"]) == ("ok", "2 rules of 1 custodians")
    asked = ("--org", permitted.peer, "--role", "doctor", "--purpose", "TREAT", "--patient", permitted.grace)
    said = permitted("consent", "can", *asked)
    assert said.code == 3
    assert "L4 safeguarding-hold" in " ".join(said.out.split())


REFUSED = {
    "[]": "object",
    "{": "strict JSON",
    '{"a.example": [], "a.example": []}': "strict JSON",
    '{"a.example": {}}': "a.example",
    '{"a.example": [{"effect": "permit"}]}': "effect",
    '{"a.example": [{"effect": "deny", "code": "x", "when": {"label": ["nonsense"]}}]}': "label",
    '{"a.example": [{"effect": "redact"}]}': "elements",
    '{"a.example": [{"effect": "deny", "code": "x", "unless": {}}]}': "not known",
    '{"b.example": []}': "no source",
    " " * (4 * 1024 * 1024 + 1): "larger",
}


@pytest.mark.parametrize("document", REFUSED, ids=lambda text: text.strip()[:60] or "large")
def test_a_file_of_rules_is_read_strictly(document: str) -> None:
    """Nothing that is not understood is passed over: the refusal names custodian or element."""
    with pytest.raises(SourceRulesRefused, match=REFUSED[document]):
        source_rules_from_bytes(document.encode(), frozenset(("a.example",)))
