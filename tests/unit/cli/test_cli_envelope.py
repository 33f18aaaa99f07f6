"""`carepact envelope`: files and pipes, with keys and members from files, and no node anywhere."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from keys.algorithms import KEM
from keys.member import member_from_store
from keys.store.memory import MemoryKeyStore
from keys.syntax import b64u
from keys.trust import trust_list, trust_list_to_json

NOW = 1_767_225_600
VECTORS = Path(__file__).parents[2] / "vectors" / "envelope"


def carepact(*words, folder, given=b""):
    """The command as a process: (exit code, stdout, stderr)."""
    command = [sys.executable, "-m", "gateway", "envelope", *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, cwd=folder, input=given, capture_output=True, check=False, env=environment)
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Seeds and members of two organisations, as files."""
    place, seeds, members = tmp_path_factory.mktemp("envelope"), {}, []
    for name in ("a.example", "b.example"):
        store = MemoryKeyStore(os.urandom)
        own = {
            alg: hashlib.sha256(f"{name} {alg}".encode()).digest() for alg in (KEM, "Ed25519", "ML-DSA-65")
        }
        for alg, seed in own.items():
            store.adopt("enc" if alg == KEM else "sig", alg, seed, nbf=NOW - 60, exp=NOW + 40_000)
        seeds[name] = {alg: b64u(seed) for alg, seed in own.items()}
        members.append(member_from_store(store, name, federation="local", min_suite=2))
    (place / "keys.json").write_text(json.dumps(seeds))
    (place / "trust.json").write_bytes(trust_list_to_json(trust_list(1, NOW + 86_400, members)))
    return place


COMMON = ("--keys", "keys.json", "--trust", "trust.json", "--now", NOW)


def test_a_conversation_in_files_and_pipes(folder):
    """Request, answer to its reply key and acknowledgement: each opens, names the other, and fits no third use."""
    (folder / "request.json").write_bytes(b'{"op":"everything"}')
    ask = ("--me", "a.example", "--to", "b.example", "--kind", "request", *COMMON)
    code, _, err = carepact(
        "seal", "request.json", *ask, "--reply-key", "reply.json", "--out", "r.cpx", folder=folder
    )
    assert code == 0 and err.startswith("md ")
    assert (folder / "reply.json").stat().st_mode & 0o777 == 0o600
    md = err.split()[1]

    shown = carepact("open", "r.cpx", "--me", "b.example", *COMMON, "--json", folder=folder)
    claims = json.loads(shown[1])
    assert (shown[0], claims["md"], claims["iss"], claims["pou"]) == (0, md, "a.example", "TREAT")
    (folder / "rkey.json").write_text(json.dumps(claims["rkey"]))

    record = b'{"resourceType":"Bundle"}' * 40_000
    answer = ("--me", "b.example", "--to", "a.example", "--kind", "response", "--request", md, *COMMON)
    code, envelope, err = carepact(
        "seal", "-", *answer, "--reply-to", "rkey.json", "--zstd", folder=folder, given=record
    )
    assert code == 0 and len(envelope) < len(record) / 5
    (folder / "answer.cpx").write_bytes(envelope)

    reading = ("--me", "a.example", "--kind", "response", "--from", "b.example", "--request", md)
    with_reply = ("--keys", "reply.json", "--trust", "trust.json", "--now", NOW)
    assert carepact("open", "-", *reading, *with_reply, folder=folder, given=envelope)[1] == record
    assert carepact("open", "-", *reading, *COMMON, folder=folder, given=envelope)[0] == 6
    claims = json.loads(carepact("open", "answer.cpx", *reading, *with_reply, "--json", folder=folder)[1])
    assert claims["env"] == b64u(hashlib.sha256(envelope).digest())

    about = ("--request", md, "--response", f"{claims['md']}:{claims['env']}")
    code, ack, _ = carepact(
        "seal", "-", "--me", "a.example", "--to", "b.example", "--kind", "ack", *about, *COMMON, folder=folder
    )
    assert code == 0
    taken = ("open", "-", "--me", "b.example", "--kind", "ack", "--from", "a.example", *COMMON)
    assert carepact(*taken, *about, folder=folder, given=ack)[0] == 0
    other = ("--request", md, "--response", f"{claims['md']}:{claims['md']}")
    assert carepact(*taken, *other, folder=folder, given=ack)[::2] == (6, "carepact: refused: conversation\n")


@pytest.mark.parametrize("name", ["request-3", "response-2", "last-hop", "old-request", "old-response"])
def test_a_vector_opens_by_its_own_lines(name):
    """A file with header lines says who reads it, when, and with which key."""
    path = VECTORS / f"{name}.cpx"
    lines = dict(line.split(": ", 1) for line in path.read_bytes().split(b"\n\n")[0].decode().split("\n"))
    trust = VECTORS / lines.get("trust", "trust.json")
    code, content, _ = carepact("open", path, "--trust", trust, folder=VECTORS)
    assert (code, hashlib.sha256(content).hexdigest()) == (0, lines["payload-sha256"])


def test_suite_1_in_files(tmp_path):
    """Where the members file switches it on a request in suite 1 goes and opens; where not, it is refused."""
    seeds, members = {}, []
    for name in ("a.example", "b.example"):
        store, own = MemoryKeyStore(os.urandom), {alg: os.urandom(32) for alg in ("HPKE-7-KE", "ES256")}
        for alg, seed in own.items():
            store.adopt("sig" if alg == "ES256" else "enc", alg, seed, nbf=NOW - 60, exp=NOW + 40_000)
        seeds[name] = {alg: b64u(seed) for alg, seed in own.items()}
        members.append(member_from_store(store, name, suites=(1,), min_suite=1))
    (tmp_path / "keys.json").write_text(json.dumps(seeds))
    (tmp_path / "trust.json").write_bytes(
        trust_list_to_json(trust_list(1, NOW + 9, members, suites=(3, 2, 1)))
    )
    (tmp_path / "off.json").write_bytes(trust_list_to_json(trust_list(1, NOW + 9, members)))
    (tmp_path / "q.json").write_bytes(b"{}")
    ask = ("--me", "a.example", "--to", "b.example", "--kind", "request", "--suite", "1", *COMMON)
    code, envelope, err = carepact("seal", "q.json", *ask, "--reply-key", "reply.json", folder=tmp_path)
    assert code == 0, err
    assert list(json.loads((tmp_path / "reply.json").read_bytes())["a.example"]) == ["HPKE-7-KE"]
    opened = carepact("open", "-", "--me", "b.example", *COMMON, folder=tmp_path, given=envelope)
    assert opened[:2] == (0, b"{}")
    off = ("--keys", "keys.json", "--trust", "off.json", "--now", NOW)
    assert carepact("open", "-", "--me", "b.example", *off, folder=tmp_path, given=envelope)[::2] == (
        6,
        "carepact: refused: suite\n",
    )


def test_inspect_needs_no_key_and_says_that_nothing_was_verified():
    """Frame and header alone; an altered end changes the hash and nothing else that anybody may read."""
    path = VECTORS / "request-3.cpx"
    code, out, _ = carepact("inspect", path, folder=VECTORS)
    assert code == 0 and "b.example" in out.decode() and "verified    nothing" in out.decode()
    shown = json.loads(carepact("inspect", path, "--json", folder=VECTORS)[1])
    assert (shown["suite"], shown["to"]) == (3, ["b.example"])
    cut = path.read_bytes().split(b"\n\n", 1)[1][:-1] + b"x"
    changed = json.loads(carepact("inspect", "-", "--json", folder=VECTORS, given=cut)[1])
    assert {k for k in shown if shown[k] != changed[k]} == {"sha256"}


@pytest.mark.parametrize(
    ("words", "given", "code", "says"),
    [
        (("inspect", "-"), b"", 6, "framing"),
        (("inspect", "-"), b"CPX1" + bytes(200), 6, "suite"),
        (("inspect", "missing.cpx"), b"", 2, "cannot be read"),
        (("open", "-", "--trust", "trust.json"), b"CPX1", 2, "--me"),
        (("open", "-", "--me", "a.example", "--trust", "keys.json"), b"CPX1", 2, "not a members file"),
        (("open", "-", "--me", "x.example", *COMMON), b"CPX1", 4, "no seeds"),
        (("open", "-", "--me", "a.example", *COMMON), b"CPX1", 6, "framing"),
        (("open", "-", "--me", "a.example", *COMMON, "--kind", "letter", "--from", "b.example",
          "--request", b64u(bytes(32))), b"", 2, "--kind"),
        (("seal", "-", "--me", "a.example", "--to", "c.example", "--kind", "request", *COMMON), b"{}", 4, "--trust"),
        (("seal", "-", "--me", "a.example", "--to", "b.example", "--kind", "request", *COMMON,
          "--purpose", "?"), b"{}", 6, "claims"),
        (("seal", "-", "--me", "a.example", "--to", "b.example", "--kind", "response", *COMMON), b"{}", 2, "--request"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(folder, words, given, code, says):
    """Every wrong file, address, kind or option ends with its exit code and the next step, never a traceback."""
    done = carepact(*words, folder=folder, given=given)
    assert (done[0], says in done[2], "Traceback" in done[2]) == (code, True, False), done
