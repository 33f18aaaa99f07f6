"""`carepact agreement propose | verify | activate`: a version and its signatures between two nodes."""

import json
from pathlib import Path
from typing import Any

import pytest

from keys.syntax import b64u, unb64u


def draft(home: Any, *more: str) -> None:
    parties = ("--provider", home.me, "--recipient", home.peer)
    assert home("agreement", "new", "D1", *parties, "--reason", "direct care", *more).code == 0


def sign(home: Any, *keys: str) -> None:
    assert home("agreement", "sign", "D1", *keys, "--reason", "board").code == 0


def propose(home: Any) -> Path:
    out: Path = home.folder / "D1.proposal.json"
    assert home("agreement", "propose", "D1", "--out", str(out), "--reason", "sent").code == 0
    return out


def activate(home: Any, *more: str) -> Any:
    return home("agreement", "activate", "D1", "--reason", "both boards", *more)


def status(home: Any) -> str:
    return str(home("agreement", "list", "--json").rows[-1]["status"])


def returned(home: Any, *orgs: str) -> Path:
    """The proposal as the peer sends it back: with its own signature, made in its own place."""
    path = propose(home)
    content = json.loads(path.read_bytes())
    document = unb64u(content["document"])
    content["statements"] += [b64u(home.statement(org, document)) for org in orgs or (home.peer,)]
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_a_draft_that_was_sent_is_proposed(home: Any) -> None:
    """Draft, then proposed once it was written out; its own signature makes it half-signed."""
    draft(home)
    seen = [status(home)]
    propose(home)
    seen.append(status(home))
    assert home("agreement", "list", "--status", "proposed", "--json").rows[0]["id"] == "D1"
    sign(home)
    assert [*seen, status(home)] == ["draft", "proposed", "half-signed"]


def test_what_comes_back_signed_is_in_force(home: Any) -> None:
    """The other side's signature, taken in, makes it active; the same file again takes in nothing."""
    draft(home)
    sign(home)
    path = returned(home)
    first, second = (activate(home, "--from", str(path), "--json") for _ in range(2))
    assert (first.code, first.json["status"], first.json["taken"]) == (0, "active", 1)
    assert (second.code, second.json["status"], second.json["taken"]) == (0, "active", 0)
    assert status(home) == "active"


def test_a_version_that_is_not_here_comes_with_its_proposal(home: Any, tmp_path: Path) -> None:
    """The other side's document is kept byte for byte with what it signed; this side's signature is missing."""
    draft(home)
    document = home("agreement", "show", "D1", "--document").out.encode().replace(b'"D1"', b'"E1"')
    made = [b64u(home.statement(home.peer, document))]
    path = tmp_path / "E1.json"
    path.write_text(json.dumps({"v": 1, "document": b64u(document), "statements": made}), "utf-8")
    said = home("agreement", "activate", "E1", "--from", str(path), "--reason", "received")
    assert said.code == 5
    assert f"still to sign: {home.me}" in said.err
    assert home("agreement", "show", "E1", "--document").out.encode() == document


def test_a_rehearsal_tells_the_same_and_stores_nothing(home: Any) -> None:
    """With --dry-run the outcome is that of taking it in, and no statement and no leaf is there."""
    draft(home)
    sign(home)
    path = returned(home)
    leaves = home("audit", "verify", "--json").json["leaves"]
    assert activate(home, "--from", str(path), "--dry-run", "--json").json["status"] == "active"
    assert status(home) == "half-signed"
    assert home("audit", "verify", "--json").json["leaves"] == leaves


def test_one_bad_statement_refuses_the_whole_proposal(home: Any) -> None:
    """A statement over other bytes: exit 6, verify says which, and the good one beside it is not stored."""
    draft(home)
    sign(home)
    path = returned(home)
    content = json.loads(path.read_bytes())
    other = unb64u(content["document"]).replace(b"TREAT", b"HRESCH")
    content["statements"].append(b64u(home.statement(home.peer, other)))
    path.write_text(json.dumps(content), "utf-8")
    checked = home("agreement", "verify", "D1", "--from", str(path), "--json")
    assert (checked.code, [row["holds"] for row in checked.rows]) == (6, [True, True, False])
    for more in ((), ("--dry-run",)):
        assert activate(home, "--from", str(path), *more).code == 6
    assert status(home) == "half-signed"


def test_what_is_kept_verifies_again(home: Any) -> None:
    """Nothing stated: nothing to refuse. Signed: each holds, until its organisation is no member any more."""
    draft(home)
    assert home("agreement", "verify", "D1").code == 0
    sign(home)
    sign(home, *home.signed_by(home.peer))
    assert [row["holds"] for row in home("agreement", "verify", "D1", "--json").rows] == [True, True]
    assert home("directory", "remove", home.peer, "--reason", "left").code == 0
    later = home("agreement", "verify", "D1", "--json")
    assert (later.code, [row["holds"] for row in later.rows]) == (6, [True, False])


def test_not_in_force_says_why(home: Any) -> None:
    """Unsigned, not yet effective, suspended: exit 5 each, with its reason."""
    draft(home, "--effective", "2099-01-01")
    assert "still to sign" in activate(home).err
    sign(home)
    sign(home, *home.signed_by(home.peer))
    said = activate(home)
    assert said.code == 5 and "not yet effective" in said.err
    assert home("agreement", "suspend", "D1", "--reason", "incident").code == 0
    assert "suspended" in activate(home).err


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"v":1,"document":"e30","statements":[]}', b"\xff", b"[" * 999]
)
def test_what_is_no_proposal_is_refused(home: Any, content: bytes) -> None:
    """Exit 2 with the command that makes one; another agreement's proposal is refused as that."""
    draft(home)
    path = home.folder / "bad.json"
    path.write_bytes(content)
    assert activate(home, "--from", str(path)).code == 2
    assert home("agreement", "activate", "D9", "--from", str(propose(home)), "--reason", "x").code == 2
    assert home("agreement", "activate", "D9", "--reason", "x").code == 4
    assert home("agreement", "propose", "D9", "--out", str(path), "--reason", "x").code == 4
