"""`carepact directory` and `keys member`: who is believed, changed one record at a time."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.bootstrap import system_clock
from keys.member import member_from_store
from keys.store.memory import MemoryKeyStore
from keys.trust import json_from_member

WEST = "west.example"


@pytest.fixture
def store() -> MemoryKeyStore:
    """Keys of an organisation that the node has never heard of."""
    store, now = MemoryKeyStore(os.urandom), int(system_clock().timestamp())
    for use, alg in (("sig", "Ed25519"), ("sig", "ML-DSA-65"), ("log", "Ed25519")):
        store.create(use, alg, nbf=now - 100, exp=now + 86_400)
    return store


@pytest.fixture
def record(store: MemoryKeyStore, tmp_path: Path) -> Path:
    """Its record as a file, as people send it."""
    path = tmp_path / "west.json"
    path.write_text(json.dumps(json_from_member(member_from_store(store, WEST)), indent=1), "utf-8")
    return path


def add(home: Any, path: Path) -> Any:
    return home("directory", "add", str(path), "--reason", "met them", "--json")


def ids(home: Any) -> list[str]:
    return [row["id"] for row in home("directory", "list", "--json").rows]


def test_a_member_is_added_listed_and_removed(home: Any, record: Path) -> None:
    """Each change is the next version of the file and a leaf; the others stay as they were."""
    before = json.loads((home.folder / "members.json").read_bytes())["members"]
    assert add(home, record).json == {"id": WEST, "done": "added", "version": 2}
    assert ids(home) == [home.me, home.peer, home.ward, WEST]
    row = home("directory", "list", "--json").rows[-1]
    assert (row["state"], row["list"]["version"], len(row["keys"])) == ("believed", 2, 2)
    assert "version 2, expires " in home("directory", "list").out
    assert home("directory", "remove", WEST, "--reason", "left").code == 0
    assert json.loads((home.folder / "members.json").read_bytes())["members"] == before
    assert home("audit", "verify", "--json").json["leaves"] == 2
    assert home("directory", "remove", WEST, "--reason", "left").code == 4


def test_a_record_is_replaced_by_a_newer_one(home: Any, record: Path, store: MemoryKeyStore) -> None:
    """The same id keeps its place and gets its new keys."""
    add(home, record)
    now = int(system_clock().timestamp())
    store.create("sig", "Ed25519", nbf=now, exp=now + 86_400)
    record.write_text(json.dumps(json_from_member(member_from_store(store, WEST))), "utf-8")
    assert add(home, record).json["done"] == "replaced"
    held = json.loads((home.folder / "members.json").read_bytes())["members"]
    assert [len(one["keys"]) for one in held if one["id"] == WEST] == [4]


def test_a_key_of_somebody_else_is_refused(home: Any, record: Path) -> None:
    """Proved or not: what would let one member speak for another changes nothing and leaves no leaf."""
    taken = json.loads((home.folder / "members.json").read_bytes())["members"][1]
    record.write_text(json.dumps(taken | {"id": WEST}), "utf-8")
    refused = add(home, record)
    assert refused.code == 2
    assert "possession" in refused.err
    assert home("audit", "verify", "--json").json["leaves"] == 0


def test_two_members_never_share_a_key(home: Any, record: Path, store: MemoryKeyStore) -> None:
    """A key that its holder proves for two names is refused for the second."""
    add(home, record)
    record.write_text(json.dumps(json_from_member(member_from_store(store, "south.example"))), "utf-8")
    refused = add(home, record)
    assert refused.code == 5
    assert WEST in refused.err
    assert "south.example" not in ids(home)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"v":1,"id":"west.example"}', '{"v":1,"v":1}', "\x00"])
def test_what_is_no_record_is_refused(home: Any, record: Path, text: str) -> None:
    """Anything but one whole record ends with exit 2, and the file stays as it was."""
    before = (home.folder / "members.json").read_bytes()
    record.write_text(text, "utf-8")
    assert add(home, record).code == 2
    assert (home.folder / "members.json").read_bytes() == before


def test_a_disabled_record_is_named_kept_and_repaired(home: Any, record: Path) -> None:
    """A broken record is listed with its reason, survives the change of another, and a good one heals it."""
    path = home.folder / "members.json"
    document = json.loads(path.read_bytes())
    document["members"].append({"v": 1, "id": WEST})
    path.write_text(json.dumps(document), "utf-8")
    assert home("directory", "list", "--json").rows[-1]["state"].startswith("disabled: ")
    assert home("directory", "remove", home.peer, "--reason", "left").code == 0
    assert ids(home) == [home.me, home.ward, WEST]
    assert add(home, record).json["done"] == "replaced"
    assert home("directory", "list", "--json").rows[-1]["state"] == "believed"


def test_a_node_puts_itself_on_the_list(home: Any, tmp_path: Path) -> None:
    """Without a record of its own a node makes one from its keys; `add` takes it, and the doctor is content."""
    path = home.folder / "members.json"
    document = json.loads(path.read_bytes())
    document["members"] = document["members"][1:]
    path.write_text(json.dumps(document), "utf-8")
    told = {row["check"]: row for row in home("doctor", "--json").rows}["members"]
    assert told["state"] == "failed"
    assert "carepact keys member" in told["next"]
    assert home("keys", "member", "--out", str(tmp_path / "own.json")).code == 0
    assert add(home, tmp_path / "own.json").json["done"] == "added"
    assert {row["check"]: row for row in home("doctor", "--json").rows}["members"]["state"] == "ok"


def test_a_node_hands_over_its_own_record(home: Any, tmp_path: Path) -> None:
    """`keys member` is the record of the members file; another node's `add` takes it; it never loses keys."""
    out = tmp_path / "north.json"
    assert home("keys", "member", "--out", str(out)).code == 0
    mine = json.loads((home.folder / "members.json").read_bytes())["members"][0]
    assert json.loads(out.read_bytes()) == json.loads(home("keys", "member").out) == mine
    assert add(home, out).json["done"] == "replaced"
    assert home("directory", "remove", home.me, "--reason", "x").code == 2
    mine["keys"] = mine["keys"][:1]
    out.write_text(json.dumps(mine), "utf-8")
    refused = add(home, out)
    assert refused.code == 2
    assert "keys member" in refused.err
