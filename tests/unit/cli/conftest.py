"""A node of its own for every test that asks for one: real files, keys, database; the command line in process."""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adapters.interface import Identifier
from gateway.authn import scopes
from gateway.authn.caller import Caller
from gateway.bootstrap import open_kek, open_node, system_clock
from gateway.cli.app import run
from gateway.config import load
from gateway.directory.agreements import sign_statement
from gateway.directory.own import own_record
from gateway.exchange.cycle import exchange
from gateway.exchange.request import Ask
from gateway.exchange.types import CLINICAL
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
    for use, alg in (("sig", "Ed25519"), ("sig", "ML-DSA-65"), ("log", "Ed25519")):
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
