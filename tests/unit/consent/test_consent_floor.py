"""Packs of the law load whole or not at all."""

import json
from typing import Any

import pytest

from consent.errors import Uncomputable
from consent.floor import floor_from_bytes, floor_from_json, shipped_floor, shipped_packs
from consent.sign_off import text_sha256

RULE = {"when": {}, "mode": "OPT_IN", "code": "consent-required"}


def pack(**members: Any) -> dict[str, Any]:
    return {"id": "p", "version": "1", "known_purposes": ["TREAT"], "rules": [RULE]} | members


def test_every_shipped_pack_loads_and_is_a_worked_example() -> None:
    """The six packs load; none claims a lawyer's signature; names, digests and ceilings are theirs."""
    floors = {id_: shipped_floor(id_) for id_ in shipped_packs()}
    assert set(floors) == {"opt-in", "opt-out", "uk", "us", "eu", "nz"}
    assert not any(floor.signed for floor in floors.values())
    assert {id_: floor.btg_ceiling for id_, floor in floors.items() if floor.btg_ceiling == 5} == {
        "us": 5,
        "nz": 5,
    }
    assert floors["uk"].name == "uk@2026.1"
    assert len({floor.sha256 for floor in floors.values()}) == 6


def test_absent_members_have_their_defaults() -> None:
    """The defaults are those of consent.md 4, and exempt mandates are empty."""
    floor = floor_from_json(pack())
    assert (floor.btg_ceiling, floor.parental_until, floor.tell_withheld) == (3 + 1, 11, False)
    assert floor.break_glass.roles == {"ed-doctor", "paramedic", "doctor", "anaesthetist"}
    assert (floor.break_glass.ttl_hours, floor.break_glass.max_hours) == (8, 120)
    assert floor.dsa_exempt_mandates == frozenset()
    assert floor_from_json(signed_off(pack())).signed


def signed_off(document: dict[str, Any], **other: Any) -> dict[str, Any]:
    """The pack with the name of somebody who answers for exactly this text."""
    name = {"by": "A", "role": "DPO", "at": "2026-01-01", "sha256": text_sha256(document)}
    return document | {"sign_off": name | other}


def test_a_sign_off_is_of_one_text() -> None:
    """The order of members and who signs do not matter; one rule changed afterwards, and nobody has signed it."""
    held = signed_off(pack())
    turned = dict(reversed(held.items()))
    assert floor_from_json(turned).signed
    assert floor_from_json(signed_off(pack(), by="B", sha256=held["sign_off"]["sha256"].upper())).signed
    edited = held | {"rules": [{**RULE, "code": "another"}]}
    for wrong in (edited, signed_off(pack(), sha256="0" * 64), signed_off(pack(), sha256="")):
        with pytest.raises(Uncomputable, match="sign_off.sha256"):
            floor_from_json(wrong)
        assert floor_from_json(wrong | {"sign_off": wrong["sign_off"] | {"sha256": "0"}}, kept=True).signed
    unsaid = {name: said for name, said in held["sign_off"].items() if name != "sha256"}
    with pytest.raises(Uncomputable, match="sign_off.sha256"):
        floor_from_json(held | {"sign_off": unsaid})
    assert floor_from_bytes(json.dumps(held | {"sign_off": unsaid}).encode(), kept=True).signed


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("pack", {"colour": "blue"}),
    ("pack.rules", {"rules": []}),
    ("pack.rules[0].mode", {"rules": [{**RULE, "mode": "MAYBE"}]}),
    ("pack.rules[1].code", {"rules": [RULE, {**RULE, "mode": "FORBID"}]}),
    ("pack.rules[0].when", {"rules": [{**RULE, "when": {"moon": "full"}}]}),
    ("pack.rules[0].when.purpose[0]", {"rules": [{**RULE, "when": {"purpose": ["LUNCH"]}}]}),
    ("pack.rules[0].obligations[0]", {"rules": [{**RULE, "obligations": ["DANCE"]}]}),
    ("pack.known_purposes[0]", {"known_purposes": ["LUNCH"]}),
    ("pack.btg_ceiling", {"btg_ceiling": "X"}),
    ("pack.proxy.parental_until", {"proxy": {"parental_until": 17}}),
    ("pack.break_glass.overdue", {"break_glass": {"overdue": "shrug"}}),
    ("pack.effective", {"effective": {"start": "2027", "end": "2026"}}),
    ("pack.version", {"version": None}),
]


@pytest.mark.parametrize(("path", "members"), REFUSED, ids=[one[0] for one in REFUSED])
def test_pack_that_is_not_understood_is_refused_with_its_path(path: str, members: dict[str, Any]) -> None:
    """A node does not start with a rule that it cannot compute."""
    with pytest.raises(Uncomputable) as refused:
        floor_from_json(pack(**members))
    assert refused.value.path == path


@pytest.mark.parametrize("document", [b"", b"[]", b"\xff", b'{"id":"a","id":"b"}', b"[" * 100_000])
def test_bytes_that_are_no_pack_are_refused(document: bytes) -> None:
    """Broken or ambiguous JSON is refused, never half read."""
    with pytest.raises(Uncomputable):
        floor_from_bytes(document)


def test_pack_outside_its_time_is_no_law(world: Any) -> None:
    """Before a pack is in effect nothing has a lawful basis."""
    floor = floor_from_bytes(json.dumps(pack(effective={"start": "2026-03-02"})).encode())
    assert world.scene.but(floor=floor).decide().reason == "no-lawful-basis"


def test_strictest_mode_wins_and_all_matching_rules_oblige(world: Any) -> None:
    """FORBID over MANDATE over OPT_IN over OPT_OUT; obligations of every matching rule are collected."""
    rules = [
        {"when": {}, "mode": "OPT_OUT", "code": "usual", "obligations": ["ENCRYPT"]},
        {"when": {"tag": "42CFRPart2"}, "mode": "OPT_IN", "code": "part2", "obligations": ["NORDSCLCD"]},
    ]
    floor = floor_from_json(pack(rules=rules))
    tagged = world.observation(meta={"security": [{"system": "urn:us", "code": "42CFRPart2"}]})
    asked = world.scene.but(floor=floor, resource=tagged)
    assert asked.decide().reason == "no-consent"
    permitted = asked.but(consents=(world.consent({"type": "permit"}),)).decide()
    assert permitted.obligations == ("AUDIT", "ENCRYPT", "NORDSCLCD", "NOTICE-42CFR2")


def test_mandate_without_exemption_needs_an_agreement(world: Any) -> None:
    """A mandate overrides consent, but the agreement only where the pack exempts it."""
    from dataclasses import replace

    asked = world.scene.but(pack="uk", agreements=(), asking={"mandate": "court-order"})
    assert asked.decide().reason == "mandate:court-order"
    strict = replace(asked.floor, dsa_exempt_mandates=frozenset())
    assert asked.but(floor=strict).decide().reason == "no-dsa"
