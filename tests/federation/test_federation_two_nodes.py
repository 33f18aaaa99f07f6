"""Two organisations from nothing: a federation, an agreement, two servers, and one record over both.

Every step is a command that an operator types; both nodes are processes of their own, on loopback, on SQLite.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.bootstrap import system_clock
from gateway.cli.app import run
from gateway.config import load
from gateway.directory.own import found_member
from gateway.keyring import open_kek
from gateway.sandbox.federation import free_port
from keys.store.file import FileKeyStore

WHY = ("--reason", "met on 12 May")
GRACE = "https://fhir.nhs.uk/Id/nhs-number|9990000018"
CONFIG = """
[node]
id = "{id}"
public_url = "http://127.0.0.1:{port}"
state = "state"
allow_test_patients = true

[serve]
port = {port}

[directory]
members = "members.json"

[floor]
pack = "opt-in"
unsafe_unsigned = true

[[sources]]
id = "adt"
kind = "hospital"
custodian = "{id}"
listen = "127.0.0.1:{mllp}"
zone = "Europe/London"
facility = "RXX"
identifier_order = ["https://fhir.nhs.uk/Id/nhs-number"]

[sources.authorities]
NHS = "https://fhir.nhs.uk/Id/nhs-number"
"""
ADMISSION = (
    r"MSH|^~\&|PAS|RXX|EXCH|RXX|20260115143000||ADT^A01^ADT_A01|ADM-1|P|2.5",
    "EVN|A01|20260115142900||||20260115141500",
    "PID|1||9990000018^^^NHS^NH~4711^^^RXX^MR||PATIENCE^Grace||19580704|F",
    "PV1|1|I|W3^2^B^RXX||||C7^Consult^Clara|||MED|||||||||V-99^^^RXX|||||||||||||||||||||||||20260115141500",
    "AL1|1|DA|70618^Penicillin^RXNORM|SV|Rash|20100301",
    "DG1|1||J18.9^Pneumonia^I10||20260115|A",
)


@dataclass
class Office:
    """One organisation's node: its folder, its ports, and its server while it runs."""

    id: str
    folder: Path
    port: int
    mllp: int
    said: object
    server: subprocess.Popen | None = None

    @property
    def config(self):
        return self.folder / "carepact.toml"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def __call__(self, *words, code=0):
        """`carepact WORDS` at this node; its exit code must be `code`."""
        return self.said(*words, "--config", str(self.config), code=code)

    def configure(self, told):
        """What `directory init` or `join` printed goes into the configuration, as it says."""
        text = self.config.read_text()
        lines = f'root = "{told["root"]}"\nroot_sha256 = "{told["root_sha256"]}"\nmirrors = ["{told["mirror"]}"]\n'
        self.config.write_text(text.replace('members = "members.json"\n', lines))

    def serve(self):
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(self.config)]
        command += ["--ready-file", str(ready), "--parent", str(os.getpid())]
        with (self.folder / "log").open("ab") as log:
            self.server = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + 60
        while not ready.exists():
            assert self.server.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)

    def hears(self, lines=ADMISSION):
        """A message over MLLP, acknowledged."""
        with socket.create_connection(("127.0.0.1", self.mllp), timeout=20) as feed:
            feed.sendall(b"\x0b" + "\r".join(lines).encode() + b"\r\x1c\r")
            assert b"MSA|AA" in feed.recv(65_536)

    def stop(self, how=signal.SIGTERM):
        if self.server is not None:
            self.server.send_signal(how)
            self.server.wait(30)
            self.server = None


def office(place, id, said, *taken):
    port = free_port(*taken)
    mllp = free_port(port, *taken)
    folder = place / id.partition(".")[0]
    folder.mkdir(parents=True)
    made = Office(id, folder, port, mllp, said)
    made.config.write_text(CONFIG.format(id=id, port=port, mllp=mllp))
    made.config.chmod(0o600)
    settings = load(made.config)
    store = FileKeyStore(settings.node.state / "keys", open_kek(settings, os.urandom), os.urandom)
    found_member(store, folder / "members.json", id, int(system_clock().timestamp()))
    return made


@pytest.fixture
def said(capfdbinary):
    """`said(*words)`: the command line in process; stdout as text."""

    def call(*words, code=0):
        capfdbinary.readouterr()
        ended = run(words)
        out, err = capfdbinary.readouterr()
        assert ended == code, (words, ended, err.decode(), out.decode())
        assert b"Traceback" not in err
        return out.decode()

    return call


@pytest.fixture
def offices(tmp_path, said):
    """North and south, founded, in no federation yet; whatever runs at the end is stopped."""
    north = office(tmp_path, "north.example", said)
    south = office(tmp_path, "south.example", said, north.port, north.mllp)
    yield north, south
    for one in (north, south):
        one.stop(signal.SIGKILL)


def federate(north, south):
    """north founds, south joins, north admits: both know each other."""
    told = json.loads(
        north("directory", "init", "two.example", "--name", "North", "--kind", "gp", *WHY, "--json")
    )
    north.configure(told)
    mirror, pin = str(north.folder / "state" / "federation" / "repository"), told["root_sha256"]
    file = south.folder / "join.json"
    joined = json.loads(
        south("directory", "join", mirror, "--root-sha256", pin, "--out", str(file), *WHY, "--json")
    )
    south.configure(joined)
    admission = ("--kind", "hospital", "--name", "South", "--identifier", "https://example.org/org|S1")
    north("directory", "admit", str(file), *admission, "--fingerprint", joined["fingerprint"], *WHY)
    south("directory", "refresh")
    return pin


def agree(north, south, id, provider, recipient):
    """Both sign the same bytes, and each takes in what the other signed."""
    south("agreement", "new", id, "--provider", provider.id, "--recipient", recipient.id,
          "--effective", "2026-01-01", *WHY)  # fmt: skip
    sent = south.folder / f"{id}.json"
    south("agreement", "sign", id, *WHY)
    south("agreement", "propose", id, "--out", str(sent), *WHY)
    north("agreement", "activate", id, "--from", str(sent), *WHY, code=5)  # still to sign: north
    north("agreement", "sign", id, *WHY)
    back = north.folder / f"{id}.json"
    north("agreement", "propose", id, "--out", str(back), *WHY)
    south("agreement", "activate", id, "--from", str(back), *WHY)


def client_of(north, said):
    """A health system of north, registered to ask the federation, answered sealed."""
    keys = north.folder / "ward"
    said("client", "keypair", str(keys))
    north("client", "add", "ward", "--org", north.id, "--jwks", str(keys / "jwks.json"),
          "--enc-jwk", str(keys / "enc.jwk"), "--scope", "system/*.rs", "--purpose", "TREAT",
          "--role", "doctor", "--reach", "federation", *WHY)  # fmt: skip
    return keys


def pull(north, keys, pin, said, code=0):
    """`carepact exchange pull --reach federation`, as the health system types it."""
    words = ("exchange", "pull", "--patient", GRACE, "--reach", "federation", "--url", north.url,
             "--client-id", "ward", "--key", str(keys / "signing.jwk"), "--keys", str(keys / "keys"),
             "--member", north.id, "--root-sha256", pin, "--json")  # fmt: skip
    return json.loads(said(*words, code=code))


def states(pulled):
    return {(row["source"]): row["state"] for row in pulled["sources"]}


def test_a_record_of_one_organisation_is_read_at_another(offices, said):
    """From founding to a sealed record of the other node; then a withdrawal there, and a killed server."""
    north, south = offices
    pin = federate(north, south)
    agree(north, south, "D1", south, north)
    keys = client_of(north, said)
    for one in (north, south):
        one("consent", "grant", "--patient", GRACE, "--permit", "TREAT", "--to", north.id, "--id", "c1", *WHY)
        one.serve()
    south.hears()

    begun = time.monotonic()
    pulled = pull(north, keys, pin, said)
    took = time.monotonic() - begun
    assert states(pulled)["south.example/adt"] == "answered"
    assert pulled["complete"]
    assert {"Patient", "AllergyIntolerance", "Condition", "Encounter"} <= pulled["resources"].keys()
    assert took < 30, "the work of one exchange takes a second; a machine may be busy"

    shown = json.loads(north("exchange", "show", pulled["exchange"], "--json"))
    assert [one["member"] for one in shown["answers"]] == ["south.example"]
    assert {row["reason"] for row in shown["decisions"]} == {"consent-permit"}
    north("exchange", "replay", pulled["exchange"], "--verify")
    theirs = json.loads(south("exchange", "list", "--client", north.id, "--json").splitlines()[0])
    until = time.monotonic() + 30
    while json.loads(south("exchange", "show", theirs["id"], "--json"))["acknowledged"] != "accepted":
        assert time.monotonic() < until, "no acknowledgement came"
        time.sleep(0.5)

    south("consent", "withdraw", "c1", *WHY)
    after = pull(north, keys, pin, said, code=4)
    assert states(after)["south.example/adt"] == "not-available"
    assert after["resources"] == {}

    south.stop(signal.SIGKILL)
    alone = pull(north, keys, pin, said, code=7)
    assert states(alone)["south.example"] == "failed"

    north.stop()
    for one in (north, south):
        assert one("audit", "verify")
