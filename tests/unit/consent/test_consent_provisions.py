"""What one provision, and a tree of them, says of one resource."""

from typing import Any

import pytest

from consent.digest import ResourceContext

DENY, PERMIT, LIMIT, SILENT, UNREADABLE = (
    "consent-deny", "consent-permit", "outside-permitted-data", "no-consent", "consent-uncomputable"
)  # fmt: skip
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"


def answer(w: Any, provision: Any, resource: Any = None, **parts: Any) -> str:
    scene = w.scene.but(consents=(w.consent(provision),), **parts)
    return str(
        scene.but(resource=resource).decide().reason if resource is not None else scene.decide().reason
    )


def code(system: str, value: str) -> dict[str, Any]:
    return {"coding": [{"code": value} | ({"system": system} if system else {})]}


ELEMENTS: list[tuple[str, Any, str, str]] = [
    ("period inside", lambda w: {"period": {"start": "2026", "end": "2026-03-01"}}, PERMIT, DENY),
    ("period over", lambda w: {"period": {"end": "2026-02-28"}}, SILENT, SILENT),
    ("organisation above the requester", lambda w: {"actor": [w.actor("Organization/trust-oak")]}, PERMIT, DENY),
    ("organisation by URL and version", lambda w: {
        "actor": [w.actor("https://x/fhir/Organization/hosp-ash/_history/3", None)]}, PERMIT, DENY),
    ("sibling organisation", lambda w: {"actor": [w.actor("Organization/hosp-elm")]}, SILENT, SILENT),
    ("practitioner", lambda w: {"actor": [w.actor("Practitioner/dr-ivy", "PRCP")]}, PERMIT, DENY),
    ("other practitioner", lambda w: {"actor": [w.actor("Practitioner/dr-yew")]}, SILENT, SILENT),
    ("group", lambda w: {"actor": [w.actor("Group/pain-team", "GRANTEE")]}, PERMIT, DENY),
    ("unknown group", lambda w: {"actor": [w.actor("CareTeam/whoever")]}, SILENT, DENY),
    ("role held", lambda w: {"actor": [w.actor("PractitionerRole/doctor")]}, PERMIT, DENY),
    ("role not held", lambda w: {"actor": [w.actor("PractitionerRole/nurse")]}, SILENT, SILENT),
    ("a person", lambda w: {"actor": [w.actor("RelatedPerson/mother")]}, SILENT, SILENT),
    ("a device", lambda w: {"actor": [w.actor("Device/pump")]}, SILENT, DENY),
    ("custodian", lambda w: {"actor": [w.actor("Organization/gp-fern", "CST")]}, PERMIT, DENY),
    ("other custodian", lambda w: {"actor": [w.actor("Organization/gp-moss", "CST")]}, SILENT, SILENT),
    ("custodian and recipient", lambda w: {"actor": [
        w.actor("Organization/gp-fern", "CST"), w.actor("Organization/hosp-elm")]}, SILENT, SILENT),
    ("other role", lambda w: {"actor": [w.actor("Organization/hosp-ash", "CONSENTER")]}, SILENT, DENY),
    ("action", lambda w: {"action": [code("", "access")]}, PERMIT, DENY),
    ("other action", lambda w: {"action": [code("", "correct")]}, SILENT, SILENT),
    ("unknown action", lambda w: {"action": [code("", "juggle")]}, SILENT, DENY),
    ("purpose", lambda w: {"purpose": w.purposes("TREAT")}, PERMIT, DENY),
    ("purpose below the one asked", lambda w: {"purpose": w.purposes("ETREAT")}, SILENT, SILENT),
    ("unknown purpose", lambda w: {"purpose": w.purposes("LUNCH")}, SILENT, DENY),
    ("class", lambda w: {"class": [{"code": "Observation"}]}, PERMIT, DENY),
    ("other class", lambda w: {"class": [{"code": "Condition"}]}, LIMIT, SILENT),
    ("class of another system", lambda w: {"class": [{"system": "urn:x", "code": "Observation"}]}, LIMIT, DENY),
    ("code", lambda w: {"code": [code(LOINC + "/", "8867-4")]}, PERMIT, DENY),
    ("other code", lambda w: {"code": [code(LOINC, "718-7")]}, LIMIT, SILENT),
    ("text instead of a code", lambda w: {"code": [{"text": "pulse"}]}, LIMIT, DENY),
    ("confidentiality N on N", lambda w: {"securityLabel": w.labels("N")}, PERMIT, DENY),
    ("confidentiality R on N", lambda w: {"securityLabel": w.labels("R")}, PERMIT, SILENT),
    ("confidentiality L on N", lambda w: {"securityLabel": w.labels("L")}, LIMIT, DENY),
    ("a sensitivity it has not", lambda w: {"securityLabel": w.labels("PSY")}, LIMIT, SILENT),
    ("an unknown label", lambda w: {"securityLabel": [w.coding("ActCode", "ODD")]}, LIMIT, DENY),
    ("data within", lambda w: {"dataPeriod": {"start": "2024-05-02", "end": "2024"}}, PERMIT, DENY),
    ("data before", lambda w: {"dataPeriod": {"start": "2024-06"}}, LIMIT, SILENT),
    ("instance", lambda w: {"data": [{"meaning": "instance", "reference": {"reference": "Observation/o1"}}]},
     PERMIT, DENY),
    ("other instance", lambda w: {"data": [{"meaning": "instance", "reference": {"reference": "Observation/o2"}}]},
     LIMIT, SILENT),
    ("author unknown", lambda w: {"data": [{"meaning": "authoredby", "reference": {"reference": "Practitioner/x"}}]},
     LIMIT, DENY),
    ("unknown meaning", lambda w: {"data": [{"meaning": "smell", "reference": {"reference": "Observation/o1"}}]},
     LIMIT, DENY),
]  # fmt: skip


@pytest.mark.parametrize(("name", "elements", "permit", "deny"), ELEMENTS, ids=[one[0] for one in ELEMENTS])
def test_permit_must_cover_and_deny_need_only_touch(
    world: Any, name: str, elements: Any, permit: str, deny: str
) -> None:
    """The same element is read strictly in a permit and widely in a deny; the unknown counts against access."""
    stated = elements(world)
    assert answer(world, {"type": "permit", **stated}) == permit
    assert answer(world, {"type": "deny", **stated}) == deny


def test_disclosure_is_within_access_but_not_the_reverse(world: Any) -> None:
    """`access` includes `disclose`."""
    disclosing = world.scene.but(asking={"action": "disclose"})
    for listed, action, want in (("access", "disclose", PERMIT), ("disclose", "access", SILENT)):
        provision = {"type": "permit", "action": [code("", listed)]}
        question = disclosing.but(consents=(world.consent(provision),), asking={"action": action})
        assert question.decide().reason == want


def test_named_colleague_is_denied_when_nobody_is_named(world: Any) -> None:
    """A system-to-system request could be the denied person if she works there or nobody knows where."""
    for who, want in (("dr-ivy", DENY), ("dr-nobody-knows", DENY), ("dr-fir", PERMIT)):
        provision = {
            "type": "permit",
            "provision": [{"type": "deny", "actor": [world.actor(f"Practitioner/{who}")]}],
        }
        question = world.scene.but(consents=(world.consent(provision),), asking={"practitioner": None})
        assert question.decide().reason == want, who


def test_every_sensitivity_must_be_permitted_and_any_is_denied(world: Any) -> None:
    """PSY and HIV on one record: a permit of PSY covers it not, of both it does; a deny of HIV touches it."""
    record = world.observation("R", "PSY", "HIV")
    some = {"type": "permit", "securityLabel": world.labels("PSY")}
    both = {"type": "permit", "securityLabel": world.labels("MH", "HIV")}
    hole = {"type": "permit", "provision": [{"securityLabel": world.labels("HIV")}]}
    assert [answer(world, one, record) for one in (some, both, hole)] == [LIMIT, PERMIT, DENY]


def test_secondary_code_is_enough_to_deny_and_not_to_permit(world: Any) -> None:
    """A code in a component touches a deny; only a principal code covers."""
    record = world.observation(component=[{"code": code(SNOMED, "1")}])
    listed = {"code": [code(SNOMED, "1")]}
    assert answer(world, {"type": "permit", **listed}, record) == LIMIT
    assert answer(world, {"type": "deny", **listed}, record) == DENY


def test_related_and_dependent_data(world: Any) -> None:
    """`related` is this resource or one it refers to, `dependents` one it refers to or an ancestor."""
    record = world.observation(encounter={"reference": "Encounter/e1"})
    context = ResourceContext("gp-fern", ancestors=("EpisodeOfCare/ep1",))

    def data(meaning: str, reference: str) -> dict[str, Any]:
        return {"type": "permit", "data": [{"meaning": meaning, "reference": {"reference": reference}}]}

    asked = [
        data("related", "Encounter/e1"), data("dependents", "Encounter/e1"), data("instance", "Encounter/e1"),
        data("dependents", "EpisodeOfCare/ep1"), data("related", "EpisodeOfCare/ep1"),
    ]  # fmt: skip
    got = [answer(world, one, record, context=context) for one in asked]
    assert got == [PERMIT, PERMIT, LIMIT, PERMIT, LIMIT]


TREES: list[tuple[str, Any, str]] = [
    ("deny child stands alone of the permit's actor", lambda w: {
        "type": "permit", "actor": [w.actor("Organization/hosp-elm")], "provision": [{"type": "deny"}]}, DENY),
    ("deny child takes the permit's purpose", lambda w: {
        "type": "permit", "purpose": w.purposes("HRESCH"), "provision": [{"type": "deny"}]}, SILENT),
    ("permit child widens data", lambda w: {
        "type": "permit", "class": [{"code": "Condition"}],
        "provision": [{"type": "permit", "class": [{"code": "Observation"}]}]}, PERMIT),
    ("permit child takes the actor", lambda w: {
        "type": "permit", "actor": [w.actor("Organization/hosp-elm")], "class": [{"code": "Condition"}],
        "provision": [{"type": "permit"}]}, SILENT),
    ("a permit that matches nothing here is a limit", lambda w: {
        "type": "permit", "class": [{"code": "Condition"}],
        "provision": [{"type": "permit", "class": [{"code": "Claim"}]}]}, LIMIT),
    ("a deny inside a permit child is heard", lambda w: {
        "type": "permit", "class": [{"code": "Condition"}],
        "provision": [{"type": "permit", "class": [{"code": "Observation"}], "provision": [{"type": "deny"}]}]},
     DENY),
    ("exception of an unfiltered deny permits", lambda w: {
        "type": "deny", "provision": [{"actor": [w.actor("Organization/hosp-ash")]}]}, PERMIT),
    ("exception of a filtered deny only restores", lambda w: {
        "type": "deny", "class": [{"code": "Observation"}],
        "provision": [{"actor": [w.actor("Organization/hosp-ash")]}]}, SILENT),
    ("exception for somebody else", lambda w: {
        "type": "deny", "provision": [{"actor": [w.actor("Organization/hosp-elm")]}]}, DENY),
    ("deny inside a deny that does not match", lambda w: {
        "type": "deny", "actor": [w.actor("Organization/hosp-elm")], "provision": [{"type": "deny"}]}, DENY),
    ("third level by opposites", lambda w: {"type": "permit", "provision": [{"provision": [{}]}]}, PERMIT),
]  # fmt: skip


@pytest.mark.parametrize(("name", "tree", "want"), TREES, ids=[one[0] for one in TREES])
def test_tree(world: Any, name: str, tree: Any, want: str) -> None:
    """Nested provisions are judged as consent.md 6 says."""
    assert answer(world, tree(world)) == want


def nested(depth: int) -> dict[str, Any]:
    return {"type": "permit"} | ({"provision": [nested(depth - 1)]} if depth else {})


BROKEN: list[tuple[str, Any]] = [
    ("type", {"type": "maybe"}),
    ("no object", ["permit"]),
    ("modifier", {"type": "permit", "modifierExtension": [{"url": "urn:x"}]}),
    ("unknown element", {"type": "permit", "limit": 3}),
    (
        "unknown inside an actor",
        {"type": "permit", "actor": [{"reference": {"reference": "Group/g"}, "not": True}]},
    ),
    ("empty array", {"type": "permit", "purpose": []}),
    ("array as object", {"type": "permit", "purpose": {"code": "TREAT"}}),
    ("no date", {"type": "permit", "period": {"end": "next week"}}),
    ("start after end", {"type": "permit", "dataPeriod": {"start": "2025", "end": "2024"}}),
    ("five levels below the root", nested(5)),
    ("too many nodes", {"type": "permit", "provision": [{"type": "permit"}] * 500}),
    ("number as code", {"type": "permit", "purpose": [{"system": "x", "code": 7}]}),
]


@pytest.mark.parametrize(("name", "provision"), BROKEN, ids=[one[0] for one in BROKEN])
def test_uncomputable_consent_denies(world: Any, name: str, provision: Any) -> None:
    """What cannot be computed whole refuses, whatever its root says; in an emergency too if it names one."""
    assert answer(world, provision) == UNREADABLE
    assert world.scene.but(pack="opt-out", consents=(world.consent(provision),)).decide().reason == UNREADABLE


def test_four_levels_below_the_root_are_computed(world: Any) -> None:
    """The limit is four, not three."""
    assert answer(world, nested(4)) == PERMIT


def test_uncomputable_consent_that_names_emergencies_refuses_them(world: Any) -> None:
    """A broken refusal of emergencies is not opened by break-glass, an ordinary broken one is."""
    for codes, want in ((("TREAT", "BTG"), "explicit-emergency-deny"), (("TREAT",), "break-glass")):
        broken = world.consent({"type": "deny", "purpose": world.purposes(*codes), "odd": 1})
        assert world.scene.but(consents=(broken,), asking=world.emergency).decide().reason == want
