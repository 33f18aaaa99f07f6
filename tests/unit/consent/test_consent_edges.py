"""Edges that only a changed sign or connective shows: the very first moment, one signature, an empty code."""

from dataclasses import replace
from typing import Any

from consent.agreement import SharingAgreement, Statement, agreement_from_json, counting
from consent.digest import ResourceContext, digest
from consent.directory import Proxy
from consent.floor import FloorRule
from consent.instants import interval
from consent.plan import plan
from consent.sharing import standing_stage

START = "2026-01-01T00:00:00Z"


def agreement(version: int, *signed: str) -> SharingAgreement:
    document: dict[str, Any] = {
        "id": "D1", "version": version, "providers": ["gp"], "recipients": ["trust"],
        "effective": {"start": START}, "terms": [{"purposes": ["TREAT"]}],
    }  # fmt: skip
    return agreement_from_json(document, tuple(Statement(org, "sign", 0) for org in signed))


def test_an_agreement_stands_from_its_first_microsecond() -> None:
    """At its start it stands; one before, it does not yet."""
    at = (interval(START) or (0, 0))[0]
    both = agreement(1, "gp", "trust")
    assert standing_stage(both, ("gp",), ("trust",), at) is None
    assert standing_stage(both, ("gp",), ("trust",), at - 1) == 4


def test_a_new_version_that_one_side_signed_takes_no_place() -> None:
    """The version that both signed counts until both have signed the next one."""
    at = (interval(START) or (0, 0))[0]
    old, new = agreement(1, "gp", "trust"), agreement(2, "gp")
    assert counting([new, old], at) == (old,)
    assert counting([agreement(2, "trust"), old], at) == (old,)
    assert counting([agreement(2, "gp", "trust"), old], at)[0].version == 2


def test_a_sensitivity_with_an_empty_code_is_one_that_no_permit_lists() -> None:
    """It counts as unreadable, and raises the level."""
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": ""}
    facts = digest({"resourceType": "Basic", "meta": {"security": [label]}}, ResourceContext(custodian="gp"))
    assert facts.labels.sensitivities == ("?",)
    assert facts.labels.confidentiality == "ULMNRV".index("R")


def test_a_rule_that_says_nothing_of_mandates_holds_under_one() -> None:
    """Only `not_mandate` looks away from it."""
    assert FloorRule("OPT_OUT", "x").asked("TREAT", "court-order")
    assert not FloorRule("OPT_OUT", "x", not_mandate=True).asked("TREAT", "court-order")


def test_masking_what_is_not_there_changes_nothing() -> None:
    """A path of an element that the resource lacks."""
    from consent.redact import redact

    cut = redact({"resourceType": "Basic", "id": "b"}, ["Basic.author"])
    assert "author" not in cut
    assert "_author" not in cut


def test_a_refusal_of_data_that_nobody_names_touches_everything() -> None:
    """`data` without a reference is unknown: it counts in a denial, never in a permit."""
    from consent.directory import Directory
    from consent.patient import hear, speaking
    from consent.provision import Asked
    from consent.record import consent_from_json
    from consent.tree import DENY, LIMIT

    at = (interval(START) or (0, 0))[0]
    asked = Asked(at=at, purpose="TREAT", action="access", org="ward", chain=("ward",), custodian_chain=("gp",),
                  practitioner=None, roles=(), directory=Directory())  # fmt: skip
    facts = digest(
        {"resourceType": "Basic", "subject": {"reference": "Patient/p"}}, ResourceContext(custodian="gp")
    )
    for kind, value in (("deny", DENY), ("permit", LIMIT)):
        document = {
            "resourceType": "Consent", "status": "active", "dateTime": "2025", "patient": {"reference": "Patient/p"},
            "scope": {"coding": [{"code": "patient-privacy"}]},
            "provision": {"type": kind, "data": [{"meaning": "instance"}]},
        }  # fmt: skip
        heard = hear(speaking([consent_from_json(document)], "Patient/p", asked, at, (), 11), facts)
        assert heard.value == value


DENY = {"type": "deny"}
NOW = "2026-03-01T09:30:00Z"


def said(world: Any, *consents: Any, **parts: Any) -> str:
    return str(world.scene.but(consents=consents, **parts).decide().reason)


def test_a_consent_holds_in_its_first_and_last_moment(world: Any) -> None:
    """Both ends of a period belong to it (FHIR Period); a microsecond outside it is silent."""
    for period in ({"start": NOW}, {"end": NOW}, {"start": NOW, "end": NOW}):
        assert said(world, world.consent({"type": "permit", "period": period})) == "consent-permit", period
    for period in ({"start": "2026-03-01T09:30:00.000001Z"}, {"end": "2026-03-01T09:29:59.999999Z"}):
        assert said(world, world.consent({"type": "permit", "period": period})) == "no-consent", period


def test_what_a_consent_refuses_inside_ends_with_it(world: Any) -> None:
    """A consent that is over, or not yet valid, is silent as a whole: its inner refusal too."""
    inside = {"type": "permit", "provision": [DENY]}
    assert said(world, world.consent(inside), pack="opt-out") == "consent-deny"
    for period in ({"end": "2026-02-28"}, {"start": "2026-03-02"}):
        over = world.consent({**inside, "period": period})
        assert said(world, over, pack="opt-out").startswith("implied:"), period


def test_the_right_of_a_parent_ends_on_the_birthday(world: Any) -> None:
    """On the day of the age named by the pack it is gone, on the day before it is not."""
    born = world.scene.directory
    asking = {
        "person": "RelatedPerson/mother",
        "purpose": ("FAMRQT",),
        "subject": world.child,
        "practitioner": None,
    }
    resource = {**world.observation(), "subject": {"reference": world.child}}
    limit = min(world.scene.floor.parental_until, 16)
    for birth, want in (
        (f"{2026 - limit}-03-01", "proxy-suspended-age"),
        (f"{2026 - limit}-03-02", "proxy-access"),
    ):
        register = replace(born, births={**born.births, world.child: birth})
        assert said(world, asking=asking, resource=resource, directory=register) == want, birth


def test_a_review_is_overdue_after_thirty_days_of_grace_unless_it_says_otherwise(world: Any) -> None:
    """`review_grace_days` is 30 where it is left out (consent.md 5)."""
    due = agreement_from_json(world.agreement(), ()).review_grace_days
    assert due == 30


def test_instants_at_the_edge_of_what_is_a_time() -> None:
    """The widest offset is fourteen hours; what is finer than a microsecond is cut."""
    assert interval("2026-01-01T00:00:00+14:00") == interval("2025-12-31T10:00:00Z")
    assert interval("2026-01-01T00:00:00+15:00") is None
    assert interval("2026-01-01T00:00:00.1234567Z") == interval("2026-01-01T00:00:00.123456Z")


def test_an_open_end_is_within_no_period_that_ends(world: Any) -> None:
    """A resource that goes on is covered by a permit without an end of its data, not by one with an end."""
    resource = world.observation(effectivePeriod={"start": "2024-05-02"})
    del resource["effectiveDateTime"]
    for period, want in (
        ({"start": "2024"}, "consent-permit"),
        ({"start": "2024", "end": "2030"}, "outside-permitted-data"),
    ):
        consent = world.consent({"type": "permit", "dataPeriod": period})
        assert said(world, consent, resource=resource) == want, period


def test_a_level_is_one_of_its_own_code_system(world: Any) -> None:
    """`R` as an act code is no confidentiality, nor are two letters of the ladder one level."""
    for system, code in (("ActCode", "R"), ("Confidentiality", "NR"), ("Confidentiality", "X")):
        one = world.consent({"type": "permit", "securityLabel": [world.coding(system, code)]})
        assert said(world, one) != "consent-permit", (system, code)


def test_who_is_blocked_breaks_no_glass_named_or_not(world: Any) -> None:
    """A review blocks a named person, or those who do not give their name: each alone, and only them."""
    register = world.scene.directory
    refusal = world.consent(DENY)
    for practitioner in ("dr-ivy", None):
        asking = {**world.emergency, "practitioner": practitioner}
        for blocked in ("dr-ivy", ""):
            found = said(
                world, refusal, asking=asking, directory=replace(register, blocked=frozenset({blocked}))
            )
            assert (found == "break-glass") == (blocked != (practitioner or "")), (practitioner, blocked)


def test_data_that_ends_as_a_refused_span_begins_is_touched_by_it(world: Any) -> None:
    """Both ends belong to a dataPeriod: a common microsecond is an overlap, one apart is none."""
    resource = world.observation(effectivePeriod={"start": "2020", "end": "2024-05-02T00:00:00Z"})
    del resource["effectiveDateTime"]
    for start, want in (("2024-05-02T00:00:00Z", True), ("2024-05-02T00:00:00.000001Z", False)):
        refusal = world.consent({"type": "deny", "dataPeriod": {"start": start}})
        assert (said(world, refusal, resource=resource, pack="opt-out") == "consent-deny") is want, start


def test_a_leap_second_is_the_one_before_and_no_second_comes_after_it() -> None:
    """:60 is a time (FHIR instant), :61 is none; the last second of a minute stays itself."""
    assert interval("2016-12-31T23:59:60Z") == interval("2016-12-31T23:59:59Z")
    assert interval("2016-12-31T23:59:59Z") != interval("2016-12-31T23:59:58Z")
    assert interval("2016-12-31T23:59:61Z") is None


def test_a_proxy_acts_from_the_first_to_the_last_moment_of_her_right(world: Any) -> None:
    """The period of a right includes both its ends."""
    at = (interval(NOW) or (0, 0))[0]
    for start, end, want in (
        (at, at, True),
        (at + 1, None, False),
        (None, at - 1, False),
        (None, None, True),
    ):
        right = Proxy(
            "RelatedPerson/r", world.patient, "delegate", frozenset({"view"}), True, start=start, end=end
        )
        assert right.current("view", at) is want, (start, end)


def test_no_lawful_basis_for_some_patients_is_not_told_before_the_patient_is_known(world: Any) -> None:
    """A ban that a patient's flag or a resource's tag brings refuses later, and reads not-available."""
    for condition in ({"flag": "s-flag"}, {"tag": "42CFRPart2"}, {}):
        ban = FloorRule("FORBID", "no-lawful-basis", **condition)
        floor = replace(world.scene.floor, rules=(*world.scene.floor.rules, ban))
        made = plan(world.scene.request, world.scene.directory, floor, world.scene.agreements, ())
        assert (made.refusal("gp-fern") is None) == bool(condition), condition


def test_a_complex_element_is_masked_as_itself_a_primitive_beside_itself() -> None:
    """R4 JSON: an object takes the mark in its place, a primitive in the member with the underscore."""
    from consent.redact import redact

    made = redact(
        {"resourceType": "Patient", "maritalStatus": {"text": "m"}, "gender": "other"},
        ["Patient.maritalStatus", "Patient.gender"],
    )
    mark = {"extension": [{"url": made["maritalStatus"]["extension"][0]["url"], "valueCode": "masked"}]}
    assert (made["maritalStatus"], made["_gender"]) == (mark, mark)
    assert made.keys().isdisjoint({"gender", "_maritalStatus"})
