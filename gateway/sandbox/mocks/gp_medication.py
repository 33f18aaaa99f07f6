"""Medication in the GP record: the product, the statement, its plan and its issues (GP Connect 1.6)."""

from gateway.sandbox.mocks.facts import Medication
from gateway.sandbox.mocks.gp_resources import (
    DATA_IDENTIFIER,
    JSON,
    NHS_CODES,
    NHS_PROFILE,
    Writer,
    concept,
    meta,
    period,
)


def medication(write: Writer, n: int, fact: Medication) -> JSON:
    return {
        "resourceType": "Medication",
        "id": write.key("Medication", n),
        "meta": meta("Medication", fact.marks),
        "code": concept(fact.product),
    }


def _prescribed(write: Writer, n: int) -> JSON:
    return {"reference": f"Medication/{write.key('Medication', n)}"}


def statement(write: Writer, n: int, fact: Medication) -> JSON:
    """The underscore in the id is on purpose: real systems send it, FHIR forbids it."""
    agency = {
        "system": f"{NHS_CODES}/CareConnect-PrescribingAgency-1",
        "code": "prescribed-at-gp-practice",
    }
    resource = write.head("MedicationStatement", write.key("MedicationStatement", n) + "_MS", fact.marks)
    resource |= {
        "extension": [
            {
                "url": f"{NHS_PROFILE}/Extension-CareConnect-GPC-PrescribingAgency-1",
                "valueCodeableConcept": {"coding": [agency]},
            }
        ],
        "basedOn": [{"reference": f"MedicationRequest/{write.key('MedicationRequest', n)}"}],
        "status": "active" if fact.ended is None else "completed",
        "medicationReference": _prescribed(write, n),
        "effectivePeriod": period(fact.start, fact.ended),
        "dateAsserted": fact.start,
        "subject": write.subject,
        "taken": "unk",
    }
    if fact.dose is not None:
        resource["dosage"] = [{"text": fact.dose}]
    return resource


def plan(write: Writer, n: int, fact: Medication) -> JSON:
    resource = _request(write, n, fact, write.key("MedicationRequest", n), fact.start)
    return resource | {"status": "active" if fact.ended is None else "completed", "intent": "plan"}


def issue(write: Writer, n: int, fact: Medication, turn: int, day: str) -> JSON:
    resource = _request(write, n, fact, write.key("MedicationRequest", n, turn), day)
    plan = {"reference": f"MedicationRequest/{write.key('MedicationRequest', n)}"}
    return resource | {"basedOn": [plan], "status": "completed", "intent": "order"}


def _request(write: Writer, n: int, fact: Medication, key: str, day: str) -> JSON:
    kind = "repeat" if fact.repeat else "acute"
    coding = {"system": f"{NHS_CODES}/CareConnect-PrescriptionType-1", "code": kind}
    url = f"{NHS_PROFILE}/Extension-CareConnect-GPC-PrescriptionType-1"
    resource = write.head("MedicationRequest", key, fact.marks)
    resource |= {
        "extension": [{"url": url, "valueCodeableConcept": {"coding": [coding]}}],
        "groupIdentifier": {"system": DATA_IDENTIFIER, "value": f"{write.person.serial}-{n}"},
        "medicationReference": _prescribed(write, n),
        "subject": write.subject,
        "authoredOn": day,
        "requester": {"agent": write.author},
        "recorder": write.author,
        "dispenseRequest": {
            "validityPeriod": {"start": day},
            "quantity": {"value": 28, "unit": "tablet"},
        },
    }
    if fact.dose is not None:
        resource["dosageInstruction"] = [{"text": fact.dose}]
    return resource
