"""Types that a GP record holds less often: each is carried as R4, with its refusals and its pointers."""

from collections.abc import Callable
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from adapters import codec
from adapters.interface import SourceBatch

Normalise = Callable[..., SourceBatch]
Only = Callable[[SourceBatch, str], dict[str, Any]]
ME = {"reference": "Patient/p_1"}
XHTML = '<div xmlns="http://www.w3.org/1999/xhtml">Seen at home</div>'
WORDS = {"text": "as the practice wrote it"}

SERVED: dict[str, dict[str, Any]] = {
    "CarePlan": {
        "status": "suspended", "intent": "plan", "subject": ME, "author": [{"display": "Ada"}, {"display": "Ben"}],
        "activity": [{"detail": {"category": WORDS, "status": "on-hold", "statusReason": "holiday", "prohibited": True}}],
    },
    "CareTeam": {
        "status": "active", "subject": ME, "context": {"reference": "Encounter/e1"},
        "participant": [{"role": WORDS, "member": {"reference": "Practitioner/dr1"}}],
    },
    "Composition": {
        "status": "final", "type": WORDS, "class": WORDS, "subject": ME, "date": "2020-01-02", "author": [{"display": "Ada"}],
        "title": "Visit", "confidentiality": "R", "attester": [{"mode": ["legal"], "time": "2020-01-02"}],
        "section": [{"title": "Story", "text": {"status": "generated", "div": XHTML},
                     "section": [{"title": "Inner", "entry": [{"reference": "Condition/c1"}]}, {"title": "Bare"}]}],
    },
    "Coverage": {
        "status": "active", "beneficiary": ME, "payor": [{"display": "Fund"}], "sequence": "9",
        "grouping": {"group": "G1", "groupDisplay": "Staff", "subPlanDisplay": "Dental"},
    },
    "Device": {"udi": {"deviceIdentifier": "0001", "name": "Inhaler"}, "status": "active", "model": "M2", "version": "7", "patient": ME},
    "DeviceUseStatement": {
        "status": "active", "subject": ME, "whenUsed": {"start": "2020"}, "device": {"display": "Pump"}, "indication": [WORDS],
    },
    "FamilyMemberHistory": {
        "status": "partial", "notDone": True, "notDoneReason": WORDS, "patient": ME, "relationship": WORDS, "gender": "male",
        "condition": [{"code": WORDS, "onsetString": "fifties"}],
    },
    "Flag": {"status": "active", "category": WORDS, "code": WORDS, "subject": ME},
    "MedicationAdministration": {
        "status": "completed", "notGiven": True, "reasonNotGiven": [WORDS], "medicationCodeableConcept": WORDS, "subject": ME,
        "effectiveDateTime": "2020-01-02", "prescription": {"reference": "MedicationRequest/order1"},
        "performer": [{"actor": {"display": "Ada"}, "onBehalfOf": {"reference": "Organization/org1"}}],
        "dosage": {"text": "one", "rateQuantity": {"value": 1.50, "unit": "ml"}},
    },
    "MedicationDispense": {
        "status": "on-hold", "notDone": True, "notDoneReasonCodeableConcept": WORDS, "medicationReference": {"reference": "Medication/m1"},
        "subject": ME, "substitution": {"reason": [WORDS]},
    },
    "Provenance": {
        "target": [{"reference": "Condition/c1"}], "period": {"start": "2020-01-02"}, "recorded": "2020-01-02T10:00:00Z",
        "reason": [{"system": "http://snomed.info/sct", "code": "3457005"}],
        "agent": [{"relatedAgentType": WORDS, "whoReference": {"reference": "Practitioner/dr1"}}, {"whoUri": "urn:x:1"}],
        "entity": [{"role": "source", "whatIdentifier": {"value": "d1"}}],
    },
}  # fmt: skip
"""One of each, as STU3 writes it."""


@pytest.fixture
def carried(normalise: Normalise, record: list[dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    """The one R4 resource of a type, from a whole record that holds its STU3 form."""

    def run(kind: str, **changes: Any) -> dict[str, Any]:
        stu3 = {"resourceType": kind, "id": "x1", **SERVED[kind], **changes}
        batch = normalise(*record, stu3)
        assert batch.losses.balanced and batch.losses.status == "complete"
        found = [made for made in batch.resources if made["resourceType"] == kind]
        assert len(found) == 1
        return found[0]

    return run


@pytest.mark.parametrize("kind", sorted(SERVED))
def test_each_served_type_is_carried_as_valid_r4(carried: Callable[[str], dict[str, Any]], kind: str) -> None:
    """Its R4 model takes it, no pointer is left dangling, and nothing of it is listed as lost or kept."""
    made = carried(kind)
    get_fhir_model_class(kind).model_validate_json(codec.encode(made))
    assert b"Patient/p_1" not in codec.encode(made)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("FamilyMemberHistory", "health-unknown"),
        ("MedicationAdministration", "not-done"),
        ("MedicationDispense", "declined"),
    ],
)
def test_what_was_not_done_does_not_read_as_done(
    carried: Callable[..., dict[str, Any]], kind: str, status: str
) -> None:
    """STU3 negates beside the status, R4 in it; a mistake stays a mistake."""
    assert carried(kind)["status"] == status
    assert carried(kind, status="entered-in-error")["status"] == "entered-in-error"


def test_the_reason_why_not_stays_beside_the_status(carried: Callable[..., dict[str, Any]]) -> None:
    """Three names of STU3 for one thing; the words come through each."""
    assert carried("FamilyMemberHistory")["dataAbsentReason"] == WORDS
    assert carried("MedicationAdministration")["statusReason"] == [WORDS]
    assert carried("MedicationDispense")["statusReasonCodeableConcept"] == WORDS


def test_a_plan_keeps_that_an_activity_is_forbidden(carried: Callable[..., dict[str, Any]]) -> None:
    """`prohibited` turns the sense of an activity; its category has no member in R4 and is an extension."""
    plan = carried("CarePlan")
    detail = plan["activity"][0]["detail"]
    assert detail["doNotPerform"] is True and plan["status"] == "on-hold"
    assert detail["statusReason"] == {"text": "holiday"}
    (extension,) = detail["extension"]
    assert extension["url"] == "urn:carepact:kept"
    assert extension["extension"] == [
        {"url": "position", "valueString": "CarePlan.activity.detail.category"},
        {"url": "value", "valueCodeableConcept": WORDS},
    ]
    assert plan["author"] == {"display": "Ada"} and plan["contributor"] == [{"display": "Ben"}]


def test_a_confidential_document_is_labelled(carried: Callable[..., dict[str, Any]]) -> None:
    """What Composition.confidentiality says is a security label too: decisions read labels alone."""
    labels = carried("Composition")["meta"]["security"]
    assert [label["code"] for label in labels] == ["R"]


def test_an_empty_section_of_a_document_stays(carried: Callable[..., dict[str, Any]]) -> None:
    """Its heading says that the writer thought of it; R4 wants words in it, so an empty narrative is there."""
    inner = carried("Composition")["section"][0]["section"]
    assert [section["title"] for section in inner] == ["Inner", "Bare"]
    assert inner[1]["text"]["status"] == "empty"


def test_groups_of_an_insurance_are_coded_classes(carried: Callable[..., dict[str, Any]]) -> None:
    """A group that has a name and no number says that its number is unknown."""
    classes = carried("Coverage")["class"]
    assert [(c["type"]["coding"][0]["code"], c["name"]) for c in classes] == [
        ("group", "Staff"),
        ("subplan", "Dental"),
    ]
    assert classes[0]["value"] == "G1" and "extension" in classes[1]["_value"]


def test_for_whom_somebody_acted_stays_with_him(normalise: Normalise, record: list[dict[str, Any]]) -> None:
    """`requester.onBehalfOf` has no member in R4: it is an extension of the requester, its pointer followed."""
    order = next(one for one in record if one["id"] == "order1")
    order["requester"] = {
        "agent": {"reference": "Practitioner/dr1"},
        "onBehalfOf": {"reference": "Organization/org1"},
    }
    batch = normalise(*record)
    requester = next(r for r in batch.resources if r.get("intent") == "order")["requester"]
    (extension,) = requester["extension"]
    position, value = extension["extension"]
    assert position["valueString"] == "MedicationRequest.requester.onBehalfOf"
    assert value["valueReference"]["reference"].startswith("Organization/")
    assert batch.losses.kept == 0


def test_a_mark_on_the_whole_answer_covers_each_resource(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """A label in Bundle.meta is a label of everything in it."""
    label = {"system": "http://hl7.org/fhir/v3/Confidentiality", "code": "R"}
    body = {"resourceType": "Bundle", "type": "collection", "meta": {"security": [label]}}
    body["entry"] = [{"resource": one} for one in record]
    batch = normalise(codec.encode(body))
    assert batch.resources
    for made in batch.resources:
        assert "R" in [one["code"] for one in made["meta"]["security"]]


def test_a_contained_resource_of_another_type_is_kept(
    normalise: Normalise, record: list[dict[str, Any]], only: Only
) -> None:
    """What R4 carries no type for is in a Basic as it came, and its owner says no more than what is there."""
    record.append(
        {
            "resourceType": "Specimen", "id": "s1", "subject": ME, "container": [{"additiveReference": {"reference": "#sub"}}],
            "contained": [{"resourceType": "Substance", "id": "sub", "code": WORDS}],
        }
    )  # fmt: skip
    batch = normalise(*record)
    assert ("kept", "type-not-carried") in {(e.disposition, e.reason) for e in batch.losses.entries}
    assert "as the practice wrote it" in codec.encode(only(batch, "Basic")).decode()
    assert "contained" not in only(batch, "Specimen")


def test_a_member_of_r4_that_came_as_extension_is_in_its_place(
    normalise: Normalise, record: list[dict[str, Any]], only: Only
) -> None:
    """FHIR's cross-version extension for an element that R4 has is that element; a member that is there stays."""
    condition = next(one for one in record if one["resourceType"] == "Condition")
    condition["severity"] = {"text": "mild"}
    condition["extension"] = [
        {
            "url": "http://hl7.org/fhir/4.0/StructureDefinition/extension-Condition.bodySite",
            "valueCodeableConcept": WORDS,
        },
        {
            "url": "http://hl7.org/fhir/4.0/StructureDefinition/extension-Condition.severity",
            "valueCodeableConcept": WORDS,
        },
    ]
    made = only(normalise(*record), "Condition")
    assert made["bodySite"] == [WORDS] and made["severity"] == {"text": "mild"}
    assert [one["url"].rpartition(".")[2] for one in made["extension"]] == ["severity"]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2020-01-02T10:00:00Z", "2020-01-02", {"start": "2020-01-02", "end": "2020-01-02"}),
        ("2014-02-03", "2014", {"start": "2014", "end": "2014"}),
        ("2020-01-02", "2020-01-02T10:00:00Z", {"start": "2020-01-02", "end": "2020-01-02"}),
        ("2020-01-02T10:00:00Z", "2021", {"start": "2020-01-02T10:00:00Z", "end": "2021"}),
        ("2020-01-02", "2020-01-02", {"start": "2020-01-02", "end": "2020-01-02"}),
        ("2020-01-02", "2020-01-01", {"start": "2020-01-02"}),
    ],
)
def test_a_period_can_always_be_compared(
    normalise: Normalise, record: list[dict[str, Any]], only: Only, start: str, end: str, expected: Any
) -> None:
    """per-1 of R4: two times that agree as far as the coarser goes are not comparable. An end never goes for it."""
    encounter = next(one for one in record if one["resourceType"] == "Encounter")
    encounter["period"] = {"start": start, "end": end}
    batch = normalise(*record)
    assert only(batch, "Encounter")["period"] == expected
    assert batch.losses.balanced
    assert (batch.losses.status == "partial") == ("end" not in expected)


def test_a_contained_resource_that_nothing_points_at_is_kept(
    normalise: Normalise, record: list[dict[str, Any]], only: Only
) -> None:
    """dom-3 of R4 forbids it where it is; what it says must not be lost."""
    encounter = next(one for one in record if one["resourceType"] == "Encounter")
    encounter["contained"] = [{"resourceType": "Location", "id": "w", "name": "Room nobody named"}]
    batch = normalise(*record)
    assert "contained" not in only(batch, "Encounter")
    assert "Room nobody named" in codec.encode(only(batch, "Basic")).decode()
    encounter["location"] = [{"location": {"reference": "#w"}}]
    assert only(normalise(*record), "Encounter")["contained"][0]["name"] == "Room nobody named"


def test_why_a_course_was_stopped_is_where_r4_has_it(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """The Care Connect extension stays, as it says when; its reason is also the status reason of the request."""
    plan = next(one for one in record if one["id"] == "plan1")
    url = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-MedicationStatusReason-1"
    when = {"url": "statusChangeDate", "valueDateTime": "2020-01-02"}
    why = {"url": "statusReason", "valueCodeableConcept": WORDS}
    plan |= {"status": "stopped", "extension": [{"url": url, "extension": [why, when]}]}
    made = next(one for one in normalise(*record).resources if one.get("intent") == "plan")
    assert made["statusReason"] == WORDS
    assert made["extension"] == [{"url": url, "extension": [why, when]}]
    get_fhir_model_class("MedicationRequest").model_validate_json(codec.encode(made))


def _related(*extensions: dict[str, Any]) -> dict[str, Any]:
    page = "https://www.hl7.org/fhir/R4/relatedperson-definitions.html#RelatedPerson.communication."
    said = [{**one, "url": page + one["url"]} for one in extensions]
    return {"resourceType": "RelatedPerson", "id": "rp1", "patient": ME, "extension": said}


def test_the_language_of_a_relative_is_a_member_now(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """RelatedPerson.communication is new in R4: sent early as extensions it becomes the member, and no more."""
    french = {"coding": [{"system": "urn:ietf:bcp:47", "code": "fr"}]}
    language = {"url": "language", "valueCodeableConcept": french}
    batch = normalise(*record, _related(language, {"url": "preferred", "valueBoolean": True}))
    made = only(batch, "RelatedPerson")
    assert made["communication"] == [{"language": french, "preferred": True}]
    assert "extension" not in made
    get_fhir_model_class("RelatedPerson").model_validate(codec.decode(codec.encode(made)))


def test_two_languages_of_a_relative_are_not_guessed_between(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """Which of two languages is the preferred one nobody knows: the extensions stay as they came."""
    languages = [{"url": "language", "valueCodeableConcept": {"text": word}} for word in ("French", "Welsh")]
    made = only(normalise(*record, _related(*languages)), "RelatedPerson")
    assert "communication" not in made and len(made["extension"]) == 2
