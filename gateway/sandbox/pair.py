"""Two nodes that exchange, in this process, each on a real socket of loopback: for measurements and tests.

North asks; south holds records. Keys are `UnsafeDemoKeys` of one folder, the floor pack is signed by nobody.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn

from gateway.api.app import application
from gateway.bootstrap import Clock, Runtime, open_node, system_clock
from gateway.config import load
from gateway.directory.own import make_log_key, make_signing_keys, own_record, write_first_list
from gateway.exchange.act import Act
from gateway.exchange.agreements import Agreements
from gateway.sandbox.federation import free_port
from keys.jws import signers_from_store
from keys.store.file import FileKeyStore
from keys.store.wrapper import create_kek_file, wrapper_from

NORTH, SOUTH = "north.example", "south.example"
_CONFIGURATION = """
[node]
id = "{id}"
public_url = "http://127.0.0.1:{port}"
state = "state"
allow_test_patients = true

[serve]
port = {port}

[directory]
members = "../members.json"

[floor]
pack = "opt-in"
unsafe_unsigned = true

[[sources]]
id = "adt"
kind = "hospital"
custodian = "{id}"
listen = "127.0.0.1:0"
zone = "Europe/London"
facility = "RXX"
authorities = {{ NHS = "https://fhir.nhs.uk/Id/nhs-number", RXX = "https://{id}/id/mrn" }}
identifier_order = ["https://fhir.nhs.uk/Id/nhs-number"]
test_messages = "accept"
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a founded pair is, and on which ports its nodes listen."""

    folder: Path
    ports: Mapping[str, int]


def found_pair(folder: Path) -> Place:
    """Keys of both, one list of both with their endpoints, and an agreement of treatment each way."""
    first = free_port()
    place = Place(folder, {NORTH: first, SOUTH: free_port(first)})
    now = int(system_clock().timestamp())
    members = []
    for id, port in place.ports.items():
        store = _store(folder / id / "state")
        make_signing_keys(store, now)
        make_log_key(store, now)
        store.create("enc", "HPKE-9-KE", nbf=now - 60, exp=now + 47 * 3600)
        record = own_record(store, id, federation="pair")
        at = f"http://127.0.0.1:{port}"
        members.append(replace(record, endpoints={"exchange": f"{at}/exchange", "ledger": f"{at}/ledger"}))
        configuration = folder / id / "carepact.toml"
        configuration.write_text(_CONFIGURATION.format(id=id, port=port), "utf-8")
        configuration.chmod(0o600)
    write_first_list(folder / "members.json", members, now, federation="pair")
    asyncio.run(_sign(place))
    return place


@asynccontextmanager
async def open_pair(
    place: Place, clocks: Mapping[str, Clock] | None = None, folder: Path | None = None
) -> AsyncIterator[dict[str, Runtime]]:
    """Both nodes, not listening yet. `folder`: a copy of the founded one."""
    async with AsyncExitStack() as stack:
        yield {
            id: await stack.enter_async_context(
                open_node(
                    load((folder or place.folder) / id / "carepact.toml"),
                    clock=(clocks or {}).get(id, system_clock),
                )
            )
            for id in place.ports
        }


@asynccontextmanager
async def listening(app: Any, port: int) -> AsyncIterator[None]:
    """An app on a real socket of loopback, in this event loop."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def running_pair(place: Place) -> AsyncIterator[dict[str, Runtime]]:
    """Both nodes, and both answer."""
    async with open_pair(place) as nodes, AsyncExitStack() as stack:
        for id, runtime in nodes.items():
            await stack.enter_async_context(listening(application(runtime.services), place.ports[id]))
        yield nodes


async def agree(nodes: Mapping[str, Runtime], id: str, provider: str, recipient: str) -> None:
    """Both store the same bytes, both sign, each hands the other what it signed."""
    value = {
        "id": id, "version": 1, "providers": [provider], "recipients": [recipient],
        "effective": {"start": "2026-01-01"}, "emergency": True,
        "terms": [{"id": "t1", "purposes": ["TREAT"], "roles": ["doctor"]}],
    }  # fmt: skip
    document = json.dumps(value, sort_keys=True).encode()
    both = list(nodes.values())
    for runtime in both:
        await Agreements(runtime.node).add(document, _act(runtime))
    for runtime, other in (both, both[::-1]):
        signers = signers_from_store(runtime.keys, at=int(runtime.clock().timestamp()))
        said = await Agreements(runtime.node).state(
            (id, 1), signers, _act(runtime), action="sign", org=runtime.node.member, by="sandbox"
        )
        await Agreements(other.node).receive(said.jws, _act(other))


async def _sign(place: Place) -> None:
    async with open_pair(place) as nodes:
        await agree(nodes, "d1", SOUTH, NORTH)
        await agree(nodes, "d2", NORTH, SOUTH)


def _act(runtime: Runtime) -> Act:
    return Act("sandbox", "a pair of nodes", runtime.clock())


def _store(folder: Path) -> FileKeyStore:
    folder.mkdir(mode=0o700, parents=True)
    create_kek_file(folder / "kek", os.urandom)
    return FileKeyStore(folder / "keys", wrapper_from(f"file:{folder / 'kek'}"))
