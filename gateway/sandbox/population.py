"""Filling a fresh sandbox: the hospital's messages, and a consent for each patient who gives one."""

from datetime import date

from adapters.interface import Identifier
from gateway.sandbox.federation import Federation
from gateway.sandbox.mocks.population import Population
from gateway.sandbox.patients import NHS_NUMBER
from gateway.sandbox.tour import administrator, permit_treatment, require

_GIVES_NONE = frozenset(("patient_unknown_everywhere",))


async def populate(federation: Federation) -> None:
    """Send everything that the hospital has; record consents `c1`, `c2`, … in the order of the population.

    Every patient permits treatment: floor pack `opt-in` releases nothing without a consent on file.
    """
    sent = await federation.control("hospital", "POST", "send", {"patient": "*", "message": "*"})
    require(all(line["outcome"] == "acknowledged" for line in sent), "a message was not acknowledged")
    people = Population(federation.seed, date.fromisoformat(federation.today)).patients
    async with administrator(federation) as runtime:
        for number, patient in enumerate(people, 1):
            if patient.label not in _GIVES_NONE:
                identifier = Identifier(NHS_NUMBER, patient.person.nhs_number)
                await permit_treatment(runtime, identifier, f"c{number}")
