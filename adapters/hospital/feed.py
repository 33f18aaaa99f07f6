"""The hospital as a source at exchange time: a feed, whose records are stored already; nothing to ask."""

from adapters.interface import Capabilities, Fetched, Identifier, PatientQuery


class HospitalFeed:
    """`SourceAdapter` of an HL7 v2 feed: it pushes over MLLP (listener.py) and cannot be pulled."""

    def __init__(self, identifier_systems: tuple[str, ...] = ()) -> None:
        self._capabilities = Capabilities("hospital", pull=False, identifier_systems=identifier_systems)

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def find(self, identifiers: tuple[Identifier, ...]) -> bool:
        """Whether any identifier is of a system that this feed knows; without a list, any is."""
        systems = self._capabilities.identifier_systems
        return not systems or any(one.system in systems for one in identifiers)

    async def fetch(self, patient: PatientQuery, deadline: float) -> Fetched:
        """Nothing beyond what was pushed."""
        return Fetched("answered", ())
