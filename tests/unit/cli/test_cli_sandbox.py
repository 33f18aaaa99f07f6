"""`carepact sandbox` and `exchange pull` on a real one: what is asked, broken, refused, and said about it."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENT = ("--patient", "patient_with_full_record")
FOLDER = "CAREPACT_SANDBOX"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A sandbox that runs as long as the tests of this file; started as from a shell, so none is our child."""
    place = Path(tempfile.mkdtemp()) / "sandbox"
    command = [sys.executable, "-m", "gateway", "sandbox"]
    subprocess.run([*command, "up", "--state", str(place)], check=True, capture_output=True, timeout=120)
    yield place
    subprocess.run([*command, "down", "--state", str(place)], check=True, capture_output=True, timeout=60)
    shutil.rmtree(place.parent)


@pytest.fixture
def sandbox(folder: Path, carepact: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The command line, which finds that sandbox; no fault is on before or after."""
    monkeypatch.setenv(FOLDER, str(folder))
    monkeypatch.delenv("CAREPACT_CONFIG", raising=False)
    monkeypatch.chdir(folder)
    yield carepact
    assert carepact("sandbox", "fault", "clear").code == 0


@pytest.fixture
def nowhere(carepact: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command line where nothing runs and no node is configured."""
    monkeypatch.setenv(FOLDER, str(tmp_path / "none"))
    monkeypatch.delenv("CAREPACT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return carepact


def test_a_source_that_did_not_answer_was_not_verified(sandbox: Any) -> None:
    """What came is verified end to end; of a source that is down nothing is said to be verified."""
    assert sandbox("sandbox", "fault", "add", "specialist", "down").code == 0
    said = sandbox("exchange", "pull", *PATIENT, "--json")
    assert said.code == 7
    rows = {row["source"]: row for row in said.json["sources"]}
    assert rows["greenfield.example/gp"]["verified"] == "end to end"
    lost = rows["harbour.example/letters"]
    assert (lost["state"], lost["verified"]) == ("failed", "")


@pytest.mark.parametrize(
    ("purpose", "code", "says"),
    [("FOO", 2, "--purpose"), ("HRESCH", 3, "carepact client show clinician")],
)
def test_a_refused_question_names_the_next_step(sandbox: Any, purpose: str, code: int, says: str) -> None:
    """A word that no purpose is called is usage; one that this client may not name leads to its registration."""
    said = sandbox("exchange", "pull", *PATIENT, "--purpose", purpose)
    assert said.code == code
    assert says in said.err


def test_an_answer_that_cannot_be_kept_is_not_asked_for(sandbox: Any, tmp_path: Path) -> None:
    """`--out` into nowhere is refused before the question; no exchange is on record for it."""
    before = sandbox("exchange", "list", "--json").rows
    for place in (tmp_path / "no" / "x.json", tmp_path):
        said = sandbox("exchange", "pull", *PATIENT, "--out", str(place))
        assert (said.code, "--out" in said.err) == (2, True)
    assert sandbox("exchange", "list", "--json").rows == before
    kept = tmp_path / "x.json"
    assert sandbox("exchange", "pull", *PATIENT, "--out", str(kept)).code == 0
    assert json.loads(kept.read_bytes())["resourceType"] == "Bundle"


def test_a_new_client_asks_with_its_own_keys(sandbox: Any, folder: Path, tmp_path: Path) -> None:
    """From `client keypair` over `client add` to a sealed answer, with the commands as they are printed."""
    keys = tmp_path / "ward"
    assert sandbox("client", "keypair", str(keys)).code == 0
    added = sandbox(
        "client", "add", "ward", "--org", "northshire.example", "--jwks", str(keys / "jwks.json"),
        "--enc-jwk", str(keys / "enc.jwk"), "--scope", "system/*.rs", "--purpose", "TREAT", "--role", "doctor",
        "--reason", "contract",
    )  # fmt: skip
    assert added.code == 0, added.err
    url = next(
        row["address"] for row in sandbox("sandbox", "status", "--json").rows if row["name"] == "greenfield"
    )
    said = sandbox(
        "exchange", "pull", *PATIENT, "--url", url, "--client-id", "ward", "--key", str(keys / "signing.jwk"),
        "--keys", str(keys / "keys"), "--member", "greenfield.example",
        "--members", str(folder / "greenfield" / "members.json"), "--json",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert {row["verified"] for row in said.json["sources"]} == {"end to end"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("gp", "latency", "ms=abc"), "(parameters) ms must be int"),
        (("gp", "latency", "speed=1"), "known: after"),
        (("gp", "latency"), "missing parameter; known: ms"),
        (("gp", "explode"), "(kind) unknown kind; known: down"),
        (("dentist", "down"), "one of gp, hospital, specialist"),
    ],
)
def test_a_fault_that_cannot_be_says_what_is_wrong(
    sandbox: Any, arguments: tuple[str, ...], says: str
) -> None:
    """The parameter, the kind or the target is named with what is known, and nothing is on."""
    said = sandbox("sandbox", "fault", "add", *arguments)
    assert said.code == 2
    assert says in said.err
    assert sandbox("sandbox", "fault", "list", "--json").rows == []


def test_faults_are_named_as_the_node_names_their_source(sandbox: Any) -> None:
    """A fault is listed with the source that an answer will miss; one of a feed says whom it reaches."""
    made = sandbox("sandbox", "fault", "add", "gp", "latency", "ms=5", "times=1", "--json")
    assert made.json == {
        "target": "gp",
        "source": "greenfield.example/gp",
        "kind": "latency",
        "ms": 5,
        "times": 1,
    }
    assert (
        "only messages that it sends from now on"
        in sandbox("sandbox", "fault", "add", "hospital", "down").out
    )
    rows = sandbox("sandbox", "fault", "list", "--json").rows
    assert [(row["source"], row["kind"]) for row in rows] == [
        ("greenfield.example/gp", "latency"),
        ("st-brides.example/adt", "down"),
    ]
    status = {row["name"]: row for row in sandbox("sandbox", "status", "--json").rows}
    assert status["hospital"]["source"] == "st-brides.example/adt"
    assert sandbox("sandbox", "fault", "clear", "--json").json == {"cleared": 2}
    assert sandbox("sandbox", "fault", "clear").out.startswith("cleared: 0 faults")


def test_without_a_node_every_command_ends_alike(nowhere: Any) -> None:
    """Listing and asking both refuse to start, with the way to a node."""
    listed, asked = nowhere("exchange", "list"), nowhere("exchange", "pull", *PATIENT)
    assert (listed.code, asked.code) == (9, 9)
    assert "carepact sandbox up" in asked.err
    assert nowhere("sandbox", "down", "--json").json == {"stopped": 0, "folder_removed": False}
