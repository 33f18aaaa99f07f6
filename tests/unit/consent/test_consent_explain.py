"""One trace in its voices, and the receipt that is kept."""

import json
from dataclasses import replace
from typing import Any

import pytest

from consent.explain import (
    Released,
    for_administrator,
    for_requester,
    receipt,
    request_sha256,
)
from consent.plan import plan
from consent.source_rules import source_rules_from_json
from consent.vocabulary import REASONS, TELLABLE

RELEASED = Released("Observation/o1", "3", "gp-fern", "ab" * 32)


def kept(scene: Any) -> bytes:
    return receipt(scene.decide(), scene.request, RELEASED, id="d1", exchange="x1", epochs={"patient": 4})


def test_receipt_is_compact_sorted_and_repeatable(world: Any) -> None:
    """The same question gives the same bytes; they hold ids and codes, no name and no free text."""
    scene = world.scene.but(consents=(world.consent({"type": "deny"}),), asking=world.emergency)
    first = kept(scene)
    assert first == kept(scene)
    assert b"unconscious" not in first
    whole = json.loads(first)
    assert list(whole) == sorted(whole)
    assert b" " not in first.replace(b'"', b"") or json.dumps(whole, separators=(",", ":")).encode() == first
    assert (whole["v"], whole["engine"], whole["effect"], whole["reason"]) == (
        1,
        "1",
        "permit",
        "break-glass",
    )
    assert {entry["layer"] for entry in whole["trace"]} == {"L1", "L2", "L3"}


def test_receipt_names_what_decided(world: Any) -> None:
    """Rule and pack, agreement and term, consent version, path and what it lists, each with its digest if it has one."""
    provision = {"type": "permit", "provision": [{}, {"securityLabel": world.labels("PSY")}]}
    scene = world.scene.but(
        pack="uk", consents=(world.consent(provision, id="c2"),), resource=world.observation("PSY")
    )
    provision["provision"].pop(0)
    law, sharing, consents = sorted(json.loads(kept(scene))["trace"], key=lambda entry: entry["layer"])
    assert (law["rule"], law["pack"], len(law["sha256"])) == ("uk-direct-care-9-2-h", "uk@2026.1", 64)
    assert law["unsigned"] is True
    signed = replace(world.scene.but(pack="uk").floor, signed=True)
    assert "unsigned" not in signed.entry(None)
    assert (sharing["agreement"], sharing["term"]) == ("D1@1", "t1")
    assert consents == {
        "layer": "L3", "value": "DENY", "consent": "c2/_history/0", "path": "provision.provision[0]",
        "matched": ["securityLabel=PSY"],
    }  # fmt: skip


def test_request_digest_depends_on_the_question_not_on_the_emergency_text(world: Any) -> None:
    """Free text is kept sealed elsewhere, and does not stand in a receipt even as a digest."""
    from consent.request import Emergency

    declared = [world.scene.but(asking={"emergency": Emergency(True, text)}).request for text in ("a", "b")]
    assert request_sha256(declared[0]) == request_sha256(declared[1])
    assert request_sha256(declared[0]) != request_sha256(world.scene.request)


@pytest.mark.parametrize("reason", sorted(REASONS - TELLABLE))
def test_requester_is_told_nothing_that_depends_on_the_patient(reason: str) -> None:
    """Two refusals whose reasons are not tellable look the same."""
    from consent.decision import Deny

    told = for_requester(
        Deny("L3", reason, True, ({"layer": "L3", "value": "DENY", "consent": "c1/_history/1"},)), "d1"
    )
    assert told == {"effect": "deny", "decision": "d1", "reason": "not-available"}


def test_requester_is_told_codes_of_the_question(world: Any) -> None:
    """A missing agreement is told, and whether a declared emergency is eligible, whoever the patient is."""
    decision = world.scene.but(agreements=()).decide()
    assert for_requester(decision, "d1", emergency_eligible=False) == {
        "effect": "deny", "decision": "d1", "reason": "no-dsa", "emergency": "not-eligible"
    }  # fmt: skip


def test_administrator_reads_what_decided_and_what_would_change_it(world: Any) -> None:
    """Refusal, the consent and provision behind it, what would have allowed it, and the way out."""
    provision = {"type": "permit", "provision": [{"securityLabel": world.labels("HIV")},
                                                  {"securityLabel": world.labels("PSY")}]}  # fmt: skip
    scene = world.scene.but(
        pack="uk", consents=(world.consent(provision, id="c2"),), resource=world.observation("PSY")
    )
    assert for_administrator(scene.decide()).splitlines() == [
        "DENY  L3 consent-deny  (break-glass could open it)",
        "  because  consent c2 v0 provision 2 says DENY (securityLabel=PSY)",
        "  though   agreement D1@1 term t1 covers it",
        "  though   uk-direct-care-9-2-h of uk@2026.1 says OPT_OUT",
        "  changes  the patient withdraws or edits that consent; break-glass if life is at risk",
    ]


def planned(scene: Any) -> Any:
    return plan(
        scene.request, scene.directory, scene.floor, scene.agreements, scene.views,
        source_rules_from_json(list(scene.rules)),
    )  # fmt: skip


def test_refusal_before_the_subject_is_looked_up(world: Any) -> None:
    """What the question alone refuses is known without a resource, and says what the decision would say."""
    scenes = {
        "no-dsa": world.scene.but(agreements=()),
        "purpose-missing-or-unknown": world.scene.but(asking={"purpose": ()}),
        "btg-undeclared": world.scene.but(asking={"purpose": ("BTG",)}),
        "no-lawful-basis": world.scene.but(pack="eu", asking={"purpose": ("HPAYMT",)}),
        "dsa-purpose": world.scene.but(pack="uk", asking={"purpose": ("HQUALIMP",)}),
    }
    for reason, scene in scenes.items():
        refused = planned(scene).refusal("gp-fern")
        assert (refused.layer, refused.reason) == (scene.decide().layer, reason)
    assert planned(world.scene).refusal("gp-fern") is None
    assert planned(world.scene.but(agreements=(), asking={"org": "desk-fern"})).refusal("gp-fern") is None


def test_emergency_eligibility_says_nothing_of_the_patient(world: Any) -> None:
    """It follows from reason, role, purpose and agreement; consents do not change it."""
    urgent = world.scene.but(asking=world.emergency)
    refused = urgent.but(consents=(world.consent({"type": "deny", "purpose": world.purposes("ETREAT")}),))
    assert (
        planned(urgent).emergency_eligible("gp-fern")
        is planned(refused).emergency_eligible("gp-fern")
        is True
    )
    assert planned(urgent.but(asking={"roles": ("clerk",)})).emergency_eligible("gp-fern") is False
    assert planned(world.scene).emergency_eligible("gp-fern") is False
