"""Single STU3 resources of the GP record, in the shapes that GP Connect 1.6 gives them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from gateway.sandbox.mocks.facts import (
    Allergy,
    Coded,
    Immunisation,
    Person,
    Problem,
    Report,
    Result,
    Visit,
)

JSON = dict[str, Any]

NHS_PROFILE = "https://fhir.nhs.uk/STU3/StructureDefinition"
NHS_CODES = "https://fhir.nhs.uk/STU3/CodeSystem"
_UK_PROFILE = "https://fhir.hl7.org.uk/STU3/StructureDefinition"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS_CODE = "https://fhir.nhs.uk/Id/ods-organization-code"
ERROR_CODES = f"{NHS_CODES}/Spine-ErrorOrWarningCode-1"
_SYSTEMS = {
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
}
DATA_IDENTIFIER = "https://greenfield.example/id/data-identifier"


def concept(code: Coded) -> JSON:
    return {"coding": [{"system": _SYSTEMS[code.system], "code": code.code, "display": code.display}]}


def meta(profile: str, marks: Sequence[str]) -> JSON:
    """Profile, and the labels that a mark means: the ActCode itself and confidentiality R."""
    found: JSON = {"profile": [f"{NHS_PROFILE}/CareConnect-GPC-{profile}-1"]}
    if marks:
        labels = [{"system": "http://hl7.org/fhir/v3/Confidentiality", "code": "R"}]
        labels += [{"system": "http://hl7.org/fhir/v3/ActCode", "code": mark} for mark in marks]
        found["security"] = labels
    return found


def outcome_meta() -> JSON:
    return {"profile": [f"{NHS_PROFILE}/GPConnect-OperationOutcome-1"]}


def remark(parameter: str) -> JSON:
    """The warning for a parameter that the server does not know (GP Connect 1.5, forwards compatibility)."""
    coding = {"system": ERROR_CODES, "code": "NOT_IMPLEMENTED", "display": "Not implemented"}
    text = f"{parameter} is an unrecognised parameter"
    return {
        "severity": "warning",
        "code": "not-supported",
        "details": {"coding": [coding], "text": text},
        "diagnostics": parameter,
    }


def bundle(entries: Sequence[JSON]) -> JSON:
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [f"{NHS_PROFILE}/GPConnect-StructuredRecord-Bundle-1"]},
        "type": "collection",
        "entry": [{"resource": resource} for resource in entries],
    }


def number(text: str) -> Decimal | None:
    """The number that a result's text is, digits kept; None if it is words."""
    return Decimal(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else None


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the resources of one person. `today`: the day of the sandbox, YYYY-MM-DD."""

    person: Person
    today: str

    def key(self, kind: str, *ordinals: int) -> str:
        name = ":".join([self.person.label, kind, *map(str, ordinals)])
        return str(uuid5(NAMESPACE_URL, name)).upper()

    def head(self, kind: str, key: str, marks: Sequence[str] = (), profile: str | None = None) -> JSON:
        return {
            "resourceType": kind,
            "id": key,
            "meta": meta(profile or kind, marks),
            "identifier": [{"system": DATA_IDENTIFIER, "value": key.replace("-", "")}],
        }

    @property
    def subject(self) -> JSON:
        return {"reference": f"Patient/{self.key('Patient')}"}

    @property
    def author(self) -> JSON:
        return {"reference": "Practitioner/GP-0001"}

    def allergy(self, n: int, fact: Allergy) -> JSON:
        code = concept(fact.substance or Coded("716186003", "No known allergy"))
        resource = self.head("AllergyIntolerance", self.key("AllergyIntolerance", n), fact.marks)
        resource |= {
            "clinicalStatus": "active" if fact.ended is None else "resolved",
            "verificationStatus": "unconfirmed",
            "category": [fact.category],
            "code": code,
            "patient": self.subject,
            "assertedDate": fact.recorded,
            "recorder": self.author,
        }
        if fact.criticality is not None:
            resource["criticality"] = fact.criticality
        if fact.reaction is not None:
            reaction: JSON = {"manifestation": [concept(fact.reaction)]}
            if fact.severity is not None:
                reaction["severity"] = fact.severity
            resource["reaction"] = [reaction]
        if fact.ended is not None:
            parts = [
                {"url": "endDate", "valueDateTime": fact.ended},
                {"url": "reasonEnded", "valueString": "No information available"},
            ]
            url = f"{NHS_PROFILE}/Extension-CareConnect-GPC-AllergyIntoleranceEnd-1"
            resource["extension"] = [{"url": url, "extension": parts}]
        return resource

    def problem(self, n: int, fact: Problem) -> JSON:
        category = {
            "system": "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-ConditionCategory-1",
            "code": "problem-list-item",
            "display": "Problem List Item",
        }
        key = self.key("Condition", n)
        resource = self.head("Condition", key, fact.marks, profile="ProblemHeader-Condition")
        resource |= {
            "extension": [
                {
                    "url": f"{_UK_PROFILE}/Extension-CareConnect-ProblemSignificance-1",
                    "valueCode": "major" if fact.major else "minor",
                }
            ],
            "clinicalStatus": "active" if fact.ended is None else "resolved",
            "category": [{"coding": [category]}],
            "code": concept(fact.concept),
            "subject": self.subject,
            "onsetDateTime": fact.onset,
            "assertedDate": fact.onset,
            "asserter": self.author,
        }
        return resource | ({"abatementDateTime": fact.ended} if fact.ended is not None else {})

    def immunisation(self, n: int, fact: Immunisation) -> JSON:
        unknown = {"system": "http://hl7.org/fhir/v3/NullFlavor", "code": "UNK", "display": "unknown"}
        url = f"{_UK_PROFILE}/Extension-CareConnect-VaccinationProcedure-1"
        resource = self.head("Immunization", self.key("Immunization", n), fact.marks)
        resource |= {
            "extension": [{"url": url, "valueCodeableConcept": concept(fact.vaccine)}],
            "status": "completed",
            "notGiven": False,
            "vaccineCode": {"coding": [unknown]},
            "patient": self.subject,
            "date": fact.given,
            "primarySource": True,
        }
        return resource | ({"lotNumber": fact.lot} if fact.lot is not None else {})

    def report(self, n: int, fact: Report, results: Sequence[JSON]) -> JSON:
        resource = self.head("DiagnosticReport", self.key("DiagnosticReport", n), fact.marks)
        resource |= {
            "status": fact.status,
            "code": concept(fact.panel),
            "subject": self.subject,
            "effectiveDateTime": fact.at,
            "issued": fact.at,
            "result": [{"reference": f"Observation/{result['id']}"} for result in results],
        }
        return resource | ({"conclusion": fact.note} if fact.note is not None else {})

    def result(self, n: int, turn: int, report: Report, fact: Result) -> JSON:
        key = f"OBS_{self.person.serial:04d}_{n}_{turn}"
        resource = self.head("Observation", key, report.marks)
        resource |= {
            "status": fact.status,
            "code": concept(fact.concept),
            "subject": self.subject,
            "effectiveDateTime": report.at,
            "issued": report.at,
            "performer": [self.author],
        }
        value = number(fact.value)
        if value is None or fact.unit is None:
            return resource | {"valueString": fact.value}
        resource["valueQuantity"] = _quantity(value, fact.unit)
        limits = {"low": fact.low, "high": fact.high}
        known = {name: _quantity(Decimal(text), fact.unit) for name, text in limits.items() if text}
        return resource | ({"referenceRange": [known]} if known else {})

    def visit(self, n: int, fact: Visit) -> JSON:
        resource = self.head("Encounter", self.key("Encounter", n), fact.marks)
        kind = {"system": "http://hl7.org/fhir/v3/ParticipationType", "code": "PPRF"}
        return resource | {
            "status": "finished",
            "type": [{"text": fact.kind}],
            "subject": self.subject,
            "participant": [{"type": [{"coding": [kind]}], "individual": self.author}],
            "period": period(fact.start, fact.end),
            "serviceProvider": {"reference": "Organization/ORG-A99999"},
        }


def _quantity(value: Decimal, unit: str) -> JSON:
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def period(start: str, end: str | None) -> JSON:
    return {"start": start} | ({"end": end} if end is not None else {})
