"""Minors, proxies and flags of the register in real exchanges: births come from the patient index (consent.md 10)."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.interface import Identifier
from consent.directory import Directory
from gateway.authn import scopes
from gateway.authn.caller import Caller
from gateway.bootstrap import open_node
from gateway.config import load
from gateway.exchange import release
from gateway.exchange.cycle import exchange
from gateway.exchange.people import birth_of
from gateway.exchange.request import Ask
from gateway.exchange.types import CLINICAL

MOTHER = "https://portal.example/id|mother-of-the-child"
CHILD = "9990000026"
NHS = "https://fhir.nhs.uk/Id/nhs-number"


def born(years_ago: int) -> str:
    """A first of January: whatever day it is, she has completed exactly that many years."""
    return f"{datetime.now(UTC).year - years_ago}-01-01"


async def hospital_says(node: Any, control: str, birth: str) -> None:
    """The feed states a child who was born then."""
    bound = node.node.sources[0]
    lines = (
        rf"MSH|^~\&|PAS|RXX|EXCH|RXX|2026011514{control}||ADT^A08^ADT_A01|C-{control}|P|2.5",
        f"EVN|A08|2026011514{control}",
        f"PID|1||{CHILD}^^^NHS^NH||CHILDE^Bea||{birth.replace('-', '')}|F",
        "PV1|1|N",
        "AL1|1|DA|70618^Penicillin^RXNORM|SV|Rash|20240301",
    )
    body = "\r".join(lines).encode() + b"\r"
    said = await node.node.intake.receive_message(body, bound.source, bound.normaliser, node.clock())
    assert b"MSA|AA" in said


async def released(node: Any, id: str, **caller: Any) -> set[str]:
    """Types of what leaves about the child; empty if nothing does."""
    said = {"purpose": "PATRQT", "person": MOTHER} | caller
    purpose = said.pop("purpose")
    who = Caller("portal", "east.example", purpose, scopes.parse_all("system/*.rs"), **said)
    question = Ask(
        exchange=id, caller=who, subject=Identifier(NHS, CHILD), types=CLINICAL, shape="everything",
        at=node.clock(), deadline=5.0, self_url="https://north.example/fhir",
    )  # fmt: skip
    entries = json.loads((await exchange(node.node, question)).body)["entry"]
    return {one["resource"]["resourceType"] for one in entries if one["search"]["mode"] == "match"}


def within(home: Any, act: Callable[[Any], Any]) -> Any:
    async def opened() -> Any:
        async with open_node(load(home.config)) as node:
            return await act(node)

    return asyncio.run(opened())


def person_and_patient(home: Any) -> tuple[str, str]:
    """The person of the child, and the Patient that the hospital sent."""

    async def act(node: Any) -> Any:
        def read(connection: Any) -> tuple[str, str]:
            index = node.node.room(connection).index
            person = index.resolve([Identifier(NHS, CHILD)]).person
            return person, index.links(person)[0].patient

        return await node.database.read(read)

    found: tuple[str, str] = within(home, act)
    return found


def proxy(patient: str, **more: Any) -> dict[str, Any]:
    return {"proxy": "RelatedPerson/mother", "patient": patient, "kind": "parental", "rights": ["view"],
            "verified": True} | more  # fmt: skip


def register(home: Any, **said: Any) -> None:
    (home.folder / "register.json").write_text(json.dumps(said), "utf-8")


@pytest.fixture
def child(home: Any, database_url: str) -> Any:
    """A node on each database that knows a child of eight years, and has an empty register."""
    text = home.config.read_text("utf-8").replace(
        'members = "members.json"', 'members = "members.json"\nregister = "register.json"'
    )
    home.config.write_text(f'{text}\n[database]\nurl = "{database_url}"\n', "utf-8")
    register(home)
    within(home, lambda node: hospital_says(node, "3000", born(8)))
    return home


def test_a_parent_sees_her_child_by_the_birth_that_the_hospital_stated(child: Any) -> None:
    """No birth stands in the register: with the right she sees the record, without it nothing at all."""
    person, _ = person_and_patient(child)
    register(child, people={MOTHER: "RelatedPerson/mother"})
    assert within(child, lambda node: released(node, "ex-1")) == set()
    register(child, people={MOTHER: "RelatedPerson/mother"}, proxies=[proxy(person)])
    assert "AllergyIntolerance" in within(child, lambda node: released(node, "ex-2"))
    assert child("exchange", "replay", "--since", "1d").code == 0


def test_a_corrected_birth_ends_the_right_of_a_parent_at_once(
    child: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hospital corrects it between decision and release: decided anew, nothing leaves; replay agrees."""
    person, _ = person_and_patient(child)
    register(child, people={MOTHER: "RelatedPerson/mother"}, proxies=[proxy(person)])
    record, turns = release.record, []

    def counted(*arguments: Any) -> Any:
        turns.append(1)
        return record(*arguments)

    async def act(node: Any) -> list[set[str]]:
        from gateway.exchange import cycle

        before = await released(node, "ex-1")
        real = cycle._release

        async def late(*arguments: Any) -> None:
            if len(turns) == 0:
                await hospital_says(node, "4000", born(12))
            await real(*arguments)

        monkeypatch.setattr(release, "record", counted)
        monkeypatch.setattr(cycle, "_release", late)
        return [before, await released(node, "ex-2")]

    before, after = within(child, act)
    assert "AllergyIntolerance" in before
    assert (after, len(turns)) == (set(), 2)
    assert child("exchange", "replay", "--since", "1d").code == 0


def test_of_several_births_the_earliest_counts(child: Any) -> None:
    """Another source says that she is twelve: no parent's right that must end at eleven holds any more."""
    person, _ = person_and_patient(child)
    right = Directory(births={}, proxies=())
    register(child, people={MOTHER: "RelatedPerson/mother"}, proxies=[proxy(person)])
    other = {"resourceType": "Patient", "id": "b" * 64, "birthDate": born(12), "gender": "female",
             "identifier": [{"system": NHS, "value": CHILD}],
             "name": [{"family": "Childe", "given": ["Bea"]}]}  # fmt: skip

    async def act(node: Any) -> tuple[str | None, str | None, set[str]]:
        def link(connection: Any) -> tuple[str | None, str | None]:
            index = node.node.room(connection).index
            at = node.clock()
            assert index.link(other, custodian="west.example", source="s", at=at).person == person
            known = node.node.directory().register.consent
            return birth_of(known, index, person), birth_of(right, index, person)

        found = await node.database.write(link)
        return (*found, await released(node, "ex-1"))

    earliest, nobody_asks, seen = within(child, act)
    assert (earliest, nobody_asks) == (born(12), None)
    assert seen == set()


def test_an_lpa_holds_at_any_age_and_a_source_s_reference_is_hers(child: Any) -> None:
    """The register may name her as the hospital does; only parental rights ask for an age."""
    _, patient = person_and_patient(child)
    register(child, people={MOTHER: "RelatedPerson/mother"}, proxies=[proxy(patient, kind="lpa")])
    assert "AllergyIntolerance" in within(child, lambda node: released(node, "ex-1"))
    assert child("exchange", "replay", "ex-1").code == 0


def test_a_flag_on_any_of_her_references_binds(child: Any) -> None:
    """A flag of the law under the hospital's reference forbids what without it leaves."""
    text = child.config.read_text("utf-8").replace('pack = "opt-in"', 'pack = "uk"')
    child.config.write_text(text, "utf-8")
    parties = ("--provider", child.ward, "--recipient", child.peer)
    assert child("agreement", "new", "D1", *parties, "--reason", "direct care").code == 0
    for org in (child.ward, child.peer):
        assert child("agreement", "sign", "D1", *child.signed_by(org), "--reason", "board").code == 0
    doctor = {"purpose": "TREAT", "person": None, "roles": ("doctor",)}
    assert "AllergyIntolerance" in within(child, lambda node: released(node, "ex-1", **doctor))
    person, patient = person_and_patient(child)
    for number, reference in enumerate((person, patient), 2):
        register(child, patient_flags={reference: ["s-flag"]})
        assert within(child, lambda node, n=number: released(node, f"ex-{n}", **doctor)) == set()
    assert child("exchange", "replay", "--since", "1d").code == 0
