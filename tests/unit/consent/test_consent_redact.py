"""Which elements go, whether they may, and how the resource looks without them."""

from decimal import Decimal
from typing import Any

import pytest

from consent.digest import INLINE_LABEL, ResourceContext, digest
from consent.redact import DATA_ABSENT, REDACTED, breaks_resource, outermost, present, redact

MASKED = {"extension": [{"url": DATA_ABSENT, "valueCode": "masked"}]}
PERSON: dict[str, Any] = {
    "resourceType": "Patient", "id": "patient-with-two-addresses", "text": {"status": "generated", "div": "<div/>"},
    "identifier": [{"value": "1"}, {"value": "2"}, {"value": "3"}], "birthDate": "1970", "deceasedBoolean": False,
    "name": [{"family": "Fern", "given": ["Ann", "Bea"]}], "address": [{"city": "A"}, {"city": "B"}],
    "contact": [{"telecom": [{"value": "01"}]}, {"telecom": [{"value": "02"}, {"value": "03"}]}],
}  # fmt: skip


def test_rule_elements_are_listed_only_if_present_and_of_this_type() -> None:
    """Other types, absent elements and occurrences that are not there are left out; a choice is named as it is."""
    facts = digest(PERSON, ResourceContext("gp-fern"))
    asked = ["Patient.address", "Patient.photo", "Observation.note", "Patient.identifier[2]", "Patient.identifier[3]",
             "Patient.deceased[x]", "Patient.name.given"]  # fmt: skip
    assert present(facts, asked) == {
        "Patient.address", "Patient.identifier[2]", "Patient.deceasedBoolean", "Patient.name.given"
    }  # fmt: skip


def test_only_the_outermost_of_nested_paths_is_named() -> None:
    """What lies inside a redacted element needs no line; inside a contained resource the whole of it goes."""
    paths = ["Patient.name[0]", "Patient.name[0].given[1]", "Patient.name[01]", "Patient.contained[1].code"]
    assert outermost(paths) == {"Patient.name[0]", "Patient.name[01]", "Patient.contained[1]"}


@pytest.mark.parametrize(("kind", "path", "breaks"), [
    ("Observation", "Observation.code", True), ("Observation", "Observation.status", True),
    ("Observation", "Observation.note", False), ("Observation", "Observation.note.text", True),
    ("Patient", "Patient.deceasedBoolean", True), ("Patient", "Patient.link[0]", True),
    ("Patient", "Patient.address[0]", False), ("Patient", "Patient.modifierExtension", True),
    ("MedicationRequest", "MedicationRequest.medicationCodeableConcept", True),
    ("MedicationRequest", "MedicationRequest.dosageInstruction", False), ("Poem", "Poem.verse", True),
])  # fmt: skip
def test_mandatory_and_modifier_elements_cannot_go(kind: str, path: str, breaks: bool) -> None:
    """A resource without its code, or without what turns its meaning, must not leave at all."""
    assert breaks_resource(kind, path) is breaks


def test_redacted_resource_says_masked_and_never_why() -> None:
    """The element is gone, data-absent-reason stands in its place, narrative goes, REDACTED is in the security."""
    got = redact(PERSON, ["Patient.address", "Patient.birthDate"])
    assert (got["address"], got["_birthDate"]) == ([MASKED], MASKED)
    assert "text" not in got and "birthDate" not in got
    assert got["meta"]["security"] == [REDACTED]
    assert PERSON["address"] == [{"city": "A"}, {"city": "B"}]


def test_one_occurrence_and_inner_elements() -> None:
    """An index means that occurrence, none means every one; neighbours keep their place."""
    got = redact(PERSON, ["Patient.identifier[1]", "Patient.identifier[0]", "Patient.name[0].given[1]",
                          "Patient.contact.telecom", "Patient.nothing.here"])  # fmt: skip
    assert got["identifier"] == [MASKED, MASKED, {"value": "3"}]
    assert got["name"] == [{"family": "Fern", "given": ["Ann", None], "_given": [None, MASKED]}]
    assert got["contact"] == [{"telecom": [MASKED]}, {"telecom": [MASKED]}]


def test_contained_resources_are_taken_out_and_indexes_hold() -> None:
    """Two of three contained resources go; the third stays whole, with its decimals."""
    resource = {"resourceType": "Observation", "id": "o", "meta": {"security": [dict(REDACTED)]},
                "contained": [{"id": "a"}, {"id": "b", "value": Decimal("1.10")}, {"id": "c"}]}  # fmt: skip
    got = redact(resource, ["Observation.contained[0]", "Observation.contained[2]"])
    assert got["contained"] == [{"id": "b", "value": Decimal("1.10")}]
    assert got["meta"]["security"] == [REDACTED]


def test_whole_lists_of_contained_resources_and_extensions_go_without_a_mark() -> None:
    """A rule without an index means every occurrence; a masked extension would still say which it was."""
    contained = [{"resourceType": "Organization", "id": "a"}, {"resourceType": "Organization", "id": "b"}]
    whole = {**PERSON, "contained": contained, "extension": [{"url": "urn:x", "valueCode": "y"}]}
    made = redact(whole, ["Patient.contained", "Patient.extension"])
    assert made.keys() & {"contained", "extension"} == set()
    assert made["address"] == PERSON["address"]


def test_nothing_to_redact_is_the_same_content() -> None:
    """Without a path nothing is marked and the narrative stays."""
    assert redact(PERSON, []) == PERSON


def test_labelled_elements_are_decided_by_themselves(world: Any) -> None:
    """An address labelled V goes under an agreement up to R; when an emergency opens it, the whole was one."""
    mark = {"url": INLINE_LABEL, "valueCoding": {
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}}  # fmt: skip
    noted = world.observation(note=[{"text": "a"}, {"text": "b", "extension": [mark]}])
    refusal = world.consent({"type": "deny", "securityLabel": world.labels("PSY")})
    asked = world.scene.but(pack="opt-out", resource=noted, consents=(refusal,))
    assert asked.decide().redactions == ("Observation.note[1]",)
    opened = asked.but(asking=world.emergency).decide()
    assert (opened.reason, opened.redactions) == ("break-glass", ())


def test_source_masks_for_those_without_the_role(world: Any) -> None:
    """`role_not_in` masks for everybody but doctors."""
    rule = {"effect": "redact", "elements": ["Observation.note"], "when": {"role_not_in": ["doctor"]}}
    asked = world.scene.but(pack="opt-out", rules=[rule])
    assert asked.decide().redactions == ()
    assert asked.but(asking={"roles": ("nurse",)}).decide().redactions == ("Observation.note",)
