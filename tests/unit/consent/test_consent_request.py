"""The flat JSON of a request, of the register and of source rules: strict, and what comes back is what went in."""

from typing import Any

import pytest

from consent.directory import directory_from_json
from consent.errors import Uncomputable
from consent.request import access_request_from_json, access_request_to_json
from consent.source_rules import source_rules_from_json

WHOLE: dict[str, Any] = {
    "id": "r1", "org": "hosp-ash", "subject": "Patient/p", "at": "2026-03-01T09:30:00.000000Z",
    "purpose": ["TREAT", "ETREAT"], "roles": ["doctor"], "practitioner": "dr-ivy", "action": "disclose",
    "person": "RelatedPerson/r", "emergency": {"declared": True, "reason": "fell", "code": "x"},
    "mandate": "court-order", "as_of": "2026-02-01T00:00:00.000000Z", "scope": {"types": ["Observation"]},
}  # fmt: skip


def test_request_survives_its_json() -> None:
    """Every member comes back; one purpose may stand alone; the least request has the documented defaults."""
    request = access_request_from_json(WHOLE, own=True)
    assert access_request_to_json(request) == WHOLE
    least = access_request_from_json(
        {"org": "o", "subject": "https://x/Patient/p", "purpose": "TREAT", "at": "2026-03-01T10:30:00+01:00"},
        id="i",
    )
    assert (least.id, least.subject, least.purpose, least.action) == ("i", "Patient/p", ("TREAT",), "access")
    assert least.known_at == least.at == request.at


def test_mandate_from_the_wire_is_discarded() -> None:
    """Only the custodian's own staff enter a mandate."""
    assert access_request_from_json(WHOLE).mandate is None


@pytest.mark.parametrize(("path", "members"), [
    ("access.org", {"org": None}), ("access.subject", {"subject": 7}), ("access.at", {"at": "2026-03-01"}),
    ("access.at", {"at": "2026-03-01T99:00:00Z"}), ("access.action", {"action": "sell"}),
    ("access.purpose[1]", {"purpose": ["TREAT", 3]}), ("access.purpose", {"purpose": {}}),
    ("access.roles", {"roles": "doctor"}), ("access", {"colour": "blue"}),
    ("access.emergency.declared", {"emergency": {"declared": "yes"}}),
    ("access.emergency.reason", {"emergency": {"declared": True, "reason": 1}}),
])  # fmt: skip
def test_malformed_request_is_refused_with_its_path(path: str, members: dict[str, Any]) -> None:
    """A request that is not of this shape is nobody's question."""
    with pytest.raises(Uncomputable) as refused:
        access_request_from_json(WHOLE | members)
    assert refused.value.path == path
    with pytest.raises(Uncomputable):
        access_request_from_json(["no object"])


@pytest.mark.parametrize(("path", "members"), [
    ("directory", {"moons": {}}), ("directory.births", {"births": {"Patient/p": "long ago"}}),
    ("directory.proxies[0].kind", {"proxies": [
        {"proxy": "RelatedPerson/a", "patient": "Patient/b", "kind": "friend", "rights": [], "verified": True}]}),
    ("directory.groups", {"groups": {"g": "dr-ivy"}}), ("directory.org_parent", {"org_parent": []}),
])  # fmt: skip
def test_malformed_register_is_refused(path: str, members: dict[str, Any]) -> None:
    """The register loads whole or not at all."""
    with pytest.raises(Uncomputable) as refused:
        directory_from_json(members)
    assert refused.value.path == path


def test_chain_ends_where_it_closes() -> None:
    """A cycle of parents is walked once."""
    directory = directory_from_json({"org_parent": {"a": "b", "b": "c", "c": "a"}})
    assert directory.chain("a") == ("a", "b", "c")
    assert directory.under("a", "c") and directory.related("c", "b")


@pytest.mark.parametrize(("path", "rule"), [
    ("rules[0].effect", {"effect": "permit"}), ("rules[0].code", {"effect": "deny"}),
    ("rules[0].elements", {"effect": "redact"}), ("rules[0].elements", {"effect": "redact", "elements": ["note"]}),
    ("rules[0].when.label[0]", {"effect": "deny", "code": "c", "when": {"label": ["MOOD"]}}),
    ("rules[0].when", {"effect": "deny", "code": "c", "when": {"moon": []}}),
    ("rules[0].when.purpose[0]", {"effect": "deny", "code": "c", "when": {"purpose": ["LUNCH"]}}),
])  # fmt: skip
def test_source_rule_that_cannot_be_computed_is_refused(path: str, rule: dict[str, Any]) -> None:
    """A hold that would never match must not load silently."""
    with pytest.raises(Uncomputable) as refused:
        source_rules_from_json([rule])
    assert refused.value.path == path


@pytest.mark.parametrize(("when", "security", "held"), [
    ({}, (), True), ({"label": ["R"]}, (), False), ({"label": ["R"]}, ("V",), True), ({"label": ["MH"]}, ("PSY",), True),
    ({"label": ["MH"], "purpose": ["HRESCH"]}, ("PSY",), False), ({"resourceType": ["Condition"]}, (), False),
    ({"role_not_in": ["doctor"]}, (), False), ({"role_not_in": ["nurse"]}, (), True), ({"tag": "42CFRPart2"}, (), False),
])  # fmt: skip
def test_conditions_of_a_source_rule_are_anded(world: Any, when: Any, security: Any, held: bool) -> None:
    """Labels include what lies below, confidentiality what lies above; every condition must hold."""
    rule = {"effect": "deny", "code": "hold", "when": when}
    decision = world.scene.but(pack="opt-out", resource=world.observation(*security), rules=[rule]).decide()
    assert (decision.reason == "hold") is held
