"""One readable question per reason: which layer answers, and with which code."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from consent.decision import Deny, Permit
from consent.request import Emergency

Question = Callable[[Any], Any]
PERMIT_ALL = {"type": "permit"}


def _with(provision: Any, **members: Any) -> Question:
    return lambda w: w.scene.but(consents=(w.consent(provision, **members),))


def _agreed(**members: Any) -> Question:
    return lambda w: w.scene.but(
        consents=(w.consent(PERMIT_ALL),), agreements=(w.signed(w.agreement(**members)),)
    )


def _term(**members: Any) -> Question:
    return _agreed(terms=[{"purposes": ["TREAT"], "max_confidentiality": "V"} | members])


def _self(person: str, **parts: Any) -> Question:
    return lambda w: w.scene.but(
        asking={"person": person.format(me=w.patient), "purpose": ("PATRQT",), **parts.pop("asking", {})},
        **{key: value(w) if callable(value) else value for key, value in parts.items()},
    )


def _emergency(
    provision: Any, *security: str, pack: str = "opt-out", rules: Any = (), **asking: Any
) -> Question:
    return lambda w: w.scene.but(
        pack=pack,
        resource=w.observation(*security),
        consents=(w.consent(provision(w) if callable(provision) else provision),),
        rules=rules,
        asking={**w.emergency, **asking},
    )


HOLD = {"effect": "deny", "code": "safeguarding-hold", "when": {"label": ["SDV"]}}
LOCAL = {"effect": "deny", "code": "psy-local-only", "overridable": True, "when": {"label": ["PSY"]}}

DENIED: list[tuple[str, str, Question]] = [
    ("L0", "purpose-missing-or-unknown", lambda w: w.scene.but(asking={"purpose": ()})),
    ("L0", "purpose-missing-or-unknown", lambda w: w.scene.but(asking={"purpose": ("LUNCH",)})),
    ("L0", "subject-mismatch", lambda w: w.scene.but(asking={"subject": "Patient/somebody-else"})),
    ("L0", "subject-mismatch", lambda w: w.scene.but(resource={"resourceType": "Location", "id": "l1"})),
    ("L0", "subject-mismatch", lambda w: w.scene.but(resource=["no resource at all"])),
    ("L0", "btg-undeclared", lambda w: w.scene.but(asking={"purpose": ("BTG",)})),
    ("L0", "btg-undeclared", lambda w: w.scene.but(
        asking={"purpose": ("BTG",), "emergency": Emergency(True, "  ")})),
    ("L0", "proxy-not-authorised", _self("{me}", asking={"purpose": ("TREAT",)})),
    ("L0", "proxy-not-authorised", _self("RelatedPerson/stranger")),
    ("L0", "proxy-not-authorised", _self("RelatedPerson/carer")),
    ("L0", "proxy-suspended-age", lambda w: w.scene.but(
        asking={"subject": w.teen, "person": "RelatedPerson/mother", "purpose": ("FAMRQT",)},
        resource=w.observation(subject={"reference": w.teen}))),
    ("L0", "proxy-excluded-label", _self("RelatedPerson/friend", resource=lambda w: w.observation("PSYTHPN"))),
    ("L1", "no-lawful-basis", lambda w: w.scene.but(pack="opt-out", asking={"purpose": ("PUBHLTH",)})),
    ("L1", "ehds-art54", lambda w: w.scene.but(pack="eu", asking={"purpose": ("HMARKT",)})),
    ("L1", "uk-pds-sensitive", lambda w: w.scene.but(
        pack="uk", asking={"subject": "Patient/patient-with-s-flag", **w.emergency},
        resource=w.observation(subject={"reference": "Patient/patient-with-s-flag"}))),
    ("L2", "no-dsa", lambda w: w.scene.but(consents=(w.consent(PERMIT_ALL),), agreements=())),
    ("L2", "no-dsa", _agreed(providers=["trust-oak"], recipients=["gp-fern"])),
    ("L2", "dsa-not-signed", lambda w: w.scene.but(
        consents=(w.consent(PERMIT_ALL),), agreements=(w.signed(w.agreement(), "gp-fern"),))),
    ("L2", "dsa-not-yet-effective", _agreed(effective={"start": "2026-03-02"})),
    ("L2", "dsa-expired", _agreed(effective={"start": "2025-01-01", "end": "2026-02"})),
    ("L2", "dsa-review-overdue", _agreed(review_due="2026-01-01")),
    ("L2", "dsa-purpose", _term(purposes=["HRESCH"])),
    ("L2", "dsa-role", _term(roles=["nurse"])),
    ("L2", "dsa-action", _term(actions=["disclose"])),
    ("L2", "dsa-data-class", _term(data_classes=["Condition"])),
    ("L2", "dsa-sensitivity", lambda w: _term(exclude_sensitivity=["PSY"])(w).but(
        resource=w.observation("PSYTHPN"))),
    ("L2", "dsa-confidentiality", lambda w: _term(max_confidentiality="N")(w).but(resource=w.observation("R"))),
    ("L2", "dsa-lookback", _term(lookback_days=365)),
    ("L2", "onward-sharing-forbidden", lambda w: _agreed()(w).but(
        context=replace(w.scene.context, received_under="D9"))),
    ("L2", "onward-sharing-needs-consent", lambda w: w.scene.but(
        pack="opt-out", context=replace(w.scene.context, received_under="D0"),
        agreements=(w.signed(w.agreement()), w.signed(w.agreement(id="D0", onward="consent"))))),
    ("L3", "no-consent", lambda w: w.scene),
    ("L3", "no-consent", _with(PERMIT_ALL, status="inactive")),
    ("L3", "consent-deny", _with({"type": "deny"})),
    ("L3", "outside-permitted-data", _with({"type": "permit", "dataPeriod": {"start": "2025"}})),
    ("L3", "performer-not-authorised", _with(
        PERMIT_ALL, performer=[{"reference": "RelatedPerson/stranger"}])),
    ("L3", "consent-uncomputable", _with({"type": "permit", "controller": []})),
    ("L3", "consent-uncomputable", _with(None)),
    ("L3", "emergency-not-eligible", _emergency({"type": "deny"}, roles=("receptionist",))),
    ("L3", "emergency-not-eligible", _emergency({"type": "deny"}, purpose=("HOPERAT",), org="desk-fern")),
    ("L3", "explicit-emergency-deny", _emergency(
        lambda w: {"type": "deny", "purpose": w.purposes("TREAT", "ETREAT")})),
    ("L3", "emergency-ceiling", _emergency({"type": "deny"}, "V")),
    ("L4", "safeguarding-hold", lambda w: _with(PERMIT_ALL)(w).but(resource=w.observation("SDV"), rules=[HOLD])),
    ("L4", "safeguarding-hold", _emergency({"type": "deny"}, "SDV", "PSY", rules=[LOCAL, HOLD])),
    ("L4", "psy-local-only", lambda w: _with(PERMIT_ALL)(w).but(resource=w.observation("PSY"), rules=[LOCAL])),
    ("L4", "safeguarding-hold", _self("{me}", resource=lambda w: w.observation("SDV"), rules=[HOLD])),
    ("L4", "redaction-breaks-resource", lambda w: _with(PERMIT_ALL)(w).but(
        rules=[{"effect": "redact", "elements": ["Observation.code"]}])),
]  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "reason", "question"), DENIED, ids=[f"{one[1]}-{at}" for at, one in enumerate(DENIED)]
)
def test_denial_names_layer_and_reason(world: Any, layer: str, reason: str, question: Question) -> None:
    """Every way to be refused answers with its layer and the code of the closed list."""
    decision = question(world).decide()
    assert isinstance(decision, Deny)
    assert (decision.layer, decision.reason) == (layer, reason), decision.trace


ALLOWED: list[tuple[str, str, Question]] = [
    ("L0", "self-access", _self("{me}", agreements=())),
    ("L0", "proxy-access", _self("RelatedPerson/friend")),
    ("L0", "proxy-access", lambda w: w.scene.but(
        asking={"subject": w.child, "person": "RelatedPerson/mother", "purpose": ("FAMRQT",)},
        resource=w.observation(subject={"reference": w.child}))),
    ("L1", "implied:care-and-operations", lambda w: w.scene.but(pack="opt-out")),
    ("L1", "implied:hipaa-tpo", lambda w: w.scene.but(pack="us")),
    ("L1", "mandate:court-order", lambda w: w.scene.but(
        pack="uk", asking={"mandate": "court-order"}, agreements=(), consents=(w.consent({"type": "deny"}),))),
    ("L3", "consent-permit", _with(PERMIT_ALL)),
    ("L3", "consent-permit", lambda w: _with(PERMIT_ALL)(w).but(agreements=(), asking={"org": "desk-fern"})),
    ("L3", "consent-permit", lambda w: _with(PERMIT_ALL)(w).but(
        context=replace(w.scene.context, received_under="D0"),
        agreements=(w.signed(w.agreement()), w.signed(w.agreement(id="D0", onward="consent"))))),
    ("L3", "break-glass", _emergency({"type": "deny"})),
    ("L3", "break-glass", _emergency({"type": "permit"}, "PSY", rules=[LOCAL])),
]  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "reason", "question"), ALLOWED, ids=[f"{one[1]}-{at}" for at, one in enumerate(ALLOWED)]
)
def test_permit_names_layer_and_reason(world: Any, layer: str, reason: str, question: Question) -> None:
    """Every way to be let through answers with what it rests on."""
    decision = question(world).decide()
    assert isinstance(decision, Permit), decision
    assert (decision.layer, decision.reason) == (layer, reason)
    assert "AUDIT" in decision.obligations


def test_suspension_by_one_side_stops_at_once_and_resuming_needs_both(world: Any) -> None:
    """Either side suspends alone; a resume by one of two changes nothing; the second opens it again."""
    from consent.agreement import Statement
    from consent.instants import DAY, micros

    at = micros(world.at)
    steps = [
        Statement("gp-fern", "suspend", at - 3 * DAY),
        Statement("gp-fern", "resume", at - 2 * DAY),
        Statement("trust-oak", "resume", at - DAY),
    ]
    reasons = []
    for made in range(4):
        stopped = world.signed(world.agreement(), more=steps[:made])
        decision = world.scene.but(pack="opt-out", agreements=(stopped,)).decide()
        reasons.append(decision.reason)
    suspended = "dsa-suspended"
    assert reasons == ["implied:care-and-operations", suspended, suspended, "implied:care-and-operations"]


def test_termination_counts_from_its_instant(world: Any) -> None:
    """An agreement that ends today still covers yesterday's question, and not today's."""
    from datetime import timedelta

    from consent.agreement import Statement
    from consent.instants import DAY, micros

    end = Statement("trust-oak", "terminate", micros(world.at) - 9 * DAY, micros(world.at))
    question = world.scene.but(pack="opt-out", agreements=(world.signed(world.agreement(), more=[end]),))
    assert question.decide().reason == "dsa-terminated"
    before = question.but(asking={"at": world.at - timedelta(seconds=1)})
    assert before.decide().reason == "implied:care-and-operations"


def test_break_glass_is_not_consumed_when_ordinary_access_suffices(world: Any) -> None:
    """A declared emergency that was not needed leaves no mark."""
    decision = world.scene.but(pack="opt-out", asking=world.emergency).decide()
    assert decision.reason == "implied:care-and-operations"
    assert not [code for code in decision.obligations if code.startswith("BTG")]


def test_overridable_says_whether_an_eligible_emergency_would_open_it(world: Any) -> None:
    """True for a plain refusal under the ceiling, false above it and for a refusal of emergencies."""
    plain = world.scene.but(consents=(world.consent({"type": "deny"}),))
    refused = world.consent({"type": "deny", "purpose": world.purposes("TREAT", "ETREAT")})
    assert plain.decide().overridable is True
    assert plain.but(resource=world.observation("V")).decide().overridable is False
    assert world.scene.but(consents=(refused,)).decide().overridable is False


def test_several_purposes_must_all_be_permitted(world: Any) -> None:
    """The first purpose that is refused is the answer; all permitted give the unions."""
    both = world.scene.but(pack="opt-out", asking={"purpose": ("TREAT", "HRESCH")})
    assert (both.decide().layer, both.decide().reason) == ("L3", "no-consent")
    allowed = both.but(consents=(world.consent({"type": "permit", "purpose": world.purposes("HRESCH")}),))
    assert allowed.decide().reason == "implied:care-and-operations"


def test_a_decision_is_no_truth_value(world: Any) -> None:
    """Nobody can write `if decision:` and let a Deny through."""
    with pytest.raises(TypeError):
        bool(world.scene.decide())
