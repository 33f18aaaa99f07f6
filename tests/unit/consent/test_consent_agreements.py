"""Agreements: strict documents, status from statements, which term counts."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from consent.agreement import Statement, agreement_from_stored, agreement_status, counting
from consent.errors import Uncomputable
from consent.instants import DAY, micros
from consent.interface import StoredAgreement, StoredStatement

NOW = micros(datetime(2026, 3, 1, tzinfo=UTC))


def made(action: str, org: str, days: int, effective: int | None = None) -> Statement:
    return Statement(org, action, NOW + days * DAY, None if effective is None else NOW + effective * DAY)


GP, TRUST = "gp-fern", "trust-oak"
BOTH = (made("sign", GP, -90), made("sign", TRUST, -80))
LIVES: list[tuple[str, tuple[Statement, ...]]] = [
    ("draft", ()),
    ("half-signed", BOTH[:1]),
    ("active", BOTH),
    ("suspended", (*BOTH, made("suspend", TRUST, -9))),
    ("suspended", (*BOTH, made("suspend", TRUST, -9), made("resume", TRUST, -8))),
    ("active", (*BOTH, made("suspend", TRUST, -9), made("resume", TRUST, -8), made("resume", GP, -7))),
    ("suspended", (*BOTH, made("suspend", GP, -9), made("resume", GP, -8), made("resume", TRUST, -7),
                   made("suspend", TRUST, -6))),
    ("terminated", (*BOTH, made("terminate", GP, -5))),
    ("active", (*BOTH, made("terminate", "clinic-rowan", -5), made("suspend", "clinic-rowan", -4))),
    ("active", (*BOTH, made("terminate", GP, -5, 5))),
    ("draft", (made("sign", GP, 1), made("sign", TRUST, 1))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "statements"), LIVES, ids=[f"{one[0]}-{at}" for at, one in enumerate(LIVES)]
)
def test_status_follows_from_statements(world: Any, status: str, statements: tuple[Statement, ...]) -> None:
    """Nothing in the file says its status; what both sides signed, and when, does."""
    agreement = replace(world.signed(world.agreement()), statements=statements)
    assert agreement_status(agreement, NOW) == status


def test_other_statuses(world: Any) -> None:
    """Sent but unsigned is proposed; past its end expired; a newer version in force supersedes."""
    agreement = world.signed(world.agreement())
    assert agreement_status(replace(agreement, statements=()), NOW, sent=True) == "proposed"
    assert agreement_status(agreement, NOW + 900 * DAY) == "expired"
    newer = replace(agreement, version=2)
    assert agreement_status(agreement, NOW, versions=(agreement, newer)) == "superseded"
    unsigned = replace(newer, statements=())
    assert agreement_status(agreement, NOW, versions=(unsigned,)) == "active"


def test_newest_version_in_force_counts_else_the_newest(world: Any) -> None:
    """A draft of the next version does not disturb the one in force."""
    first = world.signed(world.agreement())
    draft = replace(first, version=2, statements=())
    assert counting((draft, first), NOW) == (first,)
    assert counting((draft, replace(first, statements=())), NOW) == (draft,)
    assert counting((first, replace(first, version=3)), NOW)[0].version == 3


def test_nearest_party_in_each_chain_must_have_signed(world: Any) -> None:
    """The hospital is named beside its trust: then the hospital's signature is what counts."""
    document = world.agreement(recipients=["trust-oak", "hosp-ash"])
    asked = world.scene.but(pack="opt-out")
    assert (
        asked.but(agreements=(world.signed(document, "gp-fern", "trust-oak"),)).decide().reason
        == "dsa-not-signed"
    )
    assert asked.but(agreements=(world.signed(document),)).decide().layer == "L1"


def test_furthest_failing_stage_is_the_reason(world: Any) -> None:
    """Of several agreements and terms the one that came furthest says why."""
    wrong = world.signed(world.agreement(id="D0", recipients=["clinic-rowan"]))
    expired = world.signed(world.agreement(id="D2", effective={"start": "2024", "end": "2025-06"}))
    terms = [{"purposes": ["HRESCH"]}, {"purposes": ["TREAT"], "data_classes": ["Condition"]}]
    nearly = world.signed(world.agreement(id="D3", terms=terms))
    asked = world.scene.but(pack="opt-out")
    assert asked.but(agreements=(wrong, expired)).decide().reason == "dsa-expired"
    assert asked.but(agreements=(nearly, expired, wrong)).decide().reason == "dsa-data-class"


def test_basis_is_the_term_that_costs_least(world: Any) -> None:
    """Among covering terms the one that redacts fewest elements gives redactions and obligations."""
    masking = {"purposes": ["TREAT"], "elements_redacted": ["Observation.note"], "obligations": ["DELAU"]}
    plain = {"purposes": ["TREAT"], "elements_redacted": ["Patient.address"], "obligations": ["CPLYPOL"]}
    asked = world.scene.but(pack="opt-out")
    first = asked.but(agreements=(world.signed(world.agreement(terms=[masking])),)).decide()
    assert (first.effect, first.redactions) == ("permit-redacted", ("Observation.note",))
    both = asked.but(agreements=(world.signed(world.agreement(terms=[masking, plain])),)).decide()
    assert (both.redactions, both.obligations) == ((), ("AUDIT", "CPLYPOL"))


def test_break_glass_rests_on_an_agreement_that_allows_it(world: Any) -> None:
    """The obligations of a grant are those of the emergency basis."""
    calm = world.signed(world.agreement(id="A", emergency=False))
    urgent = world.signed(
        world.agreement(
            id="B", terms=[{"purposes": ["TREAT"], "max_confidentiality": "V", "obligations": ["DELAU"]}]
        )
    )
    asked = world.scene.but(consents=(world.consent({"type": "deny"}),), asking=world.emergency)
    assert asked.but(agreements=(calm,)).decide().reason == "emergency-not-eligible"
    assert "DELAU" in asked.but(agreements=(calm, urgent)).decide().obligations


def test_same_terms_travel_along(world: Any) -> None:
    """Onward on the same terms: a term of the origin must cover, and its obligations go with the copy."""
    context = replace(world.scene.context, received_under="D0")
    asked = world.scene.but(pack="opt-out", context=context)
    for purposes, want in (
        (["TREAT"], "implied:care-and-operations"),
        (["HRESCH"], "onward-sharing-forbidden"),
    ):
        terms = [{"purposes": purposes, "obligations": ["NODSCLCDS"]}]
        origin = world.signed(world.agreement(id="D0", providers=["lab-c"], recipients=["gp-fern"],
                                              onward="same-terms", terms=terms))  # fmt: skip
        decision = asked.but(agreements=(*world.scene.agreements, origin)).decide()
        assert decision.reason == want
        assert want.startswith("onward") or "NODSCLCDS" in decision.obligations


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("agreement", {"status": "active"}),
    ("agreement.providers", {"providers": []}),
    ("agreement.effective.start", {"effective": {"end": "2027"}}),
    ("agreement.effective.start", {"effective": {"start": "soon"}}),
    ("agreement.terms", {"terms": []}),
    ("agreement.terms[0].purposes[0]", {"terms": [{"purposes": ["LUNCH"]}]}),
    ("agreement.terms[0].obligations[0]", {"terms": [{"purposes": ["TREAT"], "obligations": ["DANCE"]}]}),
    (
        "agreement.terms[0].max_confidentiality",
        {"terms": [{"purposes": ["TREAT"], "max_confidentiality": "Z"}]},
    ),
    (
        "agreement.terms[0].elements_redacted",
        {"terms": [{"purposes": ["TREAT"], "elements_redacted": ["address"]}]},
    ),
    ("agreement.onward", {"onward": "maybe"}),
    ("agreement.version", {"version": "4"}),
    ("agreement.emergency", {"emergency": "yes"}),
    ("agreement.id", {"id": "no spaces please"}),
]


@pytest.mark.parametrize(
    ("path", "members"), REFUSED, ids=[f"{one[0]}-{at}" for at, one in enumerate(REFUSED)]
)
def test_document_that_cannot_be_computed_is_refused(world: Any, path: str, members: dict[str, Any]) -> None:
    """An agreement loads whole or not at all, and the refusal names the member."""
    with pytest.raises(Uncomputable) as refused:
        world.signed(world.agreement(**members), "gp-fern")
    assert refused.value.path == path


def test_stored_agreement_is_read_with_its_statements(world: Any) -> None:
    """What the registry keeps becomes the value that decides; a document under another id is refused."""
    at = datetime(2025, 1, 1, tzinfo=UTC)
    signed = tuple(StoredStatement("D1", 1, org, "sign", at, None, b"jws") for org in (GP, TRUST))
    stored = StoredAgreement("D1", 1, at, json.dumps(world.agreement()).encode(), signed)
    agreement = agreement_from_stored(stored)
    assert agreement.in_force(NOW)
    assert agreement.ref == "D1@1"
    with pytest.raises(Uncomputable):
        agreement_from_stored(replace(stored, version=2))
