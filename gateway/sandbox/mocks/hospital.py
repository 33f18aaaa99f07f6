"""Mock hospital: an HL7 v2 *sender* over MLLP. It connects to the node's listener and sends on command.

Commands on the control surface, beside the common ones: `PUT /__sandbox/target` `{"host", "port"}`;
`POST /__sandbox/send` `{"patient": <label or "*">, "message": "A01"|"A08"|"A03"|"R01"|"*"}`, or where files
were given `{"file": <name or "*">, "part": <which message of it, from 1; 0: all>}`. The answer, and the
journal, have one line per message: attempts, MSA-1, ERR-3.
A message without acknowledgement, or with the AE that asks for it (ERR-3 207), is sent again, same bytes.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.sandbox.mocks.faults import Fault
from gateway.sandbox.mocks.files import GivenFile, given_messages
from gateway.sandbox.mocks.hospital_messages import messages_of
from gateway.sandbox.mocks.jsontext import decode_json
from gateway.sandbox.mocks.mllp import Ack, NoAck, send_framed
from gateway.sandbox.mocks.population import Population, disguise
from gateway.sandbox.mocks.provider import Provider, json_reply
from gateway.sandbox.mocks.server import Reply, Request

_RESEND = "207"


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """A message to send: whose it is (label or file name), its event and control id for the journal."""

    about: str
    event: str
    control: str
    body: bytes
    part: int = 1
    """Which message of a given file."""


class HospitalMock(Provider):
    """Sends for the population, or given HL7 files unchanged. `target`: host and port of the node's feed."""

    name = "hospital"

    def __init__(
        self,
        population: Population,
        *,
        port: int = 0,
        files: Sequence[Path] = (),
        target: tuple[str, int] | None = None,
        ack_timeout: float = 10.0,
        attempts: int = 3,
        pause: float = 0.2,
    ) -> None:
        """`ack_timeout` and `pause` between attempts in seconds."""
        super().__init__(population, port=port, files=files)
        self.target = target
        self._ack_timeout = ack_timeout
        self._attempts = attempts
        self._pause = pause

    def can_mix_up(self) -> bool:
        """Given messages are sent unchanged: whose they are is not this mock's to alter."""
        return not self.files and super().can_mix_up()

    def read_file(self, path: Path) -> GivenFile:
        return given_messages(path)

    async def answer(self, request: Request, mixed_up: Fault | None) -> tuple[Reply, str | None]:
        """There is nothing to ask a sender for."""
        return json_reply(404, {"error": "this mock sends over MLLP; see POST /__sandbox/send"}), None

    async def command(self, request: Request, command: str) -> Reply | None:
        if (request.method, command) not in (("PUT", "target"), ("POST", "send")):
            return None
        try:
            body = decode_json(request.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return json_reply(400, {"error": "expected a JSON object"})
        return self._put_target(body) if command == "target" else await self._send_command(body)

    def _put_target(self, body: dict[str, Any]) -> Reply:
        host, port = body.get("host", "127.0.0.1"), body.get("port")
        if host not in ("127.0.0.1", "::1", "localhost") or type(port) is not int or not 0 < port < 65536:
            return json_reply(400, {"error": "target must be a port on loopback"})
        self.target = (host, port)
        return json_reply(200, {"host": host, "port": port})

    async def _send_command(self, body: dict[str, Any]) -> Reply:
        if self.target is None:
            return json_reply(409, {"error": "no target: PUT /__sandbox/target first"})
        key = "file" if self.files else "patient"
        wanted, event, part = body.get(key, "*"), body.get("message", "*"), body.get("part", 0)
        if not isinstance(wanted, str) or not isinstance(event, str) or type(part) is not int:
            return json_reply(400, {"error": f"{key} and message must be strings, part a number"})
        lines = await self.send(wanted, {"ORU": "R01"}.get(event, event), part)
        if not lines:
            senders = list(dict.fromkeys(message.about for message in self._outgoing()))
            return json_reply(404, {"error": "nobody has such a message", key: senders})
        return json_reply(200, lines)

    async def send(self, about: str = "*", event: str = "*", part: int = 0) -> list[dict[str, Any]]:
        """Send the messages of a patient (label) or a file (name), one after the other; the journal lines.

        `part`: only that message of a file, from 1; 0: all of them.

        ValueError while there is no `target`.
        """
        if self.target is None:
            raise ValueError("no target to send to")
        chosen = [
            message
            for message in self._outgoing()
            if about in ("*", message.about) and event in ("*", message.event) and part in (0, message.part)
        ]
        return [await self._send(message) for message in chosen]

    def _outgoing(self) -> Iterable[_Outgoing]:
        for given in self.files:
            for number, part in enumerate(given.parts, 1):
                event, control = _event_and_control(part)
                yield _Outgoing(given.name, event, control, part, number)
        for patient in () if self.files else self.population.known_to(self.name):
            assert patient.hospital is not None  # known_to says so
            for message in messages_of(patient, patient.hospital, self.population.seed):
                yield _Outgoing(patient.label, message.event, message.control, message.body)

    async def _send(self, message: _Outgoing) -> dict[str, Any]:
        """One message until it is acknowledged, at most `attempts` times; a line in the journal."""
        used: list[str] = []
        outcome: dict[str, Any] = {}
        tried = 0
        for tried in range(1, self._attempts + 1):
            if tried > 1:
                await asyncio.sleep(self._pause)
            met = self.faults.draw(path="mllp", method="SEND", message=message.event)
            used += [fault.kind for fault in met]
            outcome = await self._attempt(message, met)
            if outcome["outcome"] == "acknowledged" and outcome["error"] != _RESEND:
                break
        return self.record(
            patient=message.about,
            message=message.event,
            control=message.control,
            bytes=len(message.body),
            attempts=tried,
            faults=used,
            **outcome,
        )

    async def _attempt(self, message: _Outgoing, met: Sequence[Fault]) -> dict[str, Any]:
        """One try, with what the faults make of it: outcome, code (MSA-1), error (ERR-3), ack text."""
        faults = {fault.kind: fault for fault in met}
        if "latency" in faults:
            await asyncio.sleep(self.faults.delay_of(faults["latency"]))
        if "down" in faults:
            return _no_ack("down")
        assert self.target is not None  # the commands refuse before
        body = self._mixed_up(message) if "wrong_patient" in faults else message.body
        cut = int(faults["truncate"].parameters["bytes"]) if "truncate" in faults else None
        if "hang" in faults:
            cut = len(body)
        try:
            for _ in range(2 if "duplicate" in faults else 1):
                ack = await send_framed(
                    *self.target,
                    body,
                    timeout=self._ack_timeout,
                    cut_at=cut,
                    hold="hang" in faults,
                    leave="ack_lost" in faults,
                )
        except NoAck as error:
            return _no_ack(error.why)
        return _acknowledged(ack)

    def _mixed_up(self, message: _Outgoing) -> bytes:
        """The message of the same event about somebody else, under the numbers of this patient."""
        patient = self.population.find(message.about)
        for other in self.population.known_to(self.name) if patient is not None else ():
            if patient is None or other.label == patient.label or other.hospital is None:
                continue
            shown = disguise(other, patient)
            for candidate in messages_of(shown, other.hospital, self.population.seed):
                if candidate.event == message.event:
                    return candidate.body
        return message.body


def _event_and_control(part: bytes) -> tuple[str, str]:
    """MSH-9.2 and MSH-10 of a given message, by its own separators."""
    separator, component = part[3:4], part[4:5]
    fields = part.split(b"\r")[0].split(b"\n")[0].split(separator)
    kind = fields[8].split(component) if len(fields) > 8 else [b""]
    event = kind[1] if len(kind) > 1 else kind[0]
    control = fields[9] if len(fields) > 9 else b""
    return event.decode("latin-1"), control.decode("latin-1")


def _acknowledged(ack: Ack) -> dict[str, Any]:
    return {
        "outcome": "acknowledged",
        "code": ack.code,
        "answers": ack.control,
        "error": ack.error,
        "ack": ack.text,
    }


def _no_ack(why: str) -> dict[str, Any]:
    return {"outcome": why, "code": None, "answers": None, "error": "", "ack": ""}
