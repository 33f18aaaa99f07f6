"""The administrative resources of the GP record: the patient, the practice, its doctor and her role."""

from gateway.sandbox.mocks.gp_resources import (
    JSON,
    NHS_CODES,
    NHS_NUMBER,
    NHS_PROFILE,
    ODS_CODE,
    Writer,
    meta,
)


def administrative(write: Writer) -> list[JSON]:
    """Patient, the practice, its doctor and her role."""
    person = write.person
    verified = {"system": f"{NHS_CODES}/CareConnect-NHSNumberVerificationStatus-1", "code": "01"}
    status = {
        "url": f"{NHS_PROFILE}/Extension-CareConnect-GPC-NHSNumberVerificationStatus-1",
        "valueCodeableConcept": {"coding": [verified | {"display": "Number present and verified"}]},
    }
    patient = {
        "resourceType": "Patient",
        "id": write.key("Patient"),
        "meta": meta("Patient", ()),
        "identifier": [{"extension": [status], "system": NHS_NUMBER, "value": person.nhs_number}],
        "active": True,
        "name": [
            {
                "use": "official",
                "family": person.family,
                "given": [person.given],
                "prefix": [person.prefix],
            }
        ],
        "telecom": [{"system": "phone", "value": person.phone, "use": "home"}],
        "gender": person.gender,
        "birthDate": person.born,
        "address": [
            {
                "use": "home",
                "type": "physical",
                "line": [person.street],
                "city": person.city,
                "postalCode": person.postcode,
            }
        ],
        "generalPractitioner": [write.author],
        "managingOrganization": {"reference": "Organization/ORG-A99999"},
    }
    return [patient, *_practice()]


def _practice() -> list[JSON]:
    job = {
        "system": f"{NHS_CODES}/CareConnect-SDSJobRoleName-1",
        "code": "R0260",
        "display": "General Medical Practitioner",
    }
    return [
        {
            "resourceType": "Organization",
            "id": "ORG-A99999",
            "meta": meta("Organization", ()),
            "identifier": [{"system": ODS_CODE, "value": "A99999"}],
            "name": "Greenfield Surgery",
        },
        {
            "resourceType": "Practitioner",
            "id": "GP-0001",
            "meta": meta("Practitioner", ()),
            "identifier": [{"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "G99999981"}],
            "name": [{"use": "usual", "family": "Harbel", "given": ["Nerys"], "prefix": ["Dr"]}],
        },
        {
            "resourceType": "PractitionerRole",
            "id": "ROLE-0001",
            "meta": meta("PractitionerRole", ()),
            "practitioner": {"reference": "Practitioner/GP-0001"},
            "organization": {"reference": "Organization/ORG-A99999"},
            "code": [{"coding": [job]}],
        },
    ]
