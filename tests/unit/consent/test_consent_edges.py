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
