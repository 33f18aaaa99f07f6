"""Records that say "not", "ended" or "at least" in a way of their own: never told as the opposite."""

from typing import Any

import pytest

PATIENT = {
    "resourceType": "Patient", "id": "p1", "name": [{"family": "Hollin", "given": ["Petra"]}],
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
    "birthDate": "1961-05-04",
}  # fmt: skip
SUBJECT = {"reference": "Patient/p1"}
CODE = {
    "coding": [{"system": "http://snomed.info/sct", "code": "91936005", "display": "Allergy to penicillin"}]
}


def made(normalise: Any, only: Any, **resource: Any) -> Any:
    return only(normalise(PATIENT, {"id": "x1", **resource}), resource["resourceType"])


@pytest.mark.parametrize("said", [True, "true", "TRUE", 1, "yes", "1"])
def test_a_negation_in_any_spelling_is_one(normalise: Any, only: Any, said: Any) -> None:
    """`notGiven`, `notDone` that are there and no plain no: what was not done never reads as done."""
    vaccine = made(normalise, only, resourceType="Immunization", notGiven=said, status="completed", patient=SUBJECT,
                   vaccineCode=CODE, date="2020-01-01", primarySource=True)  # fmt: skip
    assert vaccine["status"] == "not-done"
    operation = made(
        normalise,
        only,
        resourceType="Procedure",
        notDone=said,
        status="completed",
        subject=SUBJECT,
        code=CODE,
    )
    assert operation["status"] == "not-done"


@pytest.mark.parametrize("said", [False, "false", None])
def test_a_plain_no_is_none(normalise: Any, only: Any, said: Any) -> None:
    """What says that it was done stays done."""
    extra = {} if said is None else {"notDone": said}
    operation = made(
        normalise, only, resourceType="Procedure", status="completed", subject=SUBJECT, code=CODE, **extra
    )
    assert operation["status"] == "completed"


def test_not_taken_in_capitals(normalise: Any, only: Any) -> None:
    """`taken: N` is not taken."""
    statement = made(normalise, only, resourceType="MedicationStatement", status="active", taken="N", subject=SUBJECT,
                     medicationCodeableConcept=CODE)  # fmt: skip
    assert statement["status"] == "not-taken"


def clinical(allergy: Any) -> str:
    return str(allergy["clinicalStatus"]["coding"][0]["code"])


def test_an_ended_allergy_in_other_words_is_ended(normalise: Any, only: Any) -> None:
    """The status in capitals, an end in Care Connect's extension, a list code with a blank behind it."""
    base = {
        "resourceType": "AllergyIntolerance",
        "patient": SUBJECT,
        "code": CODE,
        "verificationStatus": "confirmed",
    }
    assert clinical(made(normalise, only, **base, clinicalStatus="Resolved")) == "resolved"
    end = {
        "url": "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-AllergyIntoleranceEnd-1",
        "extension": [{"url": "endDate", "valueDateTime": "2015-03-01"}],
    }
    assert clinical(made(normalise, only, **base, extension=[end])) == "resolved"
    listed = {
        "resourceType": "List", "id": "l1", "status": "current", "mode": "snapshot", "subject": SUBJECT,
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "1103671000000101 "}]},
        "entry": [{"item": {"reference": "AllergyIntolerance/x1"}}],
    }  # fmt: skip
    batch = normalise(PATIENT, {"id": "x1", **base, "clinicalStatus": "active"}, listed)
    assert clinical(only(batch, "AllergyIntolerance")) == "resolved"


def test_what_modifies_deep_inside_keeps_the_resource_back(normalise: Any) -> None:
    """A modifier extension of a dosage, or rules that nobody read: kept as it came, released to nobody."""
    dose = {
        "text": "one daily",
        "modifierExtension": [{"url": "https://x.example/not", "valueBoolean": True}],
    }
    request = {"resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order",
               "subject": SUBJECT, "medicationCodeableConcept": CODE}  # fmt: skip
    for changed in ({"dosageInstruction": [dose]}, {"implicitRules": "https://x.example/rules"}):
        types = [one["resourceType"] for one in normalise(PATIENT, request | changed).resources]
        assert "MedicationRequest" not in types and "Basic" in types


def test_a_bound_without_its_sign_is_no_value(normalise: Any, only: Any) -> None:
    """A comparator that cannot be read takes its number with it, and the ledger says so."""
    resource = {"resourceType": "Observation", "id": "o1", "status": "final", "code": CODE, "subject": SUBJECT,
                "valueQuantity": {"value": 5, "comparator": "\u2265", "unit": "mmol/L"}}  # fmt: skip
    batch = normalise(PATIENT, resource)
    assert "valueQuantity" not in only(batch, "Observation")
    assert any(line.disposition == "rejected" for line in batch.losses.entries)
