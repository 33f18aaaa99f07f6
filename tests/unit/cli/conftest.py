"""A node of its own for every test that asks for one: real files, keys, database; the command line in process."""

import asyncio
import concurrent.futures
import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from adapters.interface import Identifier
from gateway.api.app import application
from gateway.authn import scopes
from gateway.authn.caller import Caller
from gateway.bootstrap import open_kek, open_node, system_clock
from gateway.cli.app import run
from gateway.config import load
from gateway.directory.agreements import sign_statement
from gateway.directory.own import found_member, own_record
from gateway.exchange.cycle import exchange
from gateway.exchange.request import Ask
from gateway.exchange.types import CLINICAL
from gateway.upkeep import tend
from keys.jws import signers_from_store
from keys.member import Member, member_from_store
from keys.store.file import FileKeyStore
from keys.store.memory import MemoryKeyStore
from keys.store.wrapper import create_kek_file, wrapper_from
from keys.trust import trust_list, trust_list_to_json

NHS = "https://fhir.nhs.uk/Id/nhs-number"
GRACE = f"{NHS}|9990000018"
"""Whom consents are about; the number is of the test range, its check digit is right."""
ADA = f"{NHS}|9990000026"
YEAR = 365 * 86_400
NODE, PEER, WARD = "north.example", "east.example", "st-brides.example"

CONFIG = """
[node]
id = "north.example"
public_url = "https://north.example"
state = "state"
allow_test_patients = true

[directory]
members = "members.json"

[floor]
pack = "opt-in"
unsafe_unsigned = true

[[sources]]
id = "adt"
kind = "hospital"
custodian = "st-brides.example"
listen = "127.0.0.1:0"
zone = "Europe/London"
facility = "RXX"
identifier_order = ["https://fhir.nhs.uk/Id/nhs-number", "RXX"]

[sources.authorities]
NHS = "https://fhir.nhs.uk/Id/nhs-number"
RXX = "https://st-brides.example/id/mrn"
"""


@dataclass(frozen=True, slots=True)
class Said:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Home:
    """A node's folder, and the key folders of organisations that it has agreements with."""

    folder: Path
    carepact: Callable[..., Said] = field(repr=False)

    me: str = NODE
    peer: str = PEER
    ward: str = WARD
    grace: str = GRACE
    ada: str = ADA

    @property
    def config(self) -> Path:
        return self.folder / "carepact.toml"

    def __call__(self, *arguments: str) -> Said:
        """Run `carepact ARGUMENTS` on this node."""
        return self.carepact(*arguments, "--config", str(self.config))

    def signed_by(self, org: str) -> tuple[str, ...]:
        """The options that sign with the keys of that organisation."""
        kek = f"file:{self.folder / f'{org}.kek'}"
        return ("--org", org, "--keys", str(self.folder / f"{org}.keys"), "--kek", kek)

    def statement(self, org: str, document: bytes) -> bytes:
        """A signature of that organisation over these bytes, made in its own place."""
        wrapper = wrapper_from(f"file:{self.folder / f'{org}.kek'}", entropy=os.urandom)
        store = FileKeyStore(self.folder / f"{org}.keys", wrapper, os.urandom)
        at = int(system_clock().timestamp())
        signers = signers_from_store(store, at=at)
        return sign_statement(document, signers, action="sign", org=org, by="Privacy Officer", at=at)

    def inside(self, act: Callable[[Any], Any]) -> Any:
        """Run an async function on the open node, for what has no command."""

        async def opened() -> Any:
            async with open_node(load(self.config)) as node:
                return await act(node)

        return asyncio.run(opened())


@pytest.fixture
def carepact(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Said]:
    """The command line, in process; a traceback on stderr fails the test."""

    def call(*arguments: str) -> Said:
        capfdbinary.readouterr()
        code = run(arguments)
        out, err = capfdbinary.readouterr()
        said = Said(code, out.decode(), err.decode())
        assert "Traceback" not in said.err
        return said

    return call


@pytest.fixture
def home(tmp_path: Path, carepact: Callable[..., Said]) -> Home:
    """An ordinary node `north.example` with one hospital feed of `st-brides.example`, and a peer."""
    folder = tmp_path / "north"
    folder.mkdir()
    (folder / "carepact.toml").write_text(CONFIG, "utf-8")
    settings = load(folder / "carepact.toml")
    now = int(system_clock().timestamp())
    own = FileKeyStore(settings.node.state / "keys", open_kek(settings, os.urandom), os.urandom)
    _make_keys(own, now)
    members = [own_record(own, NODE, federation="local"), _peer(folder, PEER, now), _peer(folder, WARD, now)]
    trust = trust_list(1, now + YEAR, members)
    (folder / "members.json").write_bytes(trust_list_to_json(trust))
    return Home(folder, carepact)


def _make_keys(store: Any, now: int) -> None:
    for use, alg in (
        ("sig", "Ed25519"),
        ("sig", "ML-DSA-65"),
        ("log", "Ed25519"),
        ("log", "ML-DSA-44"),
        ("witness", "ML-DSA-44"),
    ):
        store.create(use, alg, nbf=now - 100, exp=now + YEAR)


def _peer(folder: Path, name: str, now: int) -> Member:
    """Keys of another organisation, in a folder of its own under a KEK file of its own."""
    create_kek_file(folder / f"{name}.kek", os.urandom)
    wrapper = wrapper_from(f"file:{folder / f'{name}.kek'}", entropy=os.urandom)
    store = FileKeyStore(folder / f"{name}.keys", wrapper, os.urandom)
    _make_keys(store, now)
    return member_from_store(store, name)


@pytest.fixture
def stranger_keys() -> MemoryKeyStore:
    """Signing keys of nobody in the members list."""
    store = MemoryKeyStore(os.urandom)
    _make_keys(store, int(system_clock().timestamp()))
    return store


ADMISSION = (
    r"MSH|^~\&|PAS|RXX|EXCH|RXX|20260115143000||ADT^A01^ADT_A01|ADM-1|P|2.5",
    "EVN|A01|20260115142900||||20260115141500",
    "PID|1||9990000018^^^NHS^NH~4711^^^RXX^MR||PATIENCE^Grace||19580704|F",
    "PV1|1|I|W3^2^B^RXX||||C7^Consult^Clara|||MED|||||||||V-99^^^RXX|||||||||||||||||||||||||20260115141500",
    "AL1|1|DA|70618^Penicillin^RXNORM|SV|Rash|20100301",
    "DG1|1||J18.9^Pneumonia^I10||20260115|A",
    "ZZZ|what no table knows",
)


@pytest.fixture
def admitted(home: Home) -> Home:
    """The node once the hospital fed it an admission of Grace, and the agreement with the peer is in force."""

    async def feed(node: Any) -> bytes:
        bound = node.node.sources[0]
        body = "\r".join(ADMISSION).encode() + b"\r"
        ack: bytes = await node.node.intake.receive_message(
            body, bound.source, bound.normaliser, node.clock()
        )
        return ack

    assert b"MSA|AA" in home.inside(feed)
    parties = ("--provider", home.ward, "--recipient", home.peer)
    assert home("agreement", "new", "D1", *parties, "--reason", "direct care").code == 0
    for org in (home.ward, home.peer):
        assert home("agreement", "sign", "D1", *home.signed_by(org), "--reason", "board").code == 0
    return home


@pytest.fixture
def ask_of() -> Callable[[Home, str], None]:
    """`ask_of(home, id)`: the peer's ward asks for everything about Grace; the exchange gets that id."""
    return _asked


def _asked(home: Home, id: str) -> None:
    async def act(node: Any) -> None:
        system, _, value = GRACE.partition("|")
        question = Ask(
            exchange=id,
            caller=Caller(
                "ward", PEER, "TREAT", scopes.parse_all("system/*.rs"), f"{PEER}|dr-1", roles=("doctor",)
            ),
            subject=Identifier(system, value),
            types=CLINICAL,
            shape="everything",
            at=node.clock(),
            deadline=5.0,
            self_url="https://north.example/fhir",
        )
        await exchange(node.node, question)

    home.inside(act)


@pytest.fixture
def ask(admitted: Home) -> Callable[[str], None]:
    """`ask(id)`: the same on the node that knows her."""
    return lambda id: _asked(admitted, id)


WHY = ("--reason", "met on 12 May")


def _configured(home: Home, told: dict[str, str], **more: Any) -> None:
    """The node's configuration as `init` or `join` said it should be."""
    said = {"root": told["root"], "root_sha256": told["root_sha256"], "mirrors": [told["mirror"]]} | more
    section = "".join(f"{name} = {json.dumps(value)}\n" for name, value in said.items())
    text = re.sub(r"(?s)\[directory\]\n.*?\n\n", f"[directory]\n{section}\n", home.config.read_text())
    home.config.write_text(text)


def _pin_of(home: Home) -> str:
    found = re.search('root_sha256 = "([0-9a-f]{64})"', home.config.read_text())
    assert found is not None
    return found[1]


@pytest.fixture(name="configured")
def configured_fixture() -> Callable[..., None]:
    """`configured(home, told, **more)`: what `init` or `join` printed goes into the configuration."""
    return _configured


@pytest.fixture(name="pin_of")
def pin_of_fixture() -> Callable[[Home], str]:
    """`pin_of(home)`: the fingerprint that a node's configuration pins."""
    return _pin_of


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _placed(home: Home) -> Home:
    """The node on loopback, at a port that is free now."""
    port = _free_port()
    text = home.config.read_text().replace(f"https://{home.me}", f"http://127.0.0.1:{port}")
    home.config.write_text(f"{text}\n[serve]\nport = {port}\n")
    return home


@pytest.fixture
def north(home: Home) -> Home:
    """The node that founds, two of three holders: its federation is configured."""
    _placed(home)
    words = ("--name", "North", "--kind", "gp", "--holders", "3")
    said = home("directory", "init", "test.federation", *words, *WHY, "--json")
    assert said.code == 0, said.err
    _configured(home, said.json)
    return home


@pytest.fixture
def south(home: Home, tmp_path: Path) -> Home:
    """A second node with keys of its own, in no federation yet."""
    return _neighbour(home, tmp_path, "south")


@pytest.fixture
def neighbour(home: Home, tmp_path: Path) -> Callable[[str], Home]:
    """`neighbour(name)`: one more node `<name>.example`, with keys, in no federation yet."""
    return lambda name: _neighbour(home, tmp_path, name)


def _neighbour(home: Home, place: Path, name: str) -> Home:
    folder = place / name
    folder.mkdir()
    node = replace(home, folder=folder, me=f"{name}.example")
    text = CONFIG.replace("north.example", node.me)
    node.config.write_text(text)
    settings = load(_placed(node).config)
    store = FileKeyStore(settings.node.state / "keys", open_kek(settings, os.urandom), os.urandom)
    found_member(store, folder / "members.json", node.me, int(system_clock().timestamp()))
    return node


@pytest.fixture
def join() -> Callable[..., None]:
    """`join(node, operator, mirror)`: into the operator's federation, admitted and refreshed."""
    return _join


def _join(node: Home, operator: Home, mirror: str = "") -> None:
    place = mirror or str(operator.folder / "state" / "federation" / "repository")
    file = node.folder / "join.json"
    pinned = ("--root-sha256", _pin_of(operator))
    said = node("directory", "join", place, *pinned, "--out", str(file), *WHY, "--json")
    assert said.code == 0, said.err
    _configured(node, said.json)
    told = ("--fingerprint", said.json["fingerprint"])
    admitted = operator("directory", "admit", str(file), "--kind", "hospital", "--name", node.me, *WHY, *told)
    assert admitted.code == 0, admitted.err
    assert node("directory", "refresh").code == 0


@pytest.fixture
def joined(north: Home, south: Home) -> tuple[Home, Home]:
    """Both nodes in the federation; the mirror is a folder."""
    _join(south, north)
    return north, south


@pytest.fixture
def serve() -> Iterator[Callable[[Home], str]]:
    """`serve(home)`: `carepact serve` of that node in a thread of this process; its URL. Ended by the test's end.

    `serve.end(home)` ends it before.
    """
    running = Running()
    yield running
    running.close()


class Running:
    """Nodes that serve, each in a thread with a loop of its own, and tend to their federation."""

    def __init__(self) -> None:
        self._threads: dict[str, tuple[threading.Thread, Any]] = {}

    def __call__(self, home: Home, clock: Any = system_clock) -> str:
        ready: Any = concurrent.futures.Future()
        thread = threading.Thread(target=lambda: asyncio.run(self._run(home, clock, ready)), daemon=True)
        thread.start()
        server, url = ready.result(timeout=60)
        self._threads[home.me] = thread, server
        return str(url)

    async def _run(self, home: Home, clock: Any, ready: Any) -> None:
        try:
            async with AsyncExitStack() as stack:
                node = await stack.enter_async_context(open_node(load(home.config), clock=clock))
                await tend(node, stack)
                port = node.settings.serve.port
                config = uvicorn.Config(
                    application(node.services), port=port, log_config=None, lifespan="off"
                )
                server = uvicorn.Server(config)
                serving = asyncio.create_task(server.serve())
                while not server.started:
                    await asyncio.sleep(0.01)
                ready.set_result((server, f"http://127.0.0.1:{port}"))
                await serving
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)

    def end(self, home: Home) -> None:
        thread, server = self._threads.pop(home.me)
        server.should_exit = True
        thread.join(30)

    def close(self) -> None:
        for thread, server in self._threads.values():
            server.should_exit = True
            thread.join(30)
