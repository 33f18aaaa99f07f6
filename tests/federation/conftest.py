"""A whole federation for the tests: the classes that users start, processes of their own, real sockets.

`sandbox` starts one for a module; `new_sandbox` starts as many as a test wants. Whatever a test does, nothing
that was started here outlives it: the fixtures end what runs, and say so if anything was left.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from adapters.interface import Identifier
from consent.fhir import excepted_from_text
from gateway.audit.verify import Report, verify
from gateway.bootstrap import Runtime
from gateway.client.answer import Answer
from gateway.client.session import CarepactClient
from gateway.exchange.consents import Act, Grant
from gateway.sandbox import founding
from gateway.sandbox.federation import Federation, control
from gateway.sandbox.mocks.population import Population
from gateway.sandbox.patients import identifier_of
from gateway.sandbox.tour import administrator, client_of
from keys.note import key_from_vkey

T = TypeVar("T")
SHORT = "[limits]\ndeadline = 5.0\n"
"""Deadline of the node in most of these tests, in seconds."""


@dataclass
class Sandbox:
    """A running federation with the questions that the tests ask of it."""

    federation: Federation
    permitted: set[str] = field(default_factory=set)

    def run(self, work: Awaitable[T]) -> T:
        async def whole() -> T:
            return await work

        return asyncio.run(whole())

    def patient(self, label: str) -> Identifier:
        found = identifier_of(label)
        assert found is not None, f"no such patient: {label}"
        return Identifier(*found)

    @property
    def population(self) -> Population:
        day = datetime.fromisoformat(self.federation.today).date()
        return Population(self.federation.seed, day)

    def faults(self, provider: str, *faults: dict[str, Any]) -> None:
        control(self.federation.provider(provider), "PUT", "faults", list(faults))

    def clear(self) -> None:
        for provider in ("gp", "hospital", "specialist"):
            control(self.federation.provider(provider), "DELETE", "faults")

    def journal(self, provider: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = control(self.federation.provider(provider), "GET", "journal")
        return found

    def send(self, label: str = "*", message: str = "*") -> list[dict[str, Any]]:
        wanted = {"patient": label, "message": message}
        sent: list[dict[str, Any]] = control(self.federation.provider("hospital"), "POST", "send", wanted)
        return sent

    def act(self) -> Act:
        return Act("a test", "because the test says so", datetime.now(UTC))

    def administer(self, work: Callable[[Runtime], Awaitable[T]]) -> T:
        """Run `work` on the node's own services, beside its running server, as the command line does."""

        async def inside() -> T:
            async with administrator(self.federation) as runtime:
                return await work(runtime)

        return asyncio.run(inside())

    def permit(self, label: str, id: str = "") -> str:
        """A consent for TREAT by the health system; once for each patient."""
        name = id or f"c-{label.replace('_', '-')}"
        if name not in self.permitted:
            grant = Grant(permit=("TREAT",), to=(founding.CALLER,), id=name)
            self.administer(lambda r: r.consents.grant(self.patient(label), grant, self.act()))
            self.permitted.add(name)
        return name

    def withdraw(self, id: str, only: str | None = None) -> None:
        cut = excepted_from_text(only) if only else None
        self.administer(lambda r: r.consents.withdraw(id, self.act(), only=cut))

    def ask(self, work: Callable[[CarepactClient], Awaitable[T]]) -> T:
        async def inside() -> T:
            async with client_of(self.federation) as client:
                return await work(client)

        return asyncio.run(inside())

    def everything(self, label: str, *, accept_partial: bool = True) -> Answer:
        """Who is this, then everything: what a health system does. The patient must be permitted."""
        return self.ask(lambda client: everything(client, self.patient(label), accept_partial))

    def known_id(self, label: str) -> str:
        """The id of one of her Patients here; the node must have answered about her before."""
        found = self.ask(lambda c: c.find_patients(*_pair(self.patient(label)), accept_partial=True))
        return patient_ids(found)[0]

    def verified(self) -> Report:
        """The node's ledger, recomputed as `carepact audit verify` does."""

        async def inside(runtime: Runtime) -> Report:
            member = runtime.members.current.trust.member(founding.NODE)
            keys = [key_from_vkey(line) for line in member.log_vkeys] if member else []

            def check(connection: Any) -> Report:
                vault = runtime.node.room(connection).vault
                return verify(connection, me=founding.NODE, keys=keys, vault=vault)

            return await runtime.database.read(check)

        return self.administer(inside)

    @property
    def database(self) -> Path:
        return self.federation.places.configuration.parent / "state" / "node.db"

    @property
    def log(self) -> str:
        return (self.federation.folder / "greenfield.log").read_text("utf-8")


async def everything(client: CarepactClient, patient: Identifier, accept_partial: bool = True) -> Answer:
    found = await client.find_patients(*_pair(patient), accept_partial=accept_partial)
    return await client.everything(patient_ids(found)[0], accept_partial=accept_partial)


def patient_ids(answer: Answer) -> list[str]:
    return [resource["id"] for resource in answer.resources if resource["resourceType"] == "Patient"]


def _pair(patient: Identifier) -> tuple[str, str]:
    return patient.system, patient.value


@pytest.fixture(scope="session")
def new_federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Federation]]:
    """Makes federations, not started yet; all that were made are ended with the run, by force if need be."""
    made: list[Federation] = []

    def make(**options: Any) -> Federation:
        folder = tmp_path_factory.mktemp("federation") / "sandbox"
        options.setdefault("settings", SHORT)
        made.append(Federation(folder, today=datetime.now(UTC).date().isoformat(), **options))
        return made[-1]

    yield make
    for federation in made:
        federation.stop()
    left = [pid for federation in made for pid in _processes_of(federation.folder)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, "processes of a sandbox were left behind"


@pytest.fixture(scope="session")
def start(new_federation: Callable[..., Federation]) -> Callable[..., Sandbox]:
    """Starts a federation: `start(settings="…", files={…})`."""

    def started(**options: Any) -> Sandbox:
        federation = new_federation(**options)
        asyncio.run(federation.start())
        return Sandbox(federation)

    return started


@pytest.fixture(scope="module")
def sandbox(start: Callable[..., Sandbox]) -> Iterator[Sandbox]:
    """One federation for the tests of a module, with a deadline of five seconds."""
    running = start()
    yield running
    running.federation.stop()


@pytest.fixture
def new_sandbox(start: Callable[..., Sandbox]) -> Iterator[Callable[..., Sandbox]]:
    """Starts federations that end with the test."""
    running: list[Sandbox] = []

    def started(**options: Any) -> Sandbox:
        running.append(start(**options))
        return running[-1]

    yield started
    for one in running:
        one.federation.stop()


@pytest.fixture
def free_of_faults(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The module's federation, without faults before and after."""
    sandbox.clear()
    yield sandbox
    sandbox.clear()


def _processes_of(folder: Path) -> list[int]:
    """Processes whose command line names this folder, after a moment to end."""
    for _ in range(20):
        found = []
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = line.read_bytes()
            except OSError:
                continue
            if str(folder).encode() in command and int(line.parent.name) != os.getpid():
                found.append(int(line.parent.name))
        if not found:
            return []
        time.sleep(0.1)
    return found


def rows(answer: Answer) -> dict[str, dict[str, Any]]:
    """The sources of an answer by their id."""
    return {row["source"]: row for row in answer.sources}


@pytest.fixture(scope="session")
def by_source() -> Callable[[Answer], dict[str, dict[str, Any]]]:
    """The signed statement's rows by source id."""
    return rows


@pytest.fixture(scope="session")
def lines_of_log() -> Callable[[Sandbox], list[dict[str, Any]]]:
    """The node's log as objects; a line that is no JSON fails the test."""
    return lambda sandbox: [json.loads(line) for line in sandbox.log.splitlines()]
