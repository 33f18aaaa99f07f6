"""Which STU3 types are carried, and as what."""

from collections.abc import Mapping
from types import MappingProxyType

from adapters.gp.stu3_to_r4 import (
    allergy,
    appointment,
    care,
    composition,
    condition,
    coverage,
    devices,
    dispensing,
    documents,
    encounter,
    family,
    immunization,
    lists,
    medication,
    observation,
    people,
    procedures,
    provenance,
    reports,
)
from adapters.gp.stu3_to_r4.resource import ResourceMap

MAPS: Mapping[str, ResourceMap] = MappingProxyType(
    {
        "Patient": people.PATIENT,
        "RelatedPerson": people.RELATED_PERSON,
        "Practitioner": people.PRACTITIONER,
        "PractitionerRole": people.PRACTITIONER_ROLE,
        "Organization": people.ORGANIZATION,
        "Location": people.LOCATION,
        "AllergyIntolerance": allergy.ALLERGY_INTOLERANCE,
        "Condition": condition.CONDITION,
        "Observation": observation.OBSERVATION,
        "DiagnosticReport": reports.DIAGNOSTIC_REPORT,
        "Specimen": reports.SPECIMEN,
        "Immunization": immunization.IMMUNIZATION,
        "Medication": medication.MEDICATION,
        "MedicationStatement": medication.MEDICATION_STATEMENT,
        "MedicationRequest": medication.MEDICATION_REQUEST,
        "Encounter": encounter.ENCOUNTER,
        "List": lists.LIST,
        "Procedure": procedures.PROCEDURE,
        "ProcedureRequest": procedures.PROCEDURE_REQUEST,
        "ReferralRequest": procedures.REFERRAL_REQUEST,
        "DocumentReference": documents.DOCUMENT_REFERENCE,
        "Binary": documents.BINARY,
        "Appointment": appointment.APPOINTMENT,
        "CarePlan": care.CARE_PLAN,
        "CareTeam": care.CARE_TEAM,
        "Composition": composition.COMPOSITION,
        "Coverage": coverage.COVERAGE,
        "Device": devices.DEVICE,
        "DeviceUseStatement": devices.DEVICE_USE_STATEMENT,
        "FamilyMemberHistory": family.FAMILY_MEMBER_HISTORY,
        "Flag": family.FLAG,
        "MedicationAdministration": dispensing.MEDICATION_ADMINISTRATION,
        "MedicationDispense": dispensing.MEDICATION_DISPENSE,
        "Provenance": provenance.PROVENANCE,
    }
)
"""STU3 type to its mapping. Any other type is kept as it came, in a Basic (`type-not-carried`)."""

CLINICAL = frozenset(MAPS) - frozenset(
    "Patient RelatedPerson Practitioner PractitionerRole Organization Location Medication Binary Appointment "
    "Specimen List CareTeam Composition Device Provenance".split()
)
"""Types that R4 does not let stand without the person that they are about."""
