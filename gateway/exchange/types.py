"""Resource types that an exchange carries (http-api.md 3). `Basic` (kept raw content) never leaves."""

PATIENT_ONLY = ("Patient",)

CLINICAL = (
    "Patient", "AllergyIntolerance", "Condition", "MedicationRequest", "MedicationStatement", "Observation",
    "DiagnosticReport", "Immunization", "Procedure", "Encounter", "DocumentReference", "ServiceRequest",
    "CarePlan", "List", "Composition", "Specimen", "Medication", "Practitioner", "PractitionerRole",
    "Organization", "Location", "Device", "Binary", "Provenance", "Appointment", "CareTeam", "Coverage",
    "DeviceUseStatement", "FamilyMemberHistory", "Flag", "MedicationAdministration", "MedicationDispense",
    "RelatedPerson",
)  # fmt: skip

UNPATIENTED = frozenset(
    (
        "Organization Practitioner PractitionerRole Location HealthcareService Medication Substance Device"
    ).split()
)
"""Without a patient: leave only where a released resource refers to them (consent.md 11)."""
