"""Options of `carepact normalise`: each refused by name before anything is read; ids and bytes that repeat."""

import hashlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

MESSAGE = "\r".join(
    (
        r"MSH|^~\&|LAB|RXX|EXCH|RYY|20260110093000||ORU^R01^ORU_R01|M1|P|2.5",
        "PID|1||9990000018^^^NHS^NH||Tested^Ada||19800101|F",
        "OBR|1|P1|F1|LP1^Panel^L|||20260110090000",
        "OBX|1|NM|4544-3^Haematocrit^LN||1.10|%|0.9-1.2||||F",
        "OBX|2|ST|X1^Word^L||fine||||||F",
        "ZAB|1|kept",
    )
)
SEEDS = """import sys
from gateway.cli.app import run
sys.exit(run(["normalise", *sys.argv[1:]]))"""


@pytest.fixture
def message(tmp_path):
    """A result with a decimal whose last digit matters."""
    path = tmp_path / "result.hl7"
    path.write_text(MESSAGE, "utf-8", newline="")
    return path


def lines(carepact, message, *options):
    said = carepact("normalise", str(message), "--out", "-", "--at", "2026-02-03T04:05:06Z", *options)
    assert said.code in (0, 3)
    return said.out


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--format", "hl7v3"),
        ("--zone", "Mars/Olympus"),
        ("--zone", "../../etc/passwd"),
        ("--charset", "latin-99"),
        ("--at", "2026-02-30T00:00:00Z"),
        ("--at", "2026-02-03"),
        ("--base", "ftp://node.example"),
        ("--base", "not an address"),
        ("--source", "a b"),
        ("--custodian", ""),
        ("--id-key", "not-there"),
    ],
)
def test_a_wrong_option_is_named(carepact, message, tmp_path, option, value):
    """Exit 2, the option's name, never its value; nothing is written."""
    said = carepact("normalise", str(message), option, value, "--out", str(tmp_path / "out"))
    assert said.code == 2 and option in said.err and said.out == ""
    assert not value or value not in said.err
    assert not (tmp_path / "out").exists()


def test_an_id_key_is_bytes_or_hexadecimal(carepact, message, tmp_path):
    """32 bytes and their 64 digits are one key; another key makes other ids; 31 bytes are none."""
    key = hashlib.sha256(b"a key of this test").digest()
    (tmp_path / "raw").write_bytes(key)
    (tmp_path / "hex").write_text(key.hex() + "\n")
    (tmp_path / "short").write_bytes(key[:31])
    raw = lines(carepact, message, "--id-key", str(tmp_path / "raw"))
    assert raw == lines(carepact, message, "--id-key", str(tmp_path / "hex"))

    def ids(text):
        return {e["resource"]["id"] for e in json.loads(text)["bundle"]["entry"]}

    assert not ids(raw) & ids(lines(carepact, message))
    assert carepact("normalise", str(message), "--id-key", str(tmp_path / "short")).code == 2


def test_decimals_leave_as_they_came(carepact, message):
    """`1.10` is `1.10` in the bytes of the bundle."""
    assert '"value":1.10,' in lines(carepact, message)


def test_same_bytes_whatever_the_hash_seed(message, tmp_path):
    """Four processes of other seeds, time zones and locales write the same two files."""
    made = set()
    for number, (seed, zone) in enumerate(
        (("0", "UTC"), ("1", "Asia/Tokyo"), ("2", "UTC"), ("77", "EST5EDT"))
    ):
        out = tmp_path / str(number)
        env = os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C", "HOME": str(tmp_path)}
        arguments = [
            str(message),
            "--out",
            str(out),
            "--at",
            "2026-02-03T04:05:06Z",
            "--zone",
            "Europe/London",
        ]
        ended = subprocess.run(
            [sys.executable, "-c", SEEDS, *arguments], env=env, cwd=tmp_path, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr
        made.add(tuple(path.read_bytes() for path in sorted(out.iterdir())))
    assert len(made) == 1


def test_it_needs_no_node(carepact, message, tmp_path, monkeypatch):
    """No configuration, no database, no connection: none of them is even opened."""

    def refuse(*_args, **_named):
        raise AssertionError("a connection was opened")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAREPACT_CONFIG", str(tmp_path / "not-there.toml"))
    monkeypatch.setattr(socket, "socket", refuse)
    assert lines(carepact, message)
    assert sorted(path.name for path in Path().iterdir()) == ["result.hl7"]


def test_outputs_that_cannot_be_written_are_told(carepact, message, tmp_path):
    """A file where the folder should be: one line, exit 1, no traceback, and that file is untouched."""
    (tmp_path / "file").write_text("mine")
    said = carepact("normalise", str(message), "--out", str(tmp_path / "file"))
    assert said.code == 1 and "--out" in said.err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_among_the_files_is_an_error_of_its_own(carepact, message, tmp_path):
    """It is named on stdout as an error; the file beside it is converted."""
    said = carepact("normalise", str(tmp_path), str(message), "--out", str(tmp_path / "out"))
    assert said.code == 1
    first, second = said.out.splitlines()
    assert first == f"{tmp_path.name}  error  resources=0 total=0 mapped=0 kept=0 lost=0"
    assert second.startswith("result.hl7  complete")
