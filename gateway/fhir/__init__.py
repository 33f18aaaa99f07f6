"""The FHIR resources that this node authors itself; pure."""
