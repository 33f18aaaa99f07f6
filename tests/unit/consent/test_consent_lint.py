"""`consent.lint`: what is computable, and may still mean something else than its author thinks."""

import json
from typing import Any

import pytest

from consent.lint import cautions_of_consent, tied
from consent.record import ConsentView, consent_from_json

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
LEVELS = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
PSY = {"system": ACT_CODE, "code": "PSY"}
TREAT = {"purpose": [{"system": REASON, "code": "TREAT"}]}
TYPE = {"class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}]}


def view(provision: dict[str, Any], **more: Any) -> ConsentView:
    scope = {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
        ]
    }
    document = {"resourceType": "Consent", "status": "active", "scope": scope, "category": [{"text": "x"}],
                "patient": {"reference": "Patient/careful"}, "dateTime": "2026-01-01T00:00:00Z",
                "provision": provision} | more  # fmt: skip
    found = consent_from_json(json.loads(json.dumps(document)))
    assert not found.faults
    return found


def codes(provision: dict[str, Any], **more: Any) -> list[str]:
    return [one.code for one in cautions_of_consent(view(provision, **more))]


def level(code: str) -> dict[str, str]:
    return {"system": LEVELS, "code": code}


def actor(reference: str) -> list[dict[str, Any]]:
    role = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]
    }
    return [{"role": role, "reference": {"reference": reference}}]


def test_a_plain_permit_and_a_plain_refusal_are_clean() -> None:
    """What says only whom and what for draws no caution."""
    assert codes({"type": "permit", **TREAT, "actor": actor("Organization/east")}) == []
    assert codes({"type": "deny", **TREAT, "actor": actor("Organization/east")}) == []


def test_a_data_filter_on_a_permit_withholds_all_else_where_silence_permits() -> None:
    """Under an opt-out law it is a limit; under opt-in everything else was withheld anyway; a child is none."""
    limited = {"type": "permit", **TREAT, **TYPE}
    assert codes(limited) == ["limit"]
    assert cautions_of_consent(view(limited), opt_out=False) == ()
    assert codes({"type": "permit", **TREAT, "provision": [{"type": "deny", **TYPE}]}) == []


@pytest.mark.parametrize(("levels", "expected"), [("N", ["never-matches"]), ("R", []), ("NR", []), ("", [])])
def test_a_permit_up_to_normal_never_covers_what_is_sensitive(levels: str, expected: list[str]) -> None:
    """Sensitive data are R at least; with R listed too, or no level at all, it can match."""
    labels = [PSY, *(level(code) for code in levels)]
    inner = {"type": "permit", **TREAT, "provision": [{"type": "permit", "securityLabel": labels}]}
    assert codes(inner) == expected


def test_a_permit_up_to_normal_without_a_sensitivity_can_match() -> None:
    """Normal data exist: nothing to say."""
    inner = {"type": "permit", **TREAT, "provision": [{"type": "permit", "securityLabel": [level("N")]}]}
    assert codes(inner) == []


def test_never_matches_is_said_of_permits_alone() -> None:
    """A refusal of PSY and N touches either."""
    assert codes({"type": "deny", **TREAT, "securityLabel": [PSY, level("N")]}) == []


def test_a_rejected_consent_is_silent() -> None:
    """FHIR's `rejected` is no refusal here; a caution leads to a provision of type deny."""
    assert codes({"type": "permit", **TREAT}, status="rejected") == ["rejected-is-silent"]


@pytest.mark.parametrize(
    ("provision", "code", "path"),
    [
        ({"type": "deny", **TREAT, "actor": actor("Practitioner/p1")}, "person-denied", "provision.actor"),
        (
            {"type": "deny", "purpose": [{"system": REASON, "code": "ETREAT"}]},
            "emergency-refused",
            "provision.purpose",
        ),
        (
            {"type": "deny", **TREAT, **TYPE, "provision": [{"type": "permit", **TREAT}]},
            "restores-only",
            "provision.provision",
        ),
    ],
)
def test_a_refusal_that_reaches_further_or_less_far_than_it_looks(
    provision: dict[str, Any], code: str, path: str
) -> None:
    """Each has its code and the path of the element, also as a child; as a permit it says nothing."""
    (found,) = cautions_of_consent(view(provision))
    assert (found.code, found.path) == (code, f"Consent.{path}")
    nested = {"type": "permit", **TREAT, "provision": [provision]}
    (found,) = cautions_of_consent(view(nested))
    assert (found.code, found.path) == (
        code,
        f"Consent.{path.replace('provision.', 'provision.provision[0].', 1)}",
    )


def test_a_permit_of_a_person_or_an_emergency_is_clean() -> None:
    """The three cautions about refusals are of refusals."""
    emergency = {"purpose": [{"system": REASON, "code": "ETREAT"}]}
    assert codes({"type": "permit", **emergency, "actor": actor("Practitioner/p1")}) == []
    assert codes({"type": "deny", **TREAT, "provision": [{"type": "permit", **TYPE}]}) == []
    assert codes({"type": "deny", **TREAT, **TYPE, "provision": [{"type": "deny", **TREAT}]}) == []


def test_a_tie_is_two_active_ones_of_one_key_and_instant() -> None:
    """Another instant, another policy, or a withdrawn one is no tie."""
    permit = {"type": "permit", **TREAT}
    one, same = view(permit), view({"type": "deny", **TREAT})
    later = view(permit, dateTime="2026-01-02T00:00:00Z")
    other = view(permit, policy=[{"uri": "urn:x"}])
    withdrawn = view(permit, status="inactive")
    assert tied([one, later, other, withdrawn]) == (False, False, False, False)
    assert tied([one, later, same, other]) == (True, False, True, False)
    assert tied([withdrawn, withdrawn]) == (False, False)
