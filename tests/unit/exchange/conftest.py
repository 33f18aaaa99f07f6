"""Two whole nodes, each with keys, database, ledger and an HTTP surface on loopback, of one members file."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

NORTH, SOUTH = "north.example", "south.example"
NHS = "https://fhir.nhs.uk/Id/nhs-number"
FULL = "patient_with_full_record"


class Ahead:
    """The wall clock, moved by `seconds`."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)


@dataclass
class Side:
    """One of the two nodes. `sent`: envelopes that came to its endpoint, with what went back."""

    runtime: Any
    app: Any
    port: int
    clock: Ahead

    @property
    def node(self) -> Any:
        return self.runtime.node

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/exchange"

    def act(self) -> Any:
        from gateway.exchange.consents import Act

        return Act("test", "the test says so", self.clock())

    async def hears(self, label: str = FULL) -> None:
        """The hospital's messages about somebody, taken in and acknowledged."""
        from gateway.sandbox.mocks.hospital_messages import messages_of

        patient = population().find(label)
        (bound,) = self.node.sources
        for message in messages_of(patient, patient.hospital, population().seed):
            ack = await self.node.intake.receive_message(
                message.body, bound.source, bound.normaliser, self.clock()
            )
            assert b"MSA|AA" in ack

    async def permit(self, to: str, label: str = FULL, *, id: str = "c1") -> None:
        from gateway.exchange.consents import Grant

        grant = Grant(permit=("TREAT",), to=(to,), id=id)
        await self.runtime.consents.grant(identifier(label), grant, self.act())

    async def withdraw(self, id: str = "c1") -> None:
        await self.runtime.consents.withdraw(id, self.act())

    async def agreement(self, action: str, ref: str, org: str) -> None:
        """This node signs something about an agreement that it holds."""
        from gateway.exchange.agreements import Agreements
        from keys.jws import signers_from_store

        signers = signers_from_store(self.runtime.keys, at=int(self.clock().timestamp()))
        name, _, version = ref.partition("@")
        await Agreements(self.node).state(
            (name, int(version)), signers, self.act(), action=action, org=org, by="test"
        )

    async def leaves(self) -> list[Any]:
        """Every leaf of the ledger, oldest first, after a whole verification."""
        from sqlalchemy import select

        from gateway.audit.sql import ledger_leaf
        from gateway.audit.verify import verify
        from keys.leaf import leaf_from_bytes
        from keys.note import key_from_vkey

        member = self.runtime.members.current.trust.member(self.node.member)
        keys = [key_from_vkey(line) for line in member.log_vkeys]

        def read(connection: Any) -> list[Any]:
            vault = self.node.room(connection).vault
            me = self.node.member
            report = verify(connection, me=me, keys=keys, vault=vault)
            assert report.finding is None
            rows = connection.execute(select(ledger_leaf.c.bytes).order_by(ledger_leaf.c.idx))
            return [leaf_from_bytes(row.bytes) for row in rows]

        return list(await self.runtime.database.read(read))

    async def kinds(self) -> list[str]:
        return [leaf.kind for leaf in await self.leaves() if leaf.kind in EXCHANGE]


EXCHANGE = ("ask", "answer", "receive", "deliver")


def population() -> Any:
    from gateway.sandbox.mocks.population import Population

    return Population(7, datetime.now(UTC).date())


def identifier(label: str = FULL) -> Any:
    from adapters.interface import Identifier

    return Identifier(NHS, str(population().find(label).person.nhs_number))


@dataclass
class Pair:
    """North asks, south holds records; an agreement of treatment each way."""

    sides: dict[str, Side]

    @property
    def north(self) -> Side:
        return self.sides[NORTH]

    @property
    def south(self) -> Side:
        return self.sides[SOUTH]

    @staticmethod
    def listening(app: Any, port: int) -> Any:
        """One more worker of a node, on a port of its own."""
        from gateway.sandbox.pair import listening

        return listening(app, port)

    def query(self, label: str = FULL, **changed: Any) -> dict[str, Any]:
        """The members of a `query`, as north frames them."""
        about = identifier(label)
        access = {
            "id": os.urandom(16).hex(), "org": NORTH, "purpose": ["TREAT"], "roles": ["doctor"],
            "action": "access", "at": self.north.clock().isoformat(),
        }  # fmt: skip
        access |= changed.pop("access", {})
        subject = {"identifier": [{"system": about.system, "value": about.value}]}
        return {"access": access, "subject": subject, "types": ["Patient", "Observation"]} | changed

    async def question(
        self,
        label: str = FULL,
        *,
        types: Any = None,
        deadline: float = 8.0,
        subject: Any = None,
        **caller: Any,
    ) -> Any:
        """North's own clinician asks for everything, as far as the federation reaches: the `Ask`."""
        from gateway.authn.caller import Caller
        from gateway.authn.scopes import parse_all
        from gateway.exchange.request import Ask
        from gateway.exchange.types import CLINICAL

        said = {
            "client": "clinician", "organisation": NORTH, "purpose": "TREAT", "roles": ("doctor",),
            "scopes": parse_all("system/*.rs"), "reach": "federation",
        } | caller  # fmt: skip
        return Ask(
            exchange=os.urandom(16).hex(),
            caller=Caller(**said),
            subject=subject or identifier(label),
            types=types or CLINICAL,
            shape="everything",
            at=self.north.clock(),
            deadline=deadline,
            self_url=f"{self.north.node.base}/Patient/$everything",
            reach="federation",
        )

    async def everything(self, label: str = FULL, **changed: Any) -> Any:
        """The answer of north to it, verified as a client does: `gateway.client.answer.Answer`."""
        from gateway.client.answer import answer_from_json
        from gateway.exchange.cycle import exchange

        answer = await exchange(self.north.node, await self.question(label, **changed))
        trust = self.north.runtime.members.current.trust
        return answer_from_json(answer.body, NORTH, trust, now=int(self.north.clock().timestamp()))

    async def ask(self, op: str = "query", members: Any = None, **changed: Any) -> Any:
        """North asks south one sealed question: `Answered` or `Failed`."""
        from gateway.exchange.peer.ask import Question, ask

        said = {"purpose": "TREAT", "agreement": "d1@1", "deadline": 5.0} | changed
        content = self.query() if members is None else members
        return await ask(self.north.node, Question(SOUTH, op, content, **said))


@asynccontextmanager
async def _open(place: Any, folder: Any) -> AsyncIterator[dict[str, Side]]:
    from gateway.api.app import application
    from gateway.sandbox.pair import open_pair

    clocks = {id: Ahead() for id in place.ports}
    async with open_pair(place, clocks, folder) as nodes:
        yield {
            id: Side(runtime, application(runtime.services), place.ports[id], clocks[id])
            for id, runtime in nodes.items()
        }


@pytest.fixture(scope="session")
def founded_pair(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two founded nodes that nobody uses, with agreements `d1` (south to north) and `d2` (north to south)."""
    from gateway.sandbox.pair import found_pair

    return found_pair(tmp_path_factory.mktemp("pair") / "founded")


@pytest.fixture
async def pair(founded_pair: Any, tmp_path: Any) -> AsyncIterator[Pair]:
    """The two nodes, up: a copy of the founded ones, so that no test sees another's."""
    from gateway.sandbox.pair import listening

    folder = tmp_path / "pair"
    await asyncio.to_thread(shutil.copytree, founded_pair.folder, folder)
    async with _open(founded_pair, folder) as sides, AsyncExitStack() as stack:
        for side in sides.values():
            await stack.enter_async_context(listening(side.app, side.port))
        yield Pair(sides)
