"""Edges that only a changed sign or connective shows: the very first moment, one signature, an empty code."""

from typing import Any

from consent.agreement import SharingAgreement, Statement, agreement_from_json, counting
from consent.digest import ResourceContext, digest
from consent.floor import FloorRule
from consent.instants import interval
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
