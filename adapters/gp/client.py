"""GP Connect Access Record Structured as a `SourceAdapter`: one POST, one typed outcome, no exception."""

from adapters.errors import SourceMalformed, SourceRefused, SourceTimedOut, SourceUnavailable
from adapters.gp import request
from adapters.gp.outcome import fetched_from_answer
from adapters.gp.request import GPConnectSettings
from adapters.identity import NHS_NUMBER
from adapters.interface import Capabilities, Fetched, Identifier, PatientQuery
from adapters.transport import Transport


class GPClient:
    """`adapters.interface.SourceAdapter` of one practice. The transport is the caller's to open and close."""

    def __init__(self, settings: GPConnectSettings, transport: Transport) -> None:
        """`transport` is bound to `settings.base_url`, with the client certificate that the source wants."""
        self._settings = settings
        self._transport = transport

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("gp", pull=True, identifier_systems=(NHS_NUMBER,))

    async def find(self, identifiers: tuple[Identifier, ...]) -> bool:
        """A practice is asked by NHS number, or not at all."""
        return request.nhs_number_of(identifiers) is not None

    async def fetch(self, patient: PatientQuery, deadline: float) -> Fetched:
        """The structured record, within `deadline` seconds. Other purposes than direct care: `refused`.

        The number travels in the body: never in an address, a header or a log.
        """
        asked = request.nhs_number_of(patient.identifiers)
        if asked is None or patient.requester.purpose not in request.DIRECT_CARE:
            return Fetched("failed", reason="refused")
        try:
            answer = await self._transport.request(
                "POST",
                request.PATH,
                deadline=deadline,
                headers=request.headers(self._settings, patient),
                content=request.body(asked.value, self._settings.includes),
            )
        except SourceTimedOut:
            return Fetched("timed-out")
        except SourceUnavailable:
            return Fetched("failed", reason="unreachable")
        except SourceRefused:
            return Fetched("failed", reason="refused")
        except SourceMalformed:
            return Fetched("failed", reason="malformed")
        return fetched_from_answer(answer.status, answer.headers.get("content-type", ""), answer.body, asked)
