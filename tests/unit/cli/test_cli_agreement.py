"""`carepact agreement`: drafted, signed by both sides over the same bytes, stopped and ended."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.directory.agreements import sign_statement
from keys.jws import signers_from_store


def draft(home: Any, *more: str) -> Any:
    parties = ("--provider", home.me, "--recipient", home.peer)
    return home("agreement", "new", "D1", *parties, "--reason", "direct care", *more)


def status(home: Any, version: int = 1) -> str:
    rows = home("agreement", "list", "--json").rows
    return str(next(row["status"] for row in rows if row["version"] == version))


def act(home: Any, action: str, *more: str) -> Any:
    return home("agreement", action, "D1", "--reason", "board", *more)


def test_an_agreement_is_in_force_once_both_sides_signed(home: Any) -> None:
    """draft, half-signed, active: the status follows the signed statements and nothing else."""
    assert draft(home).code == 0
    seen = [status(home)]
    assert act(home, "sign", "--by", "Caldicott Guardian").code == 0
    seen.append(status(home))
    assert act(home, "sign", *home.signed_by(home.peer)).code == 0
    assert [*seen, status(home)] == ["draft", "half-signed", "active"]


def test_either_side_suspends_alone_and_both_resume(home: Any) -> None:
    """One suspension stops it at once; one resumption does not bring it back, the second does."""
    draft(home)
    act(home, "sign")
    act(home, "sign", *home.signed_by(home.peer))
    act(home, "suspend", *home.signed_by(home.peer))
    seen = [status(home)]
    alone = act(home, "resume")
    assert "stays suspended until east.example resumes too" in alone.err
    time.sleep(1.1)  # statements count from the second that they name, and of one second the stop wins
    seen.append(status(home))
    assert "suspended" not in act(home, "resume", *home.signed_by(home.peer)).err
    assert [*seen, status(home)] == ["suspended", "suspended", "active"]
    assert act(home, "terminate").code == 0
    assert status(home) == "terminated"


def test_the_doctor_leads_back_from_a_suspension(admitted: Any) -> None:
    """Where the only agreement of a custodian is suspended the next step is to resume it, not to draft one."""
    assert (
        admitted("agreement", "suspend", "D1", *admitted.signed_by(admitted.ward), "--reason", "x").code == 0
    )
    rows = {row["check"]: row for row in admitted("doctor", "--json").rows}
    found = rows[f"agreements of {admitted.ward}"]
    assert found["state"] == "warning"
    assert "carepact agreement resume D1 --reason" in found["next"]


def test_a_termination_in_the_future_does_not_end_it_yet(home: Any) -> None:
    """`--effective` is the first moment of that day; until then it stays in force."""
    draft(home)
    act(home, "sign")
    act(home, "sign", *home.signed_by(home.peer))
    assert act(home, "terminate", "--effective", "2099-01-01").code == 0
    assert status(home) == "active"
    assert "terminate by north.example" in home("agreement", "show", "D1").out


def test_the_exact_bytes_travel(home: Any, tmp_path: Path) -> None:
    """What `--out` writes is what `show --document` gives and what `add` takes again without a change."""
    out = tmp_path / "D1.json"
    draft(home, "--out", str(out), "--emergency", "--end", "2099-12-31")
    assert home("agreement", "show", "D1", "--document").out.encode() == out.read_bytes()
    assert json.loads(out.read_bytes())["emergency"] is True
    leaves = home("audit", "verify", "--json").json["leaves"]
    assert home("agreement", "add", str(out), "--reason", "again").code == 0
    assert home("audit", "verify", "--json").json["leaves"] == leaves


def test_a_version_never_changes_its_text(home: Any, tmp_path: Path) -> None:
    """Other bytes under the same id and version are refused as stale."""
    out = tmp_path / "D1.json"
    draft(home, "--out", str(out))
    out.write_bytes(out.read_bytes().replace(b"TREAT", b"HRESCH"))
    assert home("agreement", "add", str(out), "--reason", "forged").code == 5


def test_a_new_version_supersedes_once_both_signed_it(home: Any) -> None:
    """`new` counts on from the newest; the old version counts until the new one is in force."""
    for _ in range(2):
        draft(home)
        act(home, "sign")
        act(home, "sign", *home.signed_by(home.peer))
    assert (status(home, 1), status(home, 2)) == ("superseded", "active")


def test_the_other_sides_statement_is_verified(home: Any, tmp_path: Path, stranger_keys: Any) -> None:
    """A statement by keys of nobody in the members list is refused with exit 6, and the agreement untouched."""
    out, mail = tmp_path / "D1.json", tmp_path / "peer.jws"
    draft(home, "--out", str(out))
    act(home, "sign", "--out", str(tmp_path / "mine.jws"))
    at = int((tmp_path / "mine.jws").stat().st_mtime)
    signers = signers_from_store(stranger_keys, at=at)
    forged = sign_statement(out.read_bytes(), signers, action="sign", org=home.peer, by="x", at=at)
    mail.write_bytes(forged)
    refused = home("agreement", "statement", str(mail), "--reason", "by mail")
    assert refused.code == 6
    assert "members list" in refused.err
    mail.write_bytes(b"{}")
    assert home("agreement", "statement", str(mail), "--reason", "by mail").code == 6
    assert status(home) == "half-signed"


def test_a_statement_of_a_peer_comes_in_as_a_file(home: Any, tmp_path: Path) -> None:
    """The peer signs in its own place, and its JWS brings the agreement in force here; twice is refused."""
    out, mail = tmp_path / "D1.json", tmp_path / "peer.jws"
    draft(home, "--out", str(out))
    act(home, "sign")
    made = home.statement(home.peer, out.read_bytes())
    mail.write_bytes(made)
    assert home("agreement", "statement", str(mail), "--reason", "by mail").code == 0
    assert status(home) == "active"
    assert home("agreement", "statement", str(mail), "--reason", "by mail").code == 5


def test_every_write_has_its_leaf(home: Any) -> None:
    """A draft and two signatures are three leaves; a refused one leaves none."""
    draft(home)
    act(home, "sign")
    act(home, "sign")  # a second time: refused
    act(home, "sign", *home.signed_by(home.peer))
    assert home("audit", "verify", "--json").json["leaves"] == 3


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("sign", "D9", "--reason", "x"), 4, "agreement list"),
        (("sign", "D1", "--org", "far.example", "--reason", "x"), 6, "--keys … --kek …"),
        (("suspend", "D1", "--org", "far.example", "--reason", "x"), 6, "no party of D1@1"),
        (("sign", "D1", "--org", "east.example", "--reason", "x"), 6, "members list"),
        (("sign", "D1", "--keys", "nowhere", "--kek", "env:NONE", "--reason", "x"), 2, "no such folder"),
        (("sign", "D1", "--keys", ".", "--reason", "x"), 2, "--kek"),
        (("terminate", "D1", "--effective", "soon", "--reason", "x"), 2, "2027-01-01"),
        (("sign", "D1", "--reason", " "), 2, "--reason"),
        (("add", "nowhere.json", "--reason", "x"), 2, "cannot be read"),
        (
            ("new", "D2", "--provider", "a", "--recipient", "b", "--purpose", "FUN", "--reason", "x"),
            2,
            "purposes",
        ),
        (
            ("new", "D2", "--provider", "a", "--recipient", "b", "--effective", "x", "--reason", "x"),
            2,
            "start",
        ),
    ],
)
def test_what_cannot_be_done_says_why(home: Any, arguments: tuple[str, ...], code: int, says: str) -> None:
    """A wrong id, key, date, purpose or file ends in one line that names it, with its exit code."""
    draft(home)
    said = home("agreement", *arguments)
    assert said.code == code, said.err
    assert says in said.err


def test_a_party_that_is_no_member_is_named(home: Any) -> None:
    """Drafting with somebody whose signature could never be verified says so at once."""
    parties = ("--provider", home.me, "--recipient", "far.example")
    said = home("agreement", "new", "D3", *parties, "--reason", "x")
    assert said.code == 0
    assert "far.example is not in the members list" in said.err
