"""What every mock provider has: a population or given files, faults, a journal and the control surface.

Control surface, on the same loopback port: `GET /__sandbox/ready`, `/population`, `/journal`;
`GET PUT DELETE /__sandbox/faults`; `POST /__sandbox/reset`. Faults never touch the control surface.
The journal names patients by label, never by number, and a mock writes no log at all.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from gateway.sandbox.mocks.faults import Fault, FaultRefused, Faults
from gateway.sandbox.mocks.files import GivenFile
from gateway.sandbox.mocks.jsontext import decode_json, encode_json
from gateway.sandbox.mocks.labels import label_files
from gateway.sandbox.mocks.population import Population
from gateway.sandbox.mocks.server import LoopbackServer, Reply, Request

_CONTROL = "/__sandbox/"


class Provider:
    """A mock provider: `async with GPMock(population) as mock`, then `mock.url`.

    Given `files`, it serves those as they are and nobody of the population.
    """

    name: ClassVar[str]

    def __init__(self, population: Population, *, port: int = 0, files: Sequence[Path] = ()) -> None:
        self.population = population
        self.faults = Faults(self.name, population.seed)
        self.journal: list[dict[str, Any]] = []
        self.files: tuple[GivenFile, ...] = label_files((self.read_file(path) for path in files), files)
        self._server = LoopbackServer(self._handle, port)

    @property
    def url(self) -> str:
        """Base address, without a slash at the end. Valid once started."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def port(self) -> int:
        return self._server.port

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def read_file(self, path: Path) -> GivenFile:
        """What a given file holds and by whom it can be asked for; never raises for its content."""
        raise NotImplementedError

    async def answer(self, request: Request, mixed_up: Fault | None) -> tuple[Reply, str | None]:
        """The provider's own protocol: the answer, and the label of the patient that was asked for.

        `mixed_up`: answer with another patient's record.
        """
        raise NotImplementedError

    async def command(self, request: Request, command: str) -> Reply | None:
        """A command of this kind of mock on the control surface; None: there is no such command."""
        return None

    async def reset(self) -> None:
        self.faults.reset()
        self.journal.clear()

    def record(self, **entry: Any) -> dict[str, Any]:
        """One line of the journal, numbered from 1."""
        numbered = {"n": len(self.journal) + 1, **entry}
        self.journal.append(numbered)
        return numbered

    async def _handle(self, request: Request) -> Reply:
        if request.path.startswith(_CONTROL):
            return await self._control(request, request.path.removeprefix(_CONTROL))
        return await self._serve(request)

    async def _serve(self, request: Request) -> Reply:
        """One call of the node, with what the faults make of it."""
        met = self.faults.draw(path=request.path, method=request.method)
        by_kind = {fault.kind: fault for fault in met}
        for fault in met:
            if fault.kind == "latency":
                await asyncio.sleep(self.faults.delay_of(fault))
        label: str | None = None
        reply = _reply_of_fault(by_kind)
        if reply is None:
            reply, label = await self.answer(request, by_kind.get("wrong_patient"))
            reply = _spoil(reply, by_kind)
        self.record(
            method=request.method,
            path=request.path,
            headers=sorted(request.headers),
            patient=label,
            status=None if reply.drop or reply.hang else reply.status,
            bytes=len(reply.body),
            sha256=hashlib.sha256(reply.body).hexdigest(),
            faults=[fault.kind for fault in met],
        )
        return reply

    async def _control(self, request: Request, command: str) -> Reply:
        match request.method, command:
            case "GET", "ready":
                return json_reply(200, {"mock": self.name, "ready": True})
            case "GET", "population":
                return json_reply(200, self.describe())
            case "GET", "journal":
                return json_reply(200, self.journal)
            case "GET", "faults":
                return json_reply(200, self.faults.to_json())
            case "PUT", "faults":
                return self._put_faults(request)
            case "DELETE", "faults":
                self.faults.reset()
                return json_reply(200, [])
            case "POST", "reset":
                await self.reset()
                return json_reply(200, {"mock": self.name, "reset": True})
        return await self.command(request, command) or json_reply(404, {"error": "no such command"})

    def can_mix_up(self) -> bool:
        """Whether there are two people to take for one another: else `wrong_patient` would do nothing."""
        usable = [given for given in self.files if given.refused is None]
        return len(usable if self.files else self.population.known_to(self.name)) > 1

    def _put_faults(self, request: Request) -> Reply:
        try:
            wanted = decode_json(request.body)
            kinds = [fault.get("kind") for fault in wanted if isinstance(fault, dict)] if wanted else []
            if "wrong_patient" in kinds and not self.can_mix_up():
                raise FaultRefused("wrong_patient needs two people to mix up")
            self.faults.replace(wanted)
        except (ValueError, TypeError):
            return json_reply(400, {"error": "not a JSON array", "known": []})
        except FaultRefused as refused:
            return json_reply(400, {"error": refused.reason, "known": list(refused.known)})
        return json_reply(200, self.faults.to_json())

    def describe(self) -> dict[str, Any]:
        """Who can be asked for: the population with its numbers, or the given files with what they carry."""
        known = self.population.known_to(self.name)
        return {
            "seed": self.population.seed,
            "today": self.population.today.isoformat(),
            "patients": []
            if self.files
            else [
                {
                    "label": patient.label,
                    "nhs_number": patient.person.nhs_number,
                    "known": patient in known,
                    **patient.counts().get(self.name, {"facts": 0, "marked": 0}),
                }
                for patient in self.population.patients
            ],
            "files": [given.to_json() for given in self.files],
        }


def json_reply(status: int, value: Any) -> Reply:
    return Reply(status, encode_json(value))


def _reply_of_fault(faults: dict[str, Fault]) -> Reply | None:
    """The answer where a fault stands in the place of one."""
    if "down" in faults:
        return Reply(503, drop=True)
    if "hang" in faults:
        return Reply(503, hang=True)
    if "http" in faults:
        wanted = faults["http"].parameters
        retry = {"Retry-After": str(wanted["retry_after"])} if "retry_after" in wanted else {}
        return Reply(int(wanted["status"]), b"", "text/plain", retry)
    return None


def _spoil(reply: Reply, faults: dict[str, Fault]) -> Reply:
    if "invalid_json" in faults:
        reply = replace(reply, body=reply.body[:-1] + b',"broken":')
    if "wrong_content_type" in faults:
        reply = replace(reply, content_type="text/html; charset=utf-8")
    if "truncate" in faults:
        # One byte at least is missing, else nothing would be truncated.
        cut = min(int(faults["truncate"].parameters["bytes"]), max(0, len(reply.body) - 1))
        reply = replace(reply, cut_at=cut)
    return reply
