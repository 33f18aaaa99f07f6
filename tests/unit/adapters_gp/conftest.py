"""A GP Connect structured record of our own making, and what is needed to normalise it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.gp.normaliser import GPNormaliser
from adapters.interface import Identifier, Original, Source, SourceBatch

NHS = "https://fhir.nhs.uk/Id/nhs-number"
SNOMED = "http://snomed.info/sct"
GPC = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-"
CARE = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-"
NUMBER = "9990000018"
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def concept(code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": SNOMED, "code": code, "display": display}]}


def ref(words: str) -> dict[str, str]:
    return {"reference": words}


def patient() -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": "p_1",
        "meta": {
            "versionId": "7",
            "profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Patient-1"],
        },
        "identifier": [
            {
                "extension": [
                    {
                        "url": GPC + "NHSNumberVerificationStatus-1",
                        "valueCodeableConcept": {
                            "coding": [
                                {
                                    "system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-NHSNumberVerificationStatus-1",
                                    "code": "01",
                                }
                            ]
                        },
                    }
                ],
                "system": NHS,
                "value": NUMBER,
            }
        ],
        "active": True,
        "name": [{"use": "official", "family": "Withended", "given": ["Allergy"]}],
        "gender": "female",
        "birthDate": "1956-04",
        "generalPractitioner": [ref("Practitioner/dr1")],
        "managingOrganization": ref("Organization/org1"),
    }


def resources() -> list[dict[str, Any]]:
    """One of each of the types that a clinician reads first, in the shape that suppliers send."""
    return [
        patient(),
        {"resourceType": "Organization", "id": "org1", "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Y90001"}], "name": "Elm Surgery"},
        {"resourceType": "Practitioner", "id": "dr1", "name": [{"family": "Elm", "given": ["Ada"]}], "gender": "female"},
        {"resourceType": "PractitionerRole", "id": "r1", "practitioner": ref("Practitioner/dr1"), "organization": ref("Organization/org1")},
        {
            "resourceType": "AllergyIntolerance", "id": "al1", "clinicalStatus": "active", "verificationStatus": "unconfirmed",
            "type": "allergy", "category": ["medication"], "code": concept("91936005", "Allergy to penicillin"),
            "patient": ref("Patient/p_1"), "assertedDate": "2011-02-03", "recorder": ref("Practitioner/dr1"),
            "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/encounter-associatedEncounter", "valueReference": ref("Encounter/e1")}],
        },
        {
            "resourceType": "List", "id": "ended", "status": "current", "mode": "snapshot", "title": "Ended allergies",
            "code": concept("1103671000000101", "Ended allergies"), "subject": ref("Patient/p_1"),
            "meta": {"security": [{"system": "http://hl7.org/fhir/v3/ActCode", "code": "NOPAT"}]},
            "extension": [{"url": GPC + "ListWarningCode-1", "valueCode": "confidential-items"}],
            "contained": [
                {
                    "resourceType": "AllergyIntolerance", "id": "old", "clinicalStatus": "active", "verificationStatus": "unconfirmed",
                    "code": concept("300913006", "Shellfish allergy"), "patient": ref("Patient/p_1"), "assertedDate": "2001",
                }
            ],
            "entry": [{"item": ref("#old")}],
        },
        {"resourceType": "Medication", "id": "m1", "code": concept("322236009", "Paracetamol 500mg tablets")},
        {
            "resourceType": "MedicationStatement", "id": "ms1", "status": "active", "taken": "unk", "basedOn": [ref("MedicationRequest/plan1")],
            "medicationReference": ref("Medication/m1"), "subject": ref("Patient/p_1"), "effectivePeriod": {"start": "2019-05-01"},
            "dosage": [{"text": "1 tablet at night", "doseQuantity": {"value": 1, "unit": "tablet"}}],
        },
        {
            "resourceType": "MedicationRequest", "id": "plan1", "status": "active", "intent": "plan", "groupIdentifier": {"value": "g1"},
            "medicationReference": ref("Medication/m1"), "subject": ref("Patient/p_1"), "authoredOn": "2019-05-01",
            "requester": {"agent": ref("Practitioner/dr1")},
            "dosageInstruction": [{"text": "1 tablet at night"}],
        },
        {
            "resourceType": "MedicationRequest", "id": "order1", "status": "completed", "intent": "order", "groupIdentifier": {"value": "g1"},
            "medicationReference": ref("Medication/m1"), "subject": ref("Patient/p_1"), "authoredOn": "2019-05-01",
            "dispenseRequest": {"quantity": {"value": 28, "unit": "tablet"}, "validityPeriod": {"start": "2019-05-01", "end": "2019-05-29"}},
        },
        {
            "resourceType": "Condition", "id": "c1", "clinicalStatus": "active", "verificationStatus": "confirmed",
            "category": [{"coding": [{"system": "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-ConditionCategory-1", "code": "problem-list-item"}]}],
            "code": concept("38341003", "Hypertension"), "subject": ref("Patient/p_1"), "context": ref("Encounter/e1"),
            "onsetDateTime": "2014", "assertedDate": "2014-02",
            "extension": [{"url": CARE + "ProblemSignificance-1", "valueCode": "major"}],
        },
        {
            "resourceType": "Observation", "id": "o1", "status": "final", "code": concept("75367002", "Blood pressure"),
            "subject": ref("Patient/p_1"), "context": ref("Encounter/e1"), "effectiveDateTime": "2020-01-02T10:11:12+00:00",
            "issued": "2020-01-02T10:11:12.5+00:00", "performer": [ref("Practitioner/dr1")],
            "valueQuantity": {"value": 7.10, "unit": "mmol/L"}, "comment": "after rest",
            "related": [{"type": "has-member", "target": ref("Observation/o2")}],
        },
        {
            "resourceType": "Observation", "id": "o2", "status": "final", "code": concept("271649006", "Systolic"),
            "subject": ref("Patient/p_1"), "valueQuantity": {"value": 120},
            "component": [{"code": concept("1", "part"), "valueString": "x", "interpretation": {"text": "high"}}],
        },
        {
            "resourceType": "Immunization", "id": "i1", "status": "completed", "notGiven": False, "vaccineCode": concept("1181000221105", "Flu"),
            "patient": ref("Patient/p_1"), "date": "2021-10-04", "primarySource": True, "practitioner": [{"actor": ref("Practitioner/dr1")}],
            "vaccinationProtocol": [{"doseSequence": 1, "seriesDoses": 2, "targetDisease": [concept("6142004", "Influenza")],
                                     "doseStatus": {"text": "counts"}, "description": "seasonal"}],
            "extension": [{"url": CARE + "DateRecorded-1", "valueDateTime": "2021-10-05"}],
        },
        {
            "resourceType": "Encounter", "id": "e1", "status": "finished", "subject": ref("Patient/p_1"), "type": [{"text": "Surgery consultation"}],
            "period": {"start": "2014-02-01T09:00:00+00:00"}, "participant": [{"individual": ref("Practitioner/dr1")}],
        },
    ]  # fmt: skip


def bundle(*entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": entry} for entry in entries],
    }


@pytest.fixture
def record() -> list[dict[str, Any]]:
    """The resources of one structured record; a test changes what it is about."""
    return resources()


@pytest.fixture
def source() -> Source:
    return Source("elm", "gp", "elm.example", b"\x07" * 32)


@pytest.fixture
def normalise(source: Source) -> Callable[..., SourceBatch]:
    """Resources (or ready bytes) to a batch; `asked`: NHS number that was asked for."""

    def run(*entries: Any, asked: str | None = None, **changes: Any) -> SourceBatch:
        body = entries[0] if isinstance(entries[0], bytes) else json.dumps(bundle(*entries)).encode()
        wanted = (Identifier(NHS, asked),) if asked else ()
        used = Source(**{name: getattr(source, name) for name in source.__slots__} | changes)
        return GPNormaliser().normalise(Original(body, "application/fhir+json", wanted, "intake-1"), used, AT)

    return run


@pytest.fixture
def only() -> Callable[[SourceBatch, str], dict[str, Any]]:
    """The one resource of a type."""

    def pick(batch: SourceBatch, kind: str) -> dict[str, Any]:
        found = [made for made in batch.resources if made["resourceType"] == kind]
        assert len(found) == 1, f"{len(found)} {kind}"
        return found[0]

    return pick
