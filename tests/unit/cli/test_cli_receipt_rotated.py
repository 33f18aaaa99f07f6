"""LOG-07 in a federation: a receipt outlives every key by which it was made, and the root over them."""

import shutil
import time

import pytest

WHY = ("--reason", "as decided on 12 May")


@pytest.fixture
def rotate_root(north, tmp_path):
    """`rotate_root(holders, *options)`: a new root by these holders' keys, taken offline before."""
    stick, desk = tmp_path / "holders", north.folder / "state" / "federation"

    def act(holders, *options):
        started = north("directory", "rotate-root", "start", *options, *WHY, "--json")
        assert started.code == 0, started.err
        stick.mkdir(exist_ok=True)
        for name in holders:
            if not (stick / name).exists():
                shutil.move(desk / "holders" / name, stick / name)
            signed = ("sign", started.json["file"], "--holder", str(stick / name))
            assert north.carepact("directory", "rotate-root", *signed).code == 0
        assert north("directory", "rotate-root", "finish", started.json["file"], *WHY).code == 0

    return act


def issue(south, file):
    """Grace's receipt by south, with so many leaves."""
    said = south("audit", "receipt", "--patient", south.grace, "--out", str(file), *WHY, "--json")
    assert said.code == 0, said.err
    return said.json["leaves"]


def publish(north, south):
    """South's record as it is now, taken by the operator, known to both."""
    update = south.folder / "update.json"
    assert south("directory", "publish", "--out", str(update), *WHY).code == 0
    taken = north("directory", "take", str(update), *WHY)
    assert taken.code == 0, taken.err
    for node in (north, south):
        assert node("directory", "refresh").code == 0


def kids(south):
    """The keys that sign statements, checkpoints and cosignatures, and whose private half is there."""
    rows = south("keys", "list", "--json").rows
    return {r["kid"] for r in rows if r["use"] in ("sig", "log", "witness") and r["state"] != "destroyed"}


def renew_keys(north, south):
    """South signs by new keys alone: the old ones are published as ended, their private halves gone."""
    old = kids(south)
    for use in ("sig", "log", "witness"):
        assert south("keys", "rotate", "--use", use, "--begins", "0h", *WHY).code == 0
    publish(north, south)
    time.sleep(1.1)  # lives end on whole seconds, and what was signed in the last one must be within
    for kid in old:
        ended = south("keys", "destroy", kid, *WHY)
        assert ended.code == 0, ended.err
    publish(north, south)
    assert not old & kids(south)


def test_LOG_07_a_receipt_outlives_root_signing_and_log_keys(joined, rotate_root, tmp_path, carepact):
    """Root, operator, publisher, statement, log and witness keys all changed: it holds, and one from after does.

    By the root that was pinned at first, on its own material and on the list of today; the receipt of after
    has leaves and a checkpoint of both sides of the change.
    """
    north, south = joined
    grant = ("--patient", south.grace, "--permit", "TREAT", "--id", "c-1", "--reason", "signed form")
    assert south("consent", "grant", *grant).code == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    pin, before, after = (elsewhere / name for name in ("1.root.json", "before.json", "after.json"))
    shutil.copy(north.folder / "state" / "federation" / "repository" / "metadata" / "1.root.json", pin)
    assert issue(south, before) == 2
    rotate_root(("1", "2"), "--replace", "3")
    rotate_root(("1", "3.r2"), "--replace", "2", "--replace", "operator", "--replace", "publisher")
    for node in (north, south):
        assert node("directory", "refresh").code == 0
    assert south("directory", "status", "--json").json["root"].startswith("version 3")
    renew_keys(north, south)
    assert issue(south, after) == 3
    today = elsewhere / "today"
    assert south("directory", "mirror", str(today)).code == 0
    for file, more in ((before, ()), (before, ("--trust", str(today))), (after, ())):
        said = carepact("verify", str(file), "--root", str(pin), *more, "--json")
        assert said.code == 0, said.err
        assert said.json["pinned"] is True
        assert [row["kind"] for row in said.json["leaves"]][:2] == ["consent", "report"]
    assert south("audit", "verify").code == 0
    wrong = carepact("verify", str(after), "--root", str(today / "metadata" / "3.root.json"))
    assert wrong.code == 6, "another root than the one that the walk begins with is no pin"
