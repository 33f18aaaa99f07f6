"""`carepact directory register`: the register replaced whole, once it is one that a node would start with."""

import json
from pathlib import Path
from typing import Any

import pytest

TREE = {"org_parent": {"ward-7": "st-brides.example"}, "practitioner_orgs": {"dr-7": ["ward-7"]}}


@pytest.fixture
def registering(home: Any) -> Any:
    """A node whose register is an empty file."""
    config = home.config.read_text("utf-8")
    home.config.write_text(config.replace("[directory]", '[directory]\nregister = "register.json"'), "utf-8")
    (home.folder / "register.json").write_text("{}", "utf-8")
    return home


def register(home: Any, content: Any, *more: str) -> Any:
    file: Path = home.folder / "new.json"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return home("directory", "register", str(file), "--reason", "new ward", *more)


def leaves(home: Any) -> int:
    return int(home("audit", "verify", "--json").json["leaves"])


def test_the_register_is_replaced_and_used_from_the_next_start(registering: Any) -> None:
    """Whom it names may be named in a consent afterwards, and could not be before; one leaf says so."""
    grant = (
        "consent",
        "grant",
        "--patient",
        registering.grace,
        "--permit",
        "TREAT",
        "--to",
        "ward-7",
        "--reason",
        "x",
    )
    assert registering(*grant).code == 2
    row = register(registering, TREE, "--json").json
    assert (row["organisations"], row["practitioners"]) == (2, 1)
    assert leaves(registering) == 1
    assert json.loads((registering.folder / "register.json").read_bytes()) == TREE
    assert registering(*grant).code == 0


def test_a_rehearsal_writes_neither_file_nor_leaf(registering: Any) -> None:
    """With --dry-run the same is counted, and all is as it was."""
    assert register(registering, TREE, "--dry-run").out.endswith("nothing was written\n")
    assert (registering.folder / "register.json").read_text("utf-8") == "{}"
    assert leaves(registering) == 0


@pytest.mark.parametrize("content", [b"", b"[]", b"{", {"moods": {}}, {"org_parent": {"a": "b", "b": "a"}}])
def test_what_no_node_would_start_with_is_refused(registering: Any, content: Any) -> None:
    """Exit 2 with what is wrong; the file and the ledger are as they were, and the node opens."""
    said = register(registering, content)
    assert said.code == 2 and "register" in said.err
    assert (registering.folder / "register.json").read_text("utf-8") == "{}"
    assert leaves(registering) == 0


def test_a_node_without_a_register_file_says_where_to_name_one(home: Any) -> None:
    """Exit 5 and the setting."""
    said = register(home, TREE)
    assert said.code == 5 and "directory.register" in said.err
