"""Valid R4 resources of our own, and single defects planted in them, over all rules of the boundary check."""

from collections.abc import Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any

JSON = dict[str, Any]
_GONE = object()
_PATIENT = {"reference": "Patient/p1"}
_CLINICAL = "http://terminology.hl7.org/CodeSystem/"


def _concept(system: str, code: str) -> JSON:
    return {"coding": [{"system": system, "code": code}]}


_LOINC = _concept("http://loinc.org", "2339-0")

PATIENT: JSON = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {"lastUpdated": "2024-02-29T23:59:59.123+01:00", "tag": [{"system": "urn:x", "code": "a b"}]},
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">a</div>'},
    "extension": [{"url": "urn:x:weight", "valueDecimal": Decimal("1.10")}],
    "identifier": [{"use": "official", "system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990548609"}],
    "active": True,
    "name": [
        {
            "family": "Boundary",
            "given": ["Ada", None],
            "_given": [None, {"extension": [{"url": "urn:x", "valueCode": "masked"}]}],
            "period": {"start": "2001", "end": "2001-05-06"},
        }
    ],
    "telecom": [{"system": "phone", "value": "01 2345", "rank": 1}],
    "gender": "female",
    "birthDate": "2000-02-29",
    "_birthDate": {"extension": [{"url": "urn:x:time", "valueDateTime": "2000-02-29T04:05:06Z"}]},
    "multipleBirthInteger": 2,
    "contact": [{"name": {"text": "Next of kin"}}],
    "communication": [{"language": {"text": "Welsh"}, "preferred": False}],
    "generalPractitioner": [{"reference": "#gp"}],
    "contained": [{"resourceType": "Practitioner", "id": "gp", "name": [{"family": "Doctor"}]}],
}
OBSERVATION: JSON = {
    "resourceType": "Observation",
    "id": "o1",
    "meta": {"security": [{"system": _CLINICAL + "v3-Confidentiality", "code": "N"}]},
    "identifier": [{"system": "urn:x", "value": "1"}],
    "status": "final",
    "category": [_concept(_CLINICAL + "observation-category", "laboratory")],
    "code": _LOINC,
    "subject": _PATIENT,
    "effectiveDateTime": "2024-06-05T10:11:12Z",
    "issued": "2024-06-05T10:11:12.5Z",
    "performer": [{"reference": "Organization/lab"}],
    "valueQuantity": {"value": Decimal("5.40"), "unit": "mmol/L", "system": "http://unitsofmeasure.org"},
    "interpretation": [_concept(_CLINICAL + "v3-ObservationInterpretation", "N")],
    "note": [{"text": "fasting\nsample"}],
    "referenceRange": [{"low": {"value": 4}, "high": {"value": Decimal("6.0")}}],
    "component": [{"code": {"text": "other"}, "valueString": "clear"}],
}
ALLERGY: JSON = {
    "resourceType": "AllergyIntolerance",
    "id": "a1",
    "clinicalStatus": _concept(_CLINICAL + "allergyintolerance-clinical", "active"),
    "verificationStatus": _concept(_CLINICAL + "allergyintolerance-verification", "confirmed"),
    "category": ["medication"],
    "criticality": "high",
    "code": {"text": "penicillin"},
    "patient": _PATIENT,
    "reaction": [{"manifestation": [{"text": "rash"}], "severity": "mild"}],
}
CONDITION: JSON = {
    "resourceType": "Condition",
    "id": "c1",
    "clinicalStatus": _concept(_CLINICAL + "condition-clinical", "resolved"),
    "code": {"text": "asthma"},
    "subject": _PATIENT,
    "onsetDateTime": "2014",
    "abatementDateTime": "2019-03",
}
APPOINTMENT: JSON = {
    "resourceType": "Appointment",
    "id": "t1",
    "status": "booked",
    "start": "2024-06-05T10:00:00Z",
    "end": "2024-06-05T10:20:00Z",
    "minutesDuration": 20,
    "participant": [{"actor": _PATIENT, "status": "accepted"}],
}
MEDICATION: JSON = {
    "resourceType": "MedicationRequest",
    "id": "m1",
    "status": "active",
    "intent": "order",
    "medicationCodeableConcept": {"text": "amoxicillin"},
    "subject": _PATIENT,
    "authoredOn": "2024-06-05",
    "dosageInstruction": [
        {
            "text": "one three times a day",
            "timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d", "timeOfDay": ["08:00:00"]}},
            "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "capsule"}}],
        }
    ],
}
DOCUMENT: JSON = {
    "resourceType": "DocumentReference",
    "id": "d1",
    "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"},
    "status": "current",
    "subject": _PATIENT,
    "content": [{"attachment": {"contentType": "text/plain", "data": "aGVsbG8=", "title": "letter"}}],
}
LINKAGE: JSON = {
    "resourceType": "Linkage",
    "id": "l1",
    "item": [
        {"type": "source", "resource": {"reference": "Condition/c1"}},
        {"type": "alternate", "resource": {"reference": "Condition/c2"}},
    ],
}
VALID: Mapping[str, JSON] = {
    "patient": PATIENT,
    "observation": OBSERVATION,
    "allergy": ALLERGY,
    "condition": CONDITION,
    "appointment": APPOINTMENT,
    "medication": MEDICATION,
    "document": DOCUMENT,
    "linkage": LINKAGE,
}

_PLANTS: tuple[tuple[str, str, str, Any], ...] = (
    ("unknown", "patient", "nickname", "x"),
    ("unknown", "observation", "component.0.valuQuantity", {"value": 1}),
    ("unknown", "medication", "_dosageInstruction", [{"id": "x"}]),
    ("unknown", "observation", "valueAddress", {"text": "x"}),
    ("required", "observation", "status", _GONE),
    ("required", "observation", "component.0.code", _GONE),
    ("required", "allergy", "patient", _GONE),
    ("required", "medication", "medicationCodeableConcept", _GONE),
    ("required", "patient", "communication.0.language", _GONE),
    ("required", "patient", "extension.0.url", _GONE),
    ("max", "observation", "subject", [_PATIENT]),
    ("max", "patient", "name", {"family": "x"}),
    ("choice", "observation", "valueString", "x"),
    ("choice", "patient", "multipleBirthBoolean", True),
    ("boolean", "patient", "active", "true"),
    ("integer", "patient", "multipleBirthInteger", Decimal("2.0")),
    ("integer", "patient", "multipleBirthInteger", 2**31),
    ("positiveInt", "patient", "telecom.0.rank", 0),
    ("positiveInt", "appointment", "minutesDuration", True),
    ("decimal", "observation", "valueQuantity.value", "5.40"),
    ("string", "patient", "name.0.family", ""),
    ("string", "patient", "name.0.family", "  "),
    ("string", "observation", "note.0.text", "a\x00b"),
    ("string", "patient", "name.0.family", None),
    ("string", "patient", "name.0.given", ["Ada", None, None]),
    ("code", "medication", "dosageInstruction.0.doseAndRate.0.doseQuantity.code", " mg"),
    ("uri", "observation", "code.coding.0.system", "http://loinc.org "),
    ("date", "patient", "birthDate", "2001-02-29"),
    ("date", "patient", "birthDate", "2000-13"),
    ("date", "patient", "birthDate", "2000-02-29T04:05:06Z"),
    ("dateTime", "observation", "effectiveDateTime", "2024-06-05T10:11:12"),
    ("dateTime", "observation", "effectiveDateTime", "2024-06-31T10:11:12Z"),
    ("dateTime", "condition", "onsetDateTime", "0000"),
    ("instant", "observation", "issued", "2024-06-05"),
    ("time", "medication", "dosageInstruction.0.timing.repeat.timeOfDay.0", "24:00:00"),
    ("base64", "document", "content.0.attachment.data", "aGVsbG8"),
    ("id", "patient", "id", "under_score"),
    ("id", "patient", "id", "x" * 65),
    ("id", "patient", "id", _GONE),
    ("narrative", "patient", "text.div", "just text"),
    ("binding", "observation", "status", "done"),
    ("binding", "patient", "gender", "F"),
    ("binding", "allergy", "criticality", "severe"),
    ("binding", "allergy", "clinicalStatus", _concept("urn:x", "active")),
    ("binding", "medication", "dosageInstruction.0.timing.repeat.periodUnit", "day"),
    ("target", "observation", "subject", {"reference": "Practitioner/p1"}),
    ("target", "patient", "generalPractitioner.0.reference", "Device/d1"),
    ("target", "observation", "performer.0.reference", "Nonsense/d1"),
    ("obs-6", "observation", "dataAbsentReason", {"text": "unknown"}),
    ("obs-7", "observation", "component.0.code", _LOINC),
    ("ait-1", "allergy", "clinicalStatus", _GONE),
    (
        "ait-2",
        "allergy",
        "verificationStatus",
        _concept(_CLINICAL + "allergyintolerance-verification", "entered-in-error"),
    ),
    ("con-4", "condition", "clinicalStatus", _concept(_CLINICAL + "condition-clinical", "active")),
    (
        "con-5",
        "condition",
        "verificationStatus",
        _concept(_CLINICAL + "condition-ver-status", "entered-in-error"),
    ),
    ("app-2", "appointment", "end", _GONE),
    ("app-4", "appointment", "cancelationReason", {"text": "rain"}),
    ("lnk-1", "linkage", "item", LINKAGE["item"][:1]),
    ("per-1", "patient", "name.0.period.end", "2000-12-31"),
    ("ref-1", "patient", "generalPractitioner.0.reference", "#nobody"),
    ("ext-1", "patient", "extension.0.extension", [{"url": "a", "valueString": "b"}]),
    ("ext-1", "patient", "extension.0.valueDecimal", _GONE),
    ("ele-1", "observation", "code", {}),
    ("ele-1", "observation", "category", []),
    (
        "dom-2",
        "patient",
        "contained.0.contained",
        [{"resourceType": "Basic", "id": "x", "code": {"text": "y"}}],
    ),
    ("dom-3", "patient", "generalPractitioner", _GONE),
)


def planted() -> list[tuple[str, JSON]]:
    """(rule and place, resource with that one defect)."""
    return [(f"{rule} {kind}.{path}", _with(VALID[kind], path, value)) for rule, kind, path, value in _PLANTS]


def _with(resource: JSON, path: str, value: Any) -> JSON:
    made = deepcopy(resource)
    *above, last = path.split(".")
    holder: Any = made
    for step in above:
        holder = holder[int(step)] if step.isdigit() else holder[step]
    if isinstance(holder, list):
        holder[int(last)] = value
    elif value is _GONE:
        del holder[last]
    else:
        holder[last] = value
    return made
