"""FHIR STU3 and Care Connect resources to FHIR R4: one module a group of types, rows in tables."""
