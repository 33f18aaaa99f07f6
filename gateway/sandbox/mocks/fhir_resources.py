"""A patient's facts as FHIR R4 resources, in the manner of an ordinary R4 server."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.sandbox.mocks.facts import (
    Allergy,
    Coded,
    Facts,
    Immunisation,
    Medication,
    Patient,
    Person,
    Problem,
    Report,
    Result,
    Visit,
)

JSON = dict[str, Any]
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
_CODES = "http://terminology.hl7.org/CodeSystem"
_SYSTEMS = {
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
}
DOCTOR: JSON = {
    "resourceType": "Practitioner",
    "id": "prac-7",
    "name": [{"family": "Okonjo", "given": ["Ife"]}],
}


def resources_of(patient: Patient, facts: Facts, today: str) -> list[JSON]:
    """All that this server has about one person; the Patient first, the doctor last."""
    write = Writer(patient.person, today)
    found = [write.patient()]
    found += [write.problem(n, one) for n, one in enumerate(facts.problems)]
    found += [write.allergy(n, one) for n, one in enumerate(facts.allergies)]
    found += [write.medication(n, one) for n, one in enumerate(facts.medications)]
    found += [write.immunisation(n, one) for n, one in enumerate(facts.immunisations)]
    found += [write.visit(n, one) for n, one in enumerate(facts.visits)]
    for n, report in enumerate(facts.reports):
        found += write.report(n, report)
    return [*found, DOCTOR]


def concept(code: Coded) -> JSON:
    return {"coding": [{"system": _SYSTEMS[code.system], "code": code.code, "display": code.display}]}


def _coded(system: str, code: str) -> JSON:
    return {"coding": [{"system": f"{_CODES}/{system}", "code": code}]}


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the resources of one person."""

    person: Person
    today: str

    def head(self, kind: str, key: str, marks: Sequence[str] = ()) -> JSON:
        meta: JSON = {"versionId": "1", "lastUpdated": f"{self.today}T06:00:00.000+00:00"}
        if marks:
            meta["security"] = [{"system": f"{_CODES}/v3-Confidentiality", "code": "R"}]
            meta["security"] += [{"system": f"{_CODES}/v3-ActCode", "code": mark} for mark in marks]
        return {"resourceType": kind, "id": f"p{self.person.serial}-{key}", "meta": meta}

    @property
    def subject(self) -> JSON:
        return {"reference": f"Patient/{self.key}"}

    @property
    def key(self) -> str:
        return f"p{self.person.serial}-pat"

    def patient(self) -> JSON:
        person = self.person
        return self.head("Patient", "pat") | {
            "identifier": [{"use": "official", "system": NHS_NUMBER, "value": person.nhs_number}],
            "active": True,
            "name": [{"use": "official", "family": person.family, "given": [person.given]}],
            "gender": person.gender,
            "birthDate": person.born,
            "address": [{"line": [person.street], "city": person.city, "postalCode": person.postcode}],
            "generalPractitioner": [{"reference": f"Practitioner/{DOCTOR['id']}"}],
        }

    def problem(self, n: int, fact: Problem) -> JSON:
        made = self.head("Condition", f"con-{n}", fact.marks) | {
            "clinicalStatus": _coded("condition-clinical", "resolved" if fact.ended else "active"),
            "verificationStatus": _coded("condition-ver-status", "confirmed"),
            "category": [_coded("condition-category", "problem-list-item")],
            "code": concept(fact.concept),
            "subject": self.subject,
            "onsetDateTime": fact.onset,
            "recorder": {"reference": f"Practitioner/{DOCTOR['id']}"},
        }
        return made | ({"abatementDateTime": fact.ended} if fact.ended else {})

    def allergy(self, n: int, fact: Allergy) -> JSON:
        made = self.head("AllergyIntolerance", f"alg-{n}", fact.marks) | {
            "clinicalStatus": _coded("allergyintolerance-clinical", "resolved" if fact.ended else "active"),
            "verificationStatus": _coded("allergyintolerance-verification", "confirmed"),
            "code": concept(fact.substance or Coded("716186003", "No known allergy")),
            "patient": self.subject,
            "recordedDate": fact.recorded,
        }
        if fact.criticality:
            made["criticality"] = fact.criticality
        if fact.reaction:
            reaction: JSON = {"manifestation": [concept(fact.reaction)]}
            made["reaction"] = [reaction | ({"severity": fact.severity} if fact.severity else {})]
        return made

    def medication(self, n: int, fact: Medication) -> JSON:
        made = self.head("MedicationRequest", f"med-{n}", fact.marks) | {
            "status": "completed" if fact.ended else "active",
            "intent": "order",
            "medicationCodeableConcept": concept(fact.product),
            "subject": self.subject,
            "authoredOn": fact.start,
            "requester": {"reference": f"Practitioner/{DOCTOR['id']}"},
        }
        return made | ({"dosageInstruction": [{"text": fact.dose}]} if fact.dose else {})

    def immunisation(self, n: int, fact: Immunisation) -> JSON:
        made = self.head("Immunization", f"imm-{n}", fact.marks) | {
            "status": "completed",
            "vaccineCode": concept(fact.vaccine),
            "patient": self.subject,
            "occurrenceDateTime": fact.given,
        }
        return made | ({"lotNumber": fact.lot} if fact.lot else {})

    def visit(self, n: int, fact: Visit) -> JSON:
        period = {"start": fact.start} | ({"end": fact.end} if fact.end else {})
        return self.head("Encounter", f"enc-{n}", fact.marks) | {
            "status": "finished",
            "class": {"system": f"{_CODES}/v3-ActCode", "code": "AMB"},
            "subject": self.subject,
            "period": period,
        }

    def report(self, n: int, fact: Report) -> Iterator[JSON]:
        """The newest version of the report, then its results."""
        latest = fact.revisions[-1] if fact.revisions else fact
        keys = [f"obs-{n}-{turn}" for turn, _ in enumerate(latest.results)]
        yield self.head("DiagnosticReport", f"rep-{n}", fact.marks) | {
            "status": latest.status,
            "code": concept(fact.panel),
            "subject": self.subject,
            "effectiveDateTime": fact.at,
            "result": [{"reference": f"Observation/p{self.person.serial}-{key}"} for key in keys],
        }
        for key, one in zip(keys, latest.results, strict=True):
            yield self._result(key, fact, one)

    def _result(self, key: str, report: Report, fact: Result) -> JSON:
        made = self.head("Observation", key, report.marks) | {
            "status": fact.status,
            "category": [_coded("observation-category", "laboratory")],
            "code": concept(fact.concept),
            "subject": self.subject,
            "effectiveDateTime": report.at,
        }
        if not re.fullmatch(r"-?\d+(\.\d+)?", fact.value):
            return made | {"valueString": fact.value}
        quantity: JSON = {"value": Decimal(fact.value)}
        if fact.unit:
            quantity |= {"unit": fact.unit, "system": "http://unitsofmeasure.org", "code": fact.unit}
        return made | {"valueQuantity": quantity}
