"""`""` in a field: the sender deletes what it said before (HL7 v2 2.5.3; normalisation.md 3.1, point 5).

Required elements of R4 and identifiers cannot be deleted this way; their `""` stays a line of the ledger.
"""

from collections.abc import Mapping

from adapters.hospital.fields import NULL
from adapters.hospital.message import Segment

_EXTENSION = "extension:http://hl7.org/fhir/StructureDefinition/patient-"
_HOSPITALIZATION = {
    5: "preAdmissionIdentifier",
    13: "reAdmission",
    14: "admitSource",
    15: "specialArrangement",
    36: "dischargeDisposition",
    37: "destination",
    38: "dietPreference",
}
_PATHS: Mapping[str, Mapping[int, str]] = {
    "PID": {
        5: "name",
        6: f"{_EXTENSION}mothersMaidenName",
        7: "birthDate",
        8: "gender",
        9: "name:alias",
        11: "address",
        13: "telecom:home",
        14: "telecom:work",
        15: "communication",
        16: "maritalStatus",
        17: f"{_EXTENSION}religion",
        23: f"{_EXTENSION}birthPlace",
        24: "multipleBirth",
        25: "multipleBirth",
        29: "deceased",
        30: "deceased",
        40: "telecom",
    },
    "PD1": {3: "generalPractitioner", 4: "generalPractitioner"},
    "PV1": {
        3: "location",
        4: "type",
        7: "participant:ATND",
        8: "participant:REF",
        9: "participant:CON",
        10: "serviceType",
        17: "participant:ADM",
        44: "period:start",
        45: "period:end",
        52: "participant:PART",
    }
    | {field: f"hospitalization:{name}" for field, name in _HOSPITALIZATION.items()},
    "PV2": {3: "reasonCode"},
}


def deletes_of(*segments: Segment | None) -> tuple[str, ...]:
    """Elements that these segments delete, as paths of `Act.deletes`; the `""` count as mapped."""
    found: dict[str, None] = {}
    for segment in segments:
        if segment is None or NULL not in segment.raw:
            continue
        for field, path in _PATHS.get(segment.name, {}).items():
            elements = segment.all(field)
            if len(elements) == 1 and elements[0].is_null:
                elements[0].take_all()
                found[path] = None
    return tuple(found)
