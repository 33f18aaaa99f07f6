"""A whole node in this process: real files, keys, database and HTTP surface; mock providers on loopback.

`standing` is founded once per run and copied for each test, so that no test sees another's.
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

NHS = "https://fhir.nhs.uk/Id/nhs-number"
FULL = "patient_with_full_record"
PORT = 8080
BASE = f"http://127.0.0.1:{PORT}"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class MovableClock:
    """The wall clock, moved by `ahead` seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    @property
    def seconds(self) -> int:
        return int(self().timestamp())


class Sent:
    """The ASGI app as an httpx transport; keeps requests and replies, so that a test can alter or replay."""

    def __init__(self, app: Any) -> None:
        import httpx

        self._inner = httpx.ASGITransport(app=app, client=("127.0.0.1", 50_000))
        self.requests: list[Any] = []
        self.replies: list[Any] = []
        self.change: Any = None

    async def handle_async_request(self, request: Any) -> Any:
        import httpx

        reply = await self._inner.handle_async_request(request)
        body = await reply.aread()
        if self.change is not None:
            body = self.change(request, reply, body)
        self.requests.append(request)
        again = httpx.Response(reply.status_code, headers=reply.headers, content=body)
        self.replies.append(again)
        return again

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def aclose(self) -> None:
        return None


@dataclass
class Standing:
    """A standing node with its neighbours. `runtime` is what `open_node` gives."""

    runtime: Any
    app: Any
    http: Any
    gp: Any
    specialist: Any
    population: Any
    places: Any
    clock: MovableClock
    nhs: str = NHS
    full: str = FULL
    base: str = BASE
    caller: str = "northshire.example"
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack, repr=False)
    _tokens: dict[Any, str] = field(default_factory=dict, repr=False)

    @property
    def node(self) -> Any:
        return self.runtime.node

    def number(self, label: str = FULL) -> str:
        found = self.population.find(label)
        assert found is not None
        return str(found.person.nhs_number)

    def identifier(self, label: str = FULL) -> Any:
        from adapters.interface import Identifier

        return Identifier(NHS, self.number(label))

    def act(self) -> Any:
        from gateway.exchange.consents import Act

        return Act("test", "the patient says so", self.clock())

    async def hospital_says(self, label: str = FULL) -> None:
        """The hospital's messages about somebody, taken in and acknowledged."""
        from gateway.sandbox.mocks.hospital_messages import messages_of

        patient = self.population.find(label)
        bound = self.source("adt")
        for message in messages_of(patient, patient.hospital, self.population.seed):
            ack = await self.node.intake.receive_message(
                message.body, bound.source, bound.normaliser, self.clock()
            )
            assert b"MSA|AA" in ack

    def source(self, id: str) -> Any:
        return next(one for one in self.node.sources if one.source.id == id)

    async def permit(self, label: str = FULL, *, id: str = "c1", **grant: Any) -> Any:
        """A consent for TREAT by the caller's organisation."""
        from gateway.exchange.consents import Grant

        said = {"permit": ("TREAT",), "to": (self.caller,), "id": id} | grant
        return await self.runtime.consents.grant(self.identifier(label), Grant(**said), self.act())

    async def withdraw(self, only: str | None = None, *, id: str = "c1") -> Any:
        from consent.fhir import excepted_from_text

        excepted = excepted_from_text(only) if only else None
        return await self.runtime.consents.withdraw(id, self.act(), only=excepted)

    async def register(
        self,
        id: str,
        scopes: Iterable[str] = ("system/*.cruds",),
        purposes: Iterable[str] = ("TREAT",),
        *,
        organisation: str | None = None,
        **options: Any,
    ) -> None:
        """One more client, with the sandbox client's own keys."""
        from gateway.authn.client_keys import enc_key_from_jwk
        from gateway.authn.clients import client_from_registration
        from gateway.authn.sql import add_client
        from gateway.sandbox.founding import client_keys, client_signing_key

        signing = client_signing_key(self.places)
        enc = []
        if options.get("sealed", "off") != "off":
            kem = next(key for key in client_keys(self.places).public() if key.use == "enc")
            enc = [enc_key_from_jwk(json.dumps(dict(kem.jwk)).encode(), nbf=kem.nbf, exp=kem.exp)]
        options.setdefault("roles", ["doctor"])
        client = client_from_registration(
            id,
            organisation or self.caller,
            json.dumps({"keys": [signing.as_dict(private=False)]}).encode(),
            list(scopes),
            list(purposes),
            enc=enc,
            **options,
        )
        await self.runtime.database.write(lambda c: add_client(c, client, at=self.clock.seconds))

    def assertion(self, client: str, purpose: Any, **changed: Any) -> str:
        from gateway.client.assertion import client_assertion
        from gateway.sandbox.founding import client_signing_key

        key = client_signing_key(self.places)
        said = {
            "kid": str(key.kid),
            "client_id": client,
            "audience": f"{BASE}/oauth/token",
            "purpose": purpose,
            "now": self.clock.seconds,
            "jti": os.urandom(16).hex(),
        } | changed
        return client_assertion(key, **said)

    async def token(self, client: str = "clinician", *, scope: str = "system/*.cruds", **purpose: Any) -> str:
        """An access token; `purpose` as of `gateway.client.assertion.Purpose`."""
        from gateway.client.assertion import ASSERTION_TYPE, Purpose

        said = {"code": "TREAT", "role": "doctor"} | purpose
        form = {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion(client, Purpose(**said)),
        }
        reply = await self.http.post("/oauth/token", data=form)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["access_token"])

    async def headers(self, client: str = "clinician", **said: Any) -> dict[str, str]:
        """The headers of a caller with a live token."""
        key = (client, repr(sorted(said.items())))
        if key not in self._tokens:
            self._tokens[key] = await self.token(client, **said)
        return {"Authorization": f"Bearer {self._tokens[key]}"}

    async def find(self, label: str = FULL, *, value: str | None = None, **said: Any) -> Any:
        """`POST Patient/_search` by NHS number; the reply."""
        wanted = f"{NHS}|{value or self.number(label)}"
        headers = await self.headers(**said)
        return await self.http.post("/fhir/Patient/_search", data={"identifier": wanted}, headers=headers)

    async def patient_id(self, label: str = FULL, source: str | None = None, **said: Any) -> str:
        """The id of one released source Patient."""
        bundle = (await self.find(label, **said)).json()
        for entry in bundle["entry"]:
            resource = entry["resource"]
            about = resource.get("meta", {}).get("source", "")
            if resource["resourceType"] == "Patient" and (source is None or f":{source}#" in about):
                return str(resource["id"])
        raise AssertionError("no Patient was released")

    async def everything(self, id: str, query: str = "", **said: Any) -> Any:
        return await self.http.get(
            f"/fhir/Patient/{id}/$everything{query}", headers=await self.headers(**said)
        )

    async def summary(self, id: str, **said: Any) -> Any:
        return await self.http.get(f"/fhir/Patient/{id}/$summary", headers=await self.headers(**said))

    def sdk(
        self, *, sealed: bool = True, client: str = "clinician", purpose: Any = None, **options: Any
    ) -> Any:
        """The SDK over this app; `session.sent` has what went over the wire."""
        from gateway.client.assertion import Purpose
        from gateway.client.session import CarepactClient, Registration
        from gateway.sandbox import founding

        key = founding.client_signing_key(self.places)
        registration = Registration(
            base_url=BASE,
            member=founding.NODE,
            client_id=client,
            signing_key=key,
            signing_kid=str(key.kid),
            scopes="system/*.rs",
            keys=founding.client_keys(self.places) if sealed else None,
        )
        sent = Sent(self.app)
        session = CarepactClient(
            registration,
            purpose or Purpose("TREAT", role="doctor"),
            lambda: self.runtime.members.current.trust,
            entropy=os.urandom,
            now=lambda: self.clock.seconds,
            transport=sent,
            **options,
        )
        session.sent = sent
        return session

    async def ledger(self) -> Any:
        """The report of a full verification of the node's ledger."""
        from gateway.audit.verify import verify
        from keys.note import key_from_vkey

        member = self.runtime.members.current.trust.member(self.node.member)
        keys = [key_from_vkey(line) for line in member.log_vkeys]

        def check(connection: Any) -> Any:
            vault = self.node.room(connection).vault
            return verify(connection, me=self.node.member, keys=keys, vault=vault)

        return await self.runtime.database.read(check)

    async def exchanges(self) -> list[Any]:
        from gateway.audit import exchanges

        return list(await self.runtime.database.read(exchanges.list_exchanges))


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A founded sandbox that nobody uses: the template of every test's own."""
    from gateway.sandbox.founding import Places, Systems, found

    folder = tmp_path_factory.mktemp("founded") / "sandbox"
    now = int(datetime.now(UTC).timestamp())
    systems = Systems("http://127.0.0.1:1/gp", "http://127.0.0.1:1/letters", PORT, 2575)
    asyncio.run(found(Places(folder), systems, now))
    return folder


@pytest.fixture
async def standing(founded: Path, tmp_path: Path) -> AsyncIterator[Standing]:
    """A node that is open and answers in this process; the mock providers run on loopback."""
    import httpx

    from gateway.api.app import application
    from gateway.bootstrap import open_node
    from gateway.config import load
    from gateway.sandbox.founding import Places
    from gateway.sandbox.mocks.gp import GPMock
    from gateway.sandbox.mocks.population import Population
    from gateway.sandbox.mocks.specialist import SpecialistMock

    folder = tmp_path / "sandbox"
    shutil.copytree(founded, folder)
    places = Places(folder)
    population = Population(7, datetime.now(UTC).date())
    clock = MovableClock()
    async with AsyncExitStack() as stack:
        gp = await stack.enter_async_context(GPMock(population))
        specialist = await stack.enter_async_context(SpecialistMock(population))
        text = places.configuration.read_text("utf-8")
        text = text.replace("http://127.0.0.1:1/gp", gp.url).replace(
            "http://127.0.0.1:1/letters", specialist.url
        )
        places.configuration.write_text(text, "utf-8")
        runtime = await stack.enter_async_context(open_node(load(places.configuration), clock=clock))
        app = application(runtime.services)
        transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 50_000))
        http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=BASE))
        yield Standing(runtime, app, http, gp, specialist, population, places, clock)
