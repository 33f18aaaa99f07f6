"""A founded node in a folder with everything that an exchange needs, in this process.

The providers are the sandbox's own, in this process too. They write each answer once and bring the same bytes
again: steady sources. Their HTTP server's time is in every figure that says that sources are asked.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from adapters.hospital.feed import HospitalFeed
from adapters.interface import Identifier
from gateway.authn import scopes
from gateway.authn.caller import Caller
from gateway.bootstrap import Runtime, open_node, system_clock
from gateway.config import load
from gateway.exchange.consents import Act, Grant
from gateway.exchange.cycle import exchange
from gateway.exchange.node import Node
from gateway.exchange.request import Answer, Ask, SealTo, Shape
from gateway.exchange.types import CLINICAL
from gateway.sandbox import founding
from gateway.sandbox.founding import Places, Systems, found
from gateway.sandbox.mocks.gp import GPMock
from gateway.sandbox.mocks.hospital_messages import messages_of
from gateway.sandbox.mocks.population import Population
from gateway.sandbox.mocks.specialist import SpecialistMock
from gateway.sandbox.patients import NHS_NUMBER
from keys.envelope.recipient import Recipient
from keys.jwk import public_from_jwk

TODAY = date(2026, 6, 1)
SEED = 7


@dataclass(slots=True)
class Stage:
    """An open node and one patient with records of all three sources, permitted to the caller."""

    runtime: Runtime
    patient: str
    """Id of one of her source Patients."""
    person: str
    caller: Caller
    seal: SealTo

    @property
    def node(self) -> Node:
        """As configured: the GP and the specialist are asked anew in every exchange."""
        return self.runtime.node

    @property
    def stored(self) -> Node:
        """The same node when nothing is pulled: every source is a feed whose records are here already."""
        feeds = tuple(replace(one, adapter=HospitalFeed()) for one in self.node.sources)
        return replace(self.node, sources=feeds)

    def ask(self, shape: Shape = "everything") -> Ask:
        """A new question; everything else about it is always the same."""
        return Ask(
            exchange=self.runtime.services.new_id(),
            caller=self.caller,
            subject=self.patient,
            types=CLINICAL,
            shape=shape,
            at=self.node.clock(),
            deadline=30.0,
            self_url=f"{self.node.base}/Patient/$everything",
            seal=self.seal,
        )

    async def exchange(self, node: Node) -> Answer:
        """One whole exchange, sealed to the caller's key."""
        answer = await exchange(node, self.ask())
        assert answer.complete, "a source did not answer"
        return answer

    async def clear(self) -> bytes:
        """The same answer unsealed."""
        return (await exchange(self.stored, replace(self.ask(), seal=None))).body


@asynccontextmanager
async def staged(folder: Path, records: int) -> AsyncIterator[Stage]:
    """A sandbox founded in `folder`, the hospital's messages in, a consent given, and all asked for once."""
    population = Population(SEED, TODAY, records=records)
    async with AsyncExitStack() as stack:
        gp = await stack.enter_async_context(GPMock(population))
        letters = await stack.enter_async_context(SpecialistMock(population))
        systems = Systems(gp.url, letters.url, http_port=8080, mllp_port=2575)  # nothing listens on these
        await found(Places(folder), systems, int(system_clock().timestamp()))
        runtime = await stack.enter_async_context(opened(folder))
        number = await _fill(runtime, population, f"patient_with_{records}_records")
        yield await _ready(runtime, folder, number)


@asynccontextmanager
async def reopened(folder: Path, records: int) -> AsyncIterator[Stage]:
    """The same node again, in another process: without providers, for `Stage.stored` only."""
    patient = Population(SEED, TODAY, records=records).find(f"patient_with_{records}_records")
    assert patient is not None
    async with opened(folder) as runtime:
        yield await _stage(runtime, folder, Identifier(NHS_NUMBER, patient.person.nhs_number))


def opened(folder: Path) -> Any:
    """The node's runtime, as the command line opens it."""
    return open_node(load(Places(folder).configuration))


async def _fill(runtime: Runtime, population: Population, label: str) -> Identifier:
    patient = population.find(label)
    assert patient is not None
    assert patient.hospital is not None
    (adt,) = (one for one in runtime.node.sources if one.source.id == "adt")
    for message in messages_of(patient, patient.hospital, population.seed):
        ack = await runtime.node.intake.receive_message(
            message.body, adt.source, adt.normaliser, runtime.clock()
        )
        assert b"|AA|" in ack, "the node did not take a message of the hospital"
    return Identifier(NHS_NUMBER, patient.person.nhs_number)


async def _ready(runtime: Runtime, folder: Path, number: Identifier) -> Stage:
    act = Act("benchmark", "so that there is something to release", runtime.clock())
    await runtime.consents.grant(number, Grant(permit=("TREAT",), to=(founding.CALLER,), id="c1"), act)
    # The first question by number: it brings the pulled records in, after which her ids are known here.
    first = Ask(
        exchange=runtime.services.new_id(),
        caller=_caller(),
        subject=number,
        types=CLINICAL,
        shape="patients",
        at=runtime.clock(),
        deadline=30.0,
        self_url=runtime.node.base,
    )
    answer = await exchange(runtime.node, first)
    assert answer.complete, "a source did not answer"
    return await _stage(runtime, folder, number)


async def _stage(runtime: Runtime, folder: Path, number: Identifier) -> Stage:
    def read(connection: Any) -> tuple[str, str]:
        index = runtime.node.room(connection).index
        person = index.resolve([number]).person
        assert person is not None
        return person, index.links(person)[0].patient

    person, patient = await runtime.database.read(read)
    (kem,) = (key for key in founding.client_keys(Places(folder)).public() if key.use == "enc")
    recipient = Recipient(f"{founding.NODE}/{founding.CLIENT}", public_from_jwk(dict(kem.jwk)))
    seal = SealTo(recipient, bytes(32))
    return Stage(runtime, patient.partition("/")[2], person, _caller(), seal)


def _caller() -> Caller:
    return Caller(
        client=founding.CLIENT,
        organisation=founding.CALLER,
        purpose="TREAT",
        scopes=scopes.parse_all(founding.SCOPES),
        roles=("doctor",),
        sealed="offered",
    )
