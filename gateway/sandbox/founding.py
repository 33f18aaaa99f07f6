"""Founding a sandbox: a node with keys and members, agreements signed by both sides, one health system.

Everything is as in production but two things, and both are said aloud: the other organisations' keys lie in
the same folder (`UnsafeDemoKeys`), and the floor pack is signed by nobody (`UnsafeUnsignedFloor`).
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from joserfc.jwk import ECKey

from gateway.authn.client_keys import enc_key_from_jwk
from gateway.authn.clients import Client, client_from_registration
from gateway.bootstrap import Runtime, open_node
from gateway.client.session import Registration
from gateway.config import load
from gateway.directory.own import YEAR, make_log_key, make_signing_keys, own_record, write_first_list
from gateway.exchange.agreements import Agreements
from gateway.exchange.consents import Act
from gateway.exchange.registrations import Registrations
from gateway.sandbox.configuration import configuration_text
from keys.interface import KeyStore
from keys.jws import signers_from_store
from keys.store.file import FileKeyStore
from keys.store.wrapper import create_kek_file, wrapper_from

NODE = "greenfield.example"
HOSPITAL = "st-brides.example"
CLINIC = "harbour.example"
CALLER = "northshire.example"
CLIENT = "clinician"
SCOPES = "system/*.rs"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the sandbox's files are."""

    folder: Path

    @property
    def configuration(self) -> Path:
        return self.folder / "greenfield" / "carepact.toml"

    @property
    def members(self) -> Path:
        return self.folder / "greenfield" / "members.json"

    @property
    def client(self) -> Path:
        return self.folder / "client"

    def organisation(self, org: str) -> Path:
        return self.folder / "organisations" / org


@dataclass(frozen=True, slots=True)
class Systems:
    """Addresses of the providers' systems, the ports of the node, and what else its configuration says."""

    gp: str
    letters: str
    http_port: int
    mllp_port: int
    settings: str = ""
    """TOML tables that the sandbox itself does not write."""


async def found(places: Places, systems: Systems, now: int) -> None:
    """Make all of it in an empty folder. `now`: POSIX seconds; keys live one year from then."""
    places.configuration.parent.mkdir(mode=0o700, parents=True)
    _write_configuration(places, systems)
    state = places.configuration.parent / "state"
    keys = {NODE: _store(state, places.configuration.parent / "state" / "keys")}
    keys |= {org: _store(places.organisation(org)) for org in (HOSPITAL, CLINIC, CALLER)}
    for store in keys.values():
        make_signing_keys(store, now)
    make_log_key(keys[NODE], now)
    keys[NODE].create("enc", "HPKE-9-KE", nbf=now - 60, exp=now + 47 * 3600)
    members = [own_record(store, org, federation="sandbox") for org, store in keys.items()]
    write_first_list(places.members, members, now, federation="sandbox")
    _make_client(places, now)
    async with open_node(load(places.configuration)) as runtime:
        act = Act("sandbox", "founding", datetime.fromtimestamp(now, UTC))
        await Registrations(runtime.node).add(_client(places), act)
        for custodian in (NODE, HOSPITAL, CLINIC):
            await _agree(runtime, custodian, keys[custodian], keys[CALLER], act)


def client_signing_key(places: Places) -> ECKey:
    """The health system's own ES384 key; 0600 in its own folder."""
    return ECKey.import_key(json.loads((places.client / "signing.jwk").read_text("ascii")))


def client_keys(places: Places) -> FileKeyStore:
    """The health system's KEM key, to which answers are sealed."""
    return _store(places.client)


def registration_of(places: Places, url: str) -> Registration:
    """What the sandbox's health system needs to ask the node at `url` through the SDK."""
    key = client_signing_key(places)
    return Registration(url, NODE, CLIENT, key, str(key.kid), SCOPES, client_keys(places))


def _store(folder: Path, keys: Path | None = None) -> FileKeyStore:
    kek = folder / "kek"
    if not kek.exists():
        create_kek_file(kek)
    return FileKeyStore(keys or folder / "keys", wrapper_from(f"file:{kek}"))


def _make_client(places: Places, now: int) -> None:
    store = _store(places.client)
    store.create("enc", "HPKE-9-KE", nbf=now - 60, exp=now + YEAR)
    key = ECKey.generate_key("P-384", {"alg": "ES384", "use": "sig"}, auto_kid=True)
    path = places.client / "signing.jwk"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(key.as_dict(private=True), file)


def _client(places: Places) -> Client:
    signing = client_signing_key(places)
    (kem,) = (key for key in client_keys(places).public() if key.use == "enc")
    return client_from_registration(
        CLIENT,
        CALLER,
        json.dumps({"keys": [signing.as_dict(private=False)]}).encode(),
        [SCOPES],
        ["TREAT", "ETREAT"],
        roles=["doctor"],
        may_declare_emergency=True,
        sealed="offered",
        enc=[enc_key_from_jwk(json.dumps(dict(kem.jwk)).encode(), nbf=kem.nbf, exp=kem.exp)],
    )


async def _agree(runtime: Runtime, custodian: str, ours: KeyStore, theirs: KeyStore, act: Act) -> None:
    """One agreement from a custodian to the caller, its exact bytes signed by both."""
    at = int(act.at.timestamp())
    agreements = Agreements(runtime.node)
    stored = await agreements.add(agreement_document(custodian, CALLER, at), act)
    for org, store in ((custodian, ours), (CALLER, theirs)):
        signers = signers_from_store(store, at=at)
        await agreements.state((stored.id, 1), signers, act, action="sign", org=org, by="sandbox")


def agreement_document(custodian: str, recipient: str, now: int) -> bytes:
    """A direct-care agreement for TREAT by doctors and nurses, without psychiatry being excluded."""
    start = datetime.fromtimestamp(now, UTC).date().isoformat()
    value = {
        "id": f"{custodian.partition('.')[0]}-to-{recipient.partition('.')[0]}",
        "version": 1,
        "title": "Direct care (sandbox)",
        "providers": [custodian],
        "recipients": [recipient],
        "effective": {"start": start},
        "terms": [
            {"id": "t1", "purposes": ["TREAT"], "roles": ["doctor", "nurse"], "obligations": ["CPLYPOL"]}
        ],
        "emergency": True,
        "records_consent": True,
        "onward": "none",
    }
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _write_configuration(places: Places, systems: Systems) -> None:
    text = configuration_text(
        NODE, HOSPITAL, CLINIC, gp=systems.gp, letters=systems.letters, http_port=systems.http_port,
        mllp_port=systems.mllp_port,
    )  # fmt: skip
    places.configuration.write_text(f"{text}\n{systems.settings}\n", "utf-8")
    places.configuration.chmod(0o600)
