"""Which consents of a patient count, and what several of them say together."""

from typing import Any

import pytest

from consent.instants import micros
from consent.record import consent_from_json

PERMIT, DENY = {"type": "permit"}, {"type": "deny"}
POLICY = {"policy": [{"uri": "urn:another-key"}]}


def reason(w: Any, *consents: Any, **parts: Any) -> str:
    return str(w.scene.but(consents=consents, **parts).decide().reason)


def test_newest_of_a_key_supersedes(world: Any) -> None:
    """The newest by dateTime stands, whichever comes first in the list."""
    old, new = world.consent(DENY), world.consent(PERMIT, id="c2", dateTime="2026-01-01")
    assert reason(world, old, new) == reason(world, new, old) == "consent-permit"


def test_a_refusal_dated_by_day_is_not_superseded_within_that_day(world: Any) -> None:
    """A day may mean its last moment: the unknown counts against access. The day after, the newest stands."""
    refusal = world.consent(DENY, id="c2", dateTime="2026-01-01")
    same_day = world.consent(PERMIT, dateTime="2026-01-01T09:00:00Z")
    assert reason(world, same_day, refusal) == reason(world, refusal, same_day) == "consent-deny"
    assert reason(world, refusal, world.consent(PERMIT, dateTime="2026-01-02")) == "consent-permit"


def test_withdrawn_newest_does_not_resurrect_an_older_one(world: Any) -> None:
    """A withdrawal supersedes and then is silent; what was entered in error, a draft or a proposal is nothing."""
    old = world.consent(PERMIT)
    for status, want in (
        ("inactive", "no-consent"),
        ("rejected", "no-consent"),
        ("entered-in-error", "consent-permit"),
        ("draft", "consent-permit"),
        ("proposed", "consent-permit"),
        ("whatever", "consent-uncomputable"),
    ):
        new = world.consent(DENY, id="c2", dateTime="2026-01-01", status=status)
        assert reason(world, old, new) == want, status


def test_expired_newest_does_not_resurrect_an_older_one(world: Any) -> None:
    """It supersedes although it is silent by now."""
    over = world.consent({"type": "permit", "period": {"end": "2026-02"}}, id="c2", dateTime="2026-01-01")
    assert reason(world, world.consent(PERMIT), over) == "no-consent"


def test_refusal_defeats_permit_across_keys(world: Any) -> None:
    """Consents of different policies both speak; the strongest wins, never the newest or most specific."""
    newer = world.consent(
        {"type": "permit", "class": [{"code": "Observation"}]}, id="c2", dateTime="2026-01-01", **POLICY
    )
    assert reason(world, world.consent(DENY), newer) == "consent-deny"


def test_explicit_permits_add_up(world: Any) -> None:
    """A filtered permit is a limit, and yields to another explicit permit."""
    conditions = world.consent({"type": "permit", "class": [{"code": "Condition"}]})
    observations = world.consent({"type": "permit", "class": [{"code": "Observation"}]}, id="c2", **POLICY)
    assert reason(world, conditions) == "outside-permitted-data"
    assert reason(world, conditions, observations) == "consent-permit"
    assert reason(world, conditions, pack="opt-out") == "outside-permitted-data"


def test_last_version_known_then_counts(world: Any) -> None:
    """Replay with an earlier `as_of` sees the version of that time."""
    first = world.consent(PERMIT, meta={"lastUpdated": "2025-03-01T00:00:00Z"})
    second = world.consent(PERMIT, status="inactive", meta={"lastUpdated": "2026-02-28T23:00:00+01:00"})
    assert reason(world, second, first) == "no-consent"
    before = world.scene.but(consents=(first, second), asking={"as_of": world.at.replace(month=1, day=5)})
    assert before.decide().reason == "consent-permit"


def test_version_of_the_registry_breaks_a_tie_of_time(world: Any) -> None:
    """Two versions within one microsecond: the higher one counts."""
    views = [
        consent_from_json(world.consent(PERMIT, status=status), version=number, known=micros(world.at))
        for number, status in ((1, "active"), (2, "inactive"))
    ]
    assert reason(world, *views) == "no-consent"


@pytest.mark.parametrize(("scope", "purpose", "want"), [
    ("research", "TREAT", "no-consent"), ("research", "HRESCH", "consent-permit"),
    ("research", "CLINTRCH", "consent-permit"), ("treatment", "TREAT", "no-consent"), ("adr", "TREAT", "no-consent"),
])  # fmt: skip
def test_scope_decides_what_a_consent_may_speak_about(
    world: Any, scope: str, purpose: str, want: str
) -> None:
    """A research consent answers research only; a treatment consent or an advance directive never speaks."""
    one = world.consent(PERMIT, scope={"coding": [{"code": scope}]})
    assert reason(world, one, asking={"purpose": (purpose,)}) == want


def test_consent_for_another_custodian_is_silent(world: Any) -> None:
    """`organization` names whose records it is about; one that nobody can read denies."""
    for org, want in (("gp-fern", "consent-permit"), ("gp-moss", "no-consent")):
        assert (
            reason(world, world.consent(PERMIT, organization=[{"reference": f"Organization/{org}"}])) == want
        )
    assert reason(world, world.consent(PERMIT, organization=[{"display": "them"}])) == "consent-uncomputable"


def test_future_consent_is_not_known_yet(world: Any) -> None:
    """`dateTime` after `as_of` is silent."""
    assert reason(world, world.consent(PERMIT, dateTime="2026-03-02")) == "no-consent"


def test_unreadable_date_or_patient_counts_against_access(world: Any) -> None:
    """Nobody can say whether it is newest or about her: it denies, and supersedes nothing."""
    for broken in ({"dateTime": "yesterday"}, {"patient": {"display": "her"}}, {"meta": {"lastUpdated": 3}}):
        assert (
            reason(world, world.consent(PERMIT), world.consent(PERMIT, id="c2", **broken))
            == "consent-uncomputable"
        )


def test_all_patients_of_a_resource_must_permit(world: Any) -> None:
    """A resource about two people goes only if both agree."""
    from consent.digest import ResourceContext

    both = ResourceContext("gp-fern", patients=(world.patient, world.child))
    hers = world.consent(PERMIT)
    childs = world.consent(PERMIT, id="c2", patient={"reference": world.child})
    assert reason(world, hers, context=both) == "no-consent"
    assert reason(world, hers, childs, context=both) == "consent-permit"


def test_parent_consents_while_the_child_is_young(world: Any) -> None:
    """Authority is tested at the consent's own date: a consent given before the age stays valid after it."""
    teen = world.observation(subject={"reference": world.teen})
    for given, want in (("2020-01-01", "consent-permit"), ("2025-01-01", "performer-not-authorised")):
        one = world.consent(
            PERMIT,
            patient={"reference": world.teen},
            dateTime=given,
            performer=[{"reference": "RelatedPerson/mother"}],
        )
        assert reason(world, one, resource=teen, asking={"subject": world.teen}) == want


def test_refusal_by_one_without_the_right_stands(world: Any) -> None:
    """Only permits are void; a refusal is honoured pending review."""
    stranger = [{"reference": "RelatedPerson/stranger"}]
    assert reason(world, world.consent(DENY, performer=stranger), pack="opt-out") == "consent-deny"


def test_permit_recorded_elsewhere_needs_an_agreement_to_record(world: Any) -> None:
    """A member may record permits for this custodian only if their agreement says so; its refusals always count."""
    recorded = consent_from_json(world.consent(PERMIT), recorder="gp-moss")
    refused = consent_from_json(world.consent(DENY), recorder="gp-moss")
    usual = world.scene.agreements
    may = world.signed(world.agreement(id="D7", recipients=["gp-moss"], records_consent=True))
    may_not = world.signed(world.agreement(id="D7", recipients=["gp-moss"]))
    assert reason(world, recorded) == "performer-not-authorised"
    assert reason(world, recorded, agreements=(*usual, may_not)) == "performer-not-authorised"
    assert reason(world, recorded, agreements=(*usual, may)) == "consent-permit"
    assert reason(world, refused) == "consent-deny"


def _versions(id: str, given: str, kind: str, *statuses: str) -> list[dict[str, Any]]:
    return [
        {"resourceType": "Consent", "id": id, "status": status, "dateTime": given,
         "meta": {"lastUpdated": f"2025-0{n}-01T00:00:00Z", "versionId": str(n)},
         "scope": {"coding": [{"code": "patient-privacy"}]}, "patient": {"reference": "Patient/p"},
         "provision": {"type": kind}}
        for n, status in enumerate(statuses, 5)
    ]  # fmt: skip


@pytest.mark.parametrize(("older", "newer", "statuses", "value"), [
    ("permit", "deny", ("active", "inactive"), "NA"),
    ("permit", "deny", ("active", "inactive", "entered-in-error"), "NA"),
    ("permit", "deny", ("active", "entered-in-error"), "PERMIT"),
    ("permit", "deny", ("entered-in-error",), "PERMIT"),
    ("deny", "permit", ("active", "inactive", "entered-in-error"), "DENY"),
    ("deny", "permit", ("active", "inactive"), "NA"),
])  # fmt: skip
def test_an_error_after_a_withdrawal_frees_no_permit(
    older: str, newer: str, statuses: tuple[str, ...], value: str
) -> None:
    """The older permit stays silent, the older refusal speaks; an error alone is as if it had never been."""
    from datetime import UTC, datetime

    from consent.digest import ResourceContext, digest
    from consent.directory import Directory
    from consent.instants import micros
    from consent.patient import hear, speaking
    from consent.provision import Asked
    from consent.record import consent_from_json
    from consent.tree import VALUES

    at = micros(datetime(2026, 1, 1, tzinfo=UTC))
    asked = Asked(at=at, purpose="TREAT", action="access", org="ward", chain=("ward",), custodian_chain=("gp",),
                  practitioner=None, roles=(), directory=Directory())  # fmt: skip
    held = [*_versions("c1", "2024-01-01", older, "active"), *_versions("c2", "2024-06-01", newer, *statuses)]
    views = []
    for n, one in enumerate(held):
        views.append(consent_from_json(one, version=n))
    facts = digest(
        {"resourceType": "Basic", "subject": {"reference": "Patient/p"}}, ResourceContext(custodian="gp")
    )
    heard = hear(speaking(views, "Patient/p", asked, at, (), 11), facts)
    assert VALUES[heard.value] == value
    assert value != "NA" or heard.code == "no-consent"


def test_two_that_claim_to_be_the_same_version_both_speak(world: Any) -> None:
    """Of one id nothing says which text came last: the refusal is heard whichever comes first."""
    one, other = world.consent(PERMIT), world.consent(DENY)
    assert reason(world, one, other) == reason(world, other, one) == "consent-deny"
