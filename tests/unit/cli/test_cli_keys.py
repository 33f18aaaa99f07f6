"""`carepact keys rotate | retire | destroy | list --due`: lives end and go on, and nobody locks himself out."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

WHY = ("--reason", "yearly change")


def kids(home: Any, use: str, alg: str | None = None, **wanted: Any) -> list[str]:
    """Key ids of a use, oldest first."""
    rows = [
        row for row in home("keys", "list", "--json").rows if row["use"] == use and alg in (None, row["alg"])
    ]
    return [row["kid"] for row in rows if all(row[name] == value for name, value in wanted.items())]


def record(home: Any) -> dict[str, Any]:
    """What the members file says of this node."""
    members = json.loads((home.folder / "members.json").read_bytes())["members"]
    return next(one for one in members if one["id"] == home.me)


def test_a_rotation_makes_successors_that_are_used_at_once(home: Any) -> None:
    """New keys for both algorithms, published under a higher version; the old ones fade in 30 days; signing goes on."""
    before = kids(home, "sig")
    said = home("keys", "rotate", "--use", "sig", *WHY, "--json").json
    assert len(said["made"]) == 2 and set(said["fading"]) == set(before)
    assert all(row["published"] for row in home("keys", "list", "--json").rows)
    assert len(record(home)["keys"]) == 7
    home("agreement", "new", "D1", "--provider", home.me, "--recipient", home.peer, "--reason", "x")
    assert home("agreement", "sign", "D1", "--reason", "board").code == 0
    assert home("audit", "verify", "--json").json["leaves"] == 3
    assert home("doctor").code == 0


def test_a_log_key_is_rotated_and_old_checkpoints_verify(home: Any) -> None:
    """Checkpoints of before and after verify, each under its key; both are in the record."""
    home("keys", "rotate", "--use", "sig", *WHY)
    assert home("keys", "rotate", "--use", "log", *WHY).code == 0
    assert home("audit", "verify").code == 0
    assert len(record(home)["log"]["vkeys"]) == 4


@pytest.mark.parametrize("use", ["sig", "log"])
@pytest.mark.parametrize("verb", ["retire", "destroy"])
def test_the_last_key_is_neither_retired_nor_destroyed(home: Any, use: str, verb: str) -> None:
    """Exit 5 and the next step, and nothing has changed: without it nothing of this node is believed."""
    before = home("keys", "list", "--json").out
    for kid in kids(home, use):
        said = home("keys", verb, kid, *WHY)
        assert said.code == 5 and f"rotate --use {use}" in said.err
    assert home("keys", "list", "--json").out == before


def test_a_retired_key_stays_known_and_then_is_destroyed(home: Any) -> None:
    """After a rotation the old one ends now, in the record too; destroyed, it stays to verify what it signed."""
    home("agreement", "new", "D1", "--provider", home.me, "--recipient", home.peer, "--reason", "x")
    assert home("agreement", "sign", "D1", "--reason", "board").code == 0
    (old,) = kids(home, "sig", "Ed25519")
    time.sleep(1.1)  # a word of the very second in which its key ends would not be believed
    assert home("keys", "rotate", "--use", "sig", *WHY).code == 0
    assert home("keys", "retire", old, *WHY).code == 0
    shown = next(row for row in home("keys", "list", "--json").rows if row["kid"] == old)
    assert shown["state"] == "destroyed"  # past its end: only the private half is still to go
    assert [
        row["kid"] for row in home("keys", "list", "--due", "--json").rows if row["act"] == "destroy"
    ] == [old]
    again = home("keys", "retire", old, *WHY)
    assert again.code == 5 and "ended" in again.err
    assert home("keys", "destroy", old, *WHY).code == 0
    assert home("keys", "destroy", old, *WHY).code == 5
    assert "destroy" not in [row["act"] for row in home("keys", "list", "--due", "--json").rows]
    assert home("agreement", "verify", "D1").code in (0, 2)
    assert home("audit", "verify").code == 0 and len(record(home)["keys"]) == 7


def test_a_kem_key_is_not_destroyed_while_messages_are_on_their_way(home: Any) -> None:
    """Seven days past its end what is under way may still come: `--force` gives it up, and says so."""
    home("keys", "rotate", "--use", "enc", *WHY)
    (only,) = kids(home, "enc")
    assert home("keys", "retire", only, *WHY).code == 5
    assert home("keys", "rotate", "--use", "enc", *WHY).code == 0
    said = home("keys", "destroy", only, *WHY)
    assert said.code == 5 and "--force" in said.err
    assert home("keys", "retire", only, *WHY).code == 0
    assert home("keys", "destroy", only, "--force", *WHY).code == 0
    assert only not in [key["jwk"] for key in record(home)["keys"]] and home("doctor").code == 0


def test_a_dry_run_changes_nothing(home: Any) -> None:
    """No key, no leaf, no version; refusals are the same."""
    (first, *_) = kids(home, "sig", "Ed25519")
    before = (home("keys", "list", "--json").out, (home.folder / "members.json").read_bytes())
    assert "would" in home("keys", "rotate", "--use", "sig", "--dry-run", *WHY).out
    assert home("keys", "retire", first, "--dry-run", *WHY).code == 5
    assert before == (home("keys", "list", "--json").out, (home.folder / "members.json").read_bytes())


def test_what_is_due_is_listed_with_its_command(home: Any) -> None:
    """Nothing on a fresh node."""
    assert home("keys", "list", "--due").out.strip() == "nothing is due"


def test_a_rotation_may_begin_later(home: Any) -> None:
    """Until then the new keys are pending, and the old ones sign."""
    said = home("keys", "rotate", "--use", "sig", "--begins", "48h", *WHY, "--json").json
    states = {row["kid"]: row["state"] for row in home("keys", "list", "--json").rows}
    assert {states[kid] for kid in said["made"]} == {"pending"}
    assert home("keys", "retire", said["made"][0], *WHY).code == 5
    assert home("keys", "destroy", said["made"][0], *WHY).code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("rotate", "--use", "ssh", *WHY), 2),
        (("rotate", "--use", "sig"), 2),
        (("rotate", "--use", "sig", "--reason", " "), 2),
        (("rotate", "--use", "sig", "--begins", "soon", *WHY), 2),
        (("retire", "A" * 43, *WHY), 4),
        (("destroy", "-" + "A" * 42, *WHY), 4),
        (("rewrap", "--kek", "nowhere", *WHY), 2),
        (("rewrap", "--kek", "file:relative", *WHY), 2),
        (("rewrap", "--kek", "env:CAREPACT_TEST_NO_SUCH_KEK", *WHY), 2),
        (("rewrap", "--kek", "exec:/no/such/program", *WHY), 2),
        (("create", "--use", "sig", "--provided", "label", *WHY), 8),
    ],
)
def test_wrong_use_is_one_line(home: Any, arguments: tuple[str, ...], code: int) -> None:
    """Usage 2, unknown 4, no provider 8; never a traceback."""
    said = home("keys", *arguments)
    assert said.code == code, said.err
    assert "carepact:" in said.err


def test_signing_keys_may_live_in_another_program(
    home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enrolled and published, a key of a provider signs statements and is verified like any other."""
    root, folder = Path(__file__).parents[3], tmp_path / "hsm"
    folder.mkdir(mode=0o700)
    (folder / "node-sig.key").write_text(f"Ed25519 {os.urandom(32).hex()}")
    program = tmp_path / "provider"
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{root}/tools/key_provider.py' '{folder}'\n")
    program.chmod(0o700)
    monkeypatch.setenv("CAREPACT_KEYS__SIGNER", f"exec:{program}")
    made = home("keys", "create", "--use", "sig", "--provided", "node-sig", *WHY, "--json")
    assert made.code == 0, made.err
    assert made.json["alg"] == "Ed25519" and made.json["published"]
    home("agreement", "new", "D1", "--provider", home.me, "--recipient", home.peer, "--reason", "x")
    assert home("agreement", "sign", "D1", "--reason", "board").code == 0
    assert home("agreement", "verify", "D1").code in (0, 2) and home("audit", "verify").code == 0
    (folder / "node-sig.key").unlink()
    failed = home("agreement", "suspend", "D1", "--reason", "the provider is gone")
    assert failed.code != 0 and "Traceback" not in failed.err
