"""A patient's receipt, issued here and verified anywhere: with what is pinned, and with nothing else."""

import json
import random

import pytest

from keys.syntax import b64u, unb64u

WHY = ("--reason", "asked for at the desk")


@pytest.fixture
def issued(home, tmp_path):
    """A receipt over three consents, alone in a folder with the pinned record."""
    for id in ("c-1", "c-2", "c-3"):
        options = ("--patient", home.grace, "--permit", "TREAT", "--id", id, "--reason", "signed form")
        assert home("consent", "grant", *options).code == 0
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    assert home("keys", "member", "--out", str(folder / "pin.json")).code == 0
    said = home("audit", "receipt", "--patient", home.grace, "--out", str(folder / "r.json"), *WHY, "--json")
    assert said.code == 0, said.err
    assert said.json["leaves"] == 4
    return folder


def test_a_stranger_verifies_it_with_the_pinned_key_alone(issued, carepact):
    """Four leaves, the issuing itself among them; unpinned it is said so; nothing names the patient's number."""
    pinned = carepact("verify", str(issued / "r.json"), "--root", str(issued / "pin.json"), "--json")
    assert pinned.code == 0, pinned.err
    assert [row["kind"] for row in pinned.json["leaves"]] == ["consent", "consent", "consent", "report"]
    assert pinned.json["pinned"] is True and "9990000018" not in pinned.out
    plain = carepact("verify", str(issued / "r.json"))
    assert plain.code == 0 and "UNPINNED" in plain.err and "4 entries, all proven" in plain.out
    assert (issued / "r.json").stat().st_mode & 0o777 == 0o600


def test_the_wrong_pin_is_exit_6(issued, home, carepact):
    """Another member's record, or a file that pins nothing, verifies nothing."""
    members = json.loads((home.folder / "members.json").read_text())
    peer = next(one for one in members["members"] if one["id"] == home.peer)
    (issued / "peer.json").write_text(json.dumps(peer))
    for name in ("peer.json", "r.json"):
        assert carepact("verify", str(issued / "r.json"), "--root", str(issued / name)).code == 6
    own = str(home.folder / "members.json")
    assert carepact("verify", str(issued / "r.json"), "--root", own).code == 0


def entries(held):
    return held["chains"][0]["entries"]


def dropped(held):
    del entries(held)[1]


def swapped(held):
    entries(held)[0], entries(held)[1] = entries(held)[1], entries(held)[0]


def repeated(held):
    entries(held).insert(1, entries(held)[0])


def cut(held):
    del entries(held)[-1]


def retold(held):
    detail = json.loads(unb64u(entries(held)[0]["detail"])) | {"by": "somebody else"}
    entries(held)[0]["detail"] = b64u(json.dumps(detail).encode())


def moved(held):
    entries(held)[0]["index"] += 1


@pytest.mark.parametrize("change", [dropped, swapped, repeated, cut, retold, moved])
def test_a_changed_receipt_does_not_hold(issued, carepact, change):
    """LOG-03, LOG-07: a leaf dropped, swapped, repeated, cut off, told otherwise or moved is found."""
    held = json.loads((issued / "r.json").read_text())
    change(held)
    (issued / "bad.json").write_text(json.dumps(held, separators=(",", ":"), sort_keys=True))
    said = carepact("verify", str(issued / "bad.json"), "--root", str(issued / "pin.json"))
    assert said.code in (5, 6) and "does not hold" in said.err


def test_no_changed_byte_changes_a_claim(issued, carepact):
    """LOG-07: 150 single bytes changed anywhere: refused, or every line of it is told as before."""
    good = carepact("verify", str(issued / "r.json"), "--root", str(issued / "pin.json"), "--json").json[
        "leaves"
    ]
    data = (issued / "r.json").read_bytes()
    rng = random.Random(7)
    for _ in range(150):
        place = rng.randrange(len(data) - 1)
        changed = bytes((data[place] ^ 1 << rng.randrange(7),))
        (issued / "bad.json").write_bytes(data[:place] + changed + data[place + 1 :])
        said = carepact("verify", str(issued / "bad.json"), "--root", str(issued / "pin.json"), "--json")
        assert said.code in (2, 5, 6) or said.json["leaves"] == good


def test_what_cannot_be_issued_or_read_is_said(home, issued, carepact):
    """Nobody of that number, a file in the way, a file that is no receipt: an exit code and the next step."""
    assert home("audit", "receipt", "--patient", home.ada, "--out", str(issued / "x.json"), *WHY).code == 4
    assert home("audit", "receipt", "--patient", home.grace, "--out", str(issued / "r.json"), *WHY).code == 2
    assert carepact("verify", str(issued / "pin.json")).code == 2
    assert carepact("verify", str(issued / "missing.json")).code == 2
    assert home("audit", "verify").code == 0


def test_after_erasure_proofs_hold_and_nothing_opens(issued, home, carepact):
    """LOG-08: the ledger still verifies, the receipt of before still holds, her number leads nowhere, once only."""
    assert home("audit", "erase", "--patient", home.ada, "--yes", *WHY).code == 4
    done = home("audit", "erase", "--patient", home.grace, "--yes", *WHY, "--json")
    assert done.code == 0, done.err
    assert done.json["keys"] >= 1
    checked = home("audit", "verify", "--json")
    assert checked.code == 0 and checked.json["erased"] == 5
    assert carepact("verify", str(issued / "r.json"), "--root", str(issued / "pin.json")).code == 0
    for command in (
        ("audit", "accessed", "--patient", home.grace),
        ("audit", "receipt", "--patient", home.grace, "--out", str(issued / "again.json"), *WHY),
        ("audit", "erase", "--patient", home.grace, "--yes", *WHY),
        ("consent", "list", "--patient", home.grace),
    ):
        said = home(*command)
        assert said.code in (4, 6), (command, said.out, said.err)
        assert "c-1" not in said.out
    assert home("audit", "verify").code == 0


def test_a_patients_ledger_as_audit_events(issued, home):
    """One line an event, valid R4; who asked for them is in the next ones; no number of hers in them."""
    from fhir.resources.R4B.auditevent import AuditEvent

    said = home("audit", "events", "--patient", home.grace)
    assert said.code == 0, said.err
    assert [AuditEvent.model_validate(row).subtype[0].code for row in said.rows] == ["consent"] * 3 + [
        "report"
    ]
    assert len(home("audit", "events", "--patient", home.grace).rows) == 5
    assert "9990000018" not in said.out
