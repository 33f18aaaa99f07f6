"""Sandbox patients by name, so that a command line needs no number."""

from datetime import date

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"


def identifier_of(name: str) -> tuple[str, str] | None:
    """(system, value) of a sandbox patient; None for a name that nobody has."""
    from gateway.sandbox.mocks.population import Population

    found = Population(0, date(2026, 1, 1)).find(name)
    return (NHS_NUMBER, found.person.nhs_number) if found else None
