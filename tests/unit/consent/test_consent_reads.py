"""One plan, resources that differ in one thing: a decision is shared only where no rule can tell them apart."""

from dataclasses import replace
from typing import Any

import pytest

from consent.digest import ResourceContext
from consent.facts import Facts
from consent.floor import floor_from_json
from consent.plan import plan
from consent.reads import _ALWAYS, _BY_ELEMENT, _DATES, key_of_facts
from consent.source_rules import source_rules_from_json

LOINC = "http://loinc.org"


def of_code(code: str) -> dict[str, Any]:
    return {"coding": [{"system": LOINC, "code": code}]}


FILTERS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("class", {"class": [{"system": "http://hl7.org/fhir/StructureDefinition", "code": "urn:p"}]},
     {}, {"meta": {"profile": ["urn:p"]}}),
    ("code", {"code": [of_code("1-1")]}, {}, {"code": of_code("1-1")}),
    ("any code", {"code": [of_code("1-1")]}, {}, {"bodySite": of_code("1-1")}),
    ("text only", {"code": [of_code("1-1")]}, {}, {"code": {"text": "pulse"}}),
    ("dates", {"dataPeriod": {"start": "2020", "end": "2020"}}, {}, {"effectiveDateTime": "2020-02-02"}),
    ("undated", {"dataPeriod": {"start": "2020", "end": "2020"}}, {}, {"effectiveDateTime": None}),
    ("instance", {"data": [{"meaning": "instance", "reference": {"reference": "Observation/o9"}}]},
     {}, {"id": "o9"}),
    ("related", {"data": [{"meaning": "related", "reference": {"reference": "Encounter/e9"}}]},
     {}, {"encounter": {"reference": "Encounter/e9"}}),
    ("author", {"data": [{"meaning": "authoredby", "reference": {"reference": "Practitioner/dr-ivy"}}]},
     {"performer": [{"reference": "Practitioner/dr-yew"}]}, {"performer": [{"reference": "Practitioner/dr-ivy"}]}),
    ("label", {"securityLabel": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]},
     {}, {"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]}}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "filtered", "plain", "hit"), FILTERS, ids=[row[0] for row in FILTERS])
def test_what_a_provision_asks_of_a_resource_tells_resources_apart(
    world: Any, what: str, filtered: Any, plain: Any, hit: Any
) -> None:
    """In one plan the resource that a denial touches is refused, the other is not, whichever comes first."""
    scene = world.scene.but(pack="opt-out", consents=(world.consent({"type": "deny"} | filtered),))
    one, other = (scene.but(resource=world.observation(**members)) for members in (plain, hit))
    assert one.decide().effect == "permit"
    assert other.decide().effect == "deny"
    for order in ((one, other), (other, one)):
        made = plan(scene.request, scene.directory, scene.floor, scene.agreements, scene.views)
        for asked in (*order, *order):
            assert made.decide(asked.facts) == asked.decide()


CONTEXTS = {
    "ancestor": (
        {"data": [{"meaning": "dependents", "reference": {"reference": "Encounter/e9"}}]},
        {"ancestors": ("Encounter/e9",)},
    ),
    "received under": ({}, {"received_under": "D9"}),
    "tag": ({}, {"tags": ("42CFRPart2",)}),
    "patients": ({}, {"patients": ("Patient/patient-who-is-somebody-else",)}),
    "custodian": ({}, {"custodian": "elsewhere"}),
}


@pytest.mark.parametrize("what", CONTEXTS)
def test_what_the_node_knows_beside_a_resource_tells_resources_apart(world: Any, what: str) -> None:
    """Where it came from, what it hangs on, whose it is and who holds it are read for each."""
    filtered, more = CONTEXTS[what]
    rule = {"type": "deny", **filtered} if filtered else {"type": "permit"}
    scene = world.scene.but(pack="us", consents=(world.consent(rule),))
    other = scene.but(context=ResourceContext(**({"custodian": "gp-fern"} | more)))
    assert scene.decide() != other.decide()
    made = plan(scene.request, scene.directory, scene.floor, scene.agreements, scene.views)
    for asked in (scene, other, scene, other):
        assert made.decide(asked.facts) == asked.decide()


def test_a_term_that_looks_back_tells_resources_apart_by_their_dates(world: Any) -> None:
    """An old result beside a new one: the look-back of the term holds for each."""
    agreed = world.agreement(terms=[{"purposes": ["TREAT"], "lookback_days": 900}])
    scene = world.scene.but(pack="opt-out", agreements=(world.signed(agreed),))
    old = scene.but(resource=world.observation(effectiveDateTime="1999"))
    made = plan(scene.request, scene.directory, scene.floor, scene.agreements, scene.views)
    assert [made.decide(one.facts).effect for one in (scene, old, scene)] == ["permit", "deny", "permit"]


def test_what_masks_elements_is_decided_for_each_resource(world: Any) -> None:
    """Of two resources only the one that has the element loses it, by a term and by a rule of the source."""
    bare = world.observation(note=None)
    del bare["note"]
    agreed = world.agreement(terms=[{"purposes": ["TREAT"], "elements_redacted": ["Observation.note"]}])
    rules = ({"effect": "redact", "elements": ["Observation.note"]},)
    for more in ({"agreements": (world.signed(agreed),)}, {"rules": rules}):
        scene = world.scene.but(pack="opt-out", **more)
        other = scene.but(resource=bare)
        kept = source_rules_from_json(list(scene.rules))
        made = plan(scene.request, scene.directory, scene.floor, scene.agreements, scene.views, kept)
        found = [made.decide(one.facts).effect for one in (other, scene, other)]
        assert found == ["permit", "permit-redacted", "permit"]


def test_every_fact_is_read_somewhere_or_decided_apart(world: Any) -> None:
    """A fact that is added to `Facts` must be named here too: else resources that differ in it would share."""
    named = {*_ALWAYS, *_DATES, *(name for names in _BY_ELEMENT.values() for name in names)}
    assert named | {"paths", "elements"} == set(Facts.__struct_fields__)
    key = key_of_facts(world.scene.agreements, world.scene.views, ())
    assert key is not None
    facts = world.scene.facts
    assert key(facts) == key(replace_paths(facts))


def replace_paths(facts: Facts) -> Facts:
    from msgspec.structs import replace as changed

    return changed(facts, paths={})


def test_alike_resources_share_one_decision(world: Any) -> None:
    """Two results that differ in their id alone are one decision, the very same object."""
    scene = world.scene
    made = plan(scene.request, scene.directory, scene.floor, scene.agreements, scene.views)
    twin = scene.but(resource=world.observation(id="o2"))
    assert made.decide(twin.facts) is made.decide(scene.facts)
    assert replace(made, _key=None).decide(twin.facts) == made.decide(scene.facts)


def test_an_action_that_is_not_listed_is_false_and_an_unknown_one_is_unknown(world: Any) -> None:
    """A denial of an act nobody knows is heard; one of another act is not."""
    for code, effect in (("correct", "permit"), ("juggle", "deny")):
        rule = {"type": "deny", "action": [{"coding": [{"code": code}]}]}
        scene = world.scene.but(pack="opt-out", consents=(world.consent(rule),))
        assert scene.decide().effect == effect, code


def test_a_period_of_an_exception_that_is_over_says_nothing(world: Any) -> None:
    """The refusal held until last year: within it, it is heard."""
    for end, effect in (("2024", "permit"), ("2027", "deny")):
        child = {"type": "deny", "period": {"end": end}}
        scene = world.scene.but(consents=(world.consent({"type": "permit", "provision": [child]}),))
        assert scene.decide().effect == effect


def test_a_resource_with_labels_deep_inside_is_surveyed_to_the_bottom(world: Any) -> None:
    """Inside lists, of primitives' siblings too; a member that is no object is passed over."""
    inline = {
        "url": "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label",
        "valueCoding": world.labels("PSY")[0],
    }
    resource = world.observation(
        note=[{"text": "x", "extension": [inline]}, "no object"],
        _status={"extension": [inline]},
        contained=[{"resourceType": "Patient", "meta": {"security": world.labels("HIV")}}],
        performer="nobody",
    )
    facts = world.scene.but(resource=resource).facts
    assert {one.path for one in facts.elements} == {
        "Observation.note[0]",
        "Observation.status",
        "Observation.contained[0]",
    }
    assert facts.authors == frozenset()


def test_what_a_child_asks_of_a_resource_is_read_too(world: Any) -> None:
    """The filter stands in an exception of the permit alone: resources differ by it all the same."""
    child = {"type": "deny", "code": [of_code("1-1")]}
    scene = world.scene.but(consents=(world.consent({"type": "permit", "provision": [child]}),))
    other = scene.but(resource=world.observation(code=of_code("1-1")))
    made = plan(scene.request, scene.directory, scene.floor, scene.agreements, scene.views)
    assert [made.decide(one.facts).effect for one in (scene, other, scene)] == ["permit", "deny", "permit"]


def test_what_is_no_coding_and_no_object_is_passed_over(world: Any) -> None:
    """A text among codings, a meta inside a contained author: no code, no reference, no fault."""
    held = {
        "resourceType": "Practitioner",
        "meta": {"profile": ["urn:p"]},
        "managing": {"reference": "Organization/o"},
    }
    facts = world.scene.but(
        resource=world.observation(code={"coding": ["heart rate"]}, performer=[{"inside": held}])
    ).facts
    assert (facts.principal, facts.text_only) == (frozenset(), True)
    assert facts.authors == {"Organization/o"}


def test_of_rules_of_one_mode_the_first_names_the_code(world: Any) -> None:
    """And the obligations of both count."""
    rules = [
        {"when": {}, "mode": "OPT_OUT", "code": "one", "basis": "x"},
        {"when": {}, "mode": "OPT_OUT", "code": "two", "basis": "x", "obligations": ["PSEUD"]},
    ]
    pack = {"id": "p", "version": "1", "known_purposes": ["TREAT"], "rules": rules}
    decision = world.scene.but(floor=floor_from_json(pack)).decide()
    assert (decision.reason, "PSEUD" in decision.obligations) == ("implied:one", True)
