"""Agreements from a template, every step rehearsed first, and read as they were known."""

import json
from typing import Any

import pytest

from gateway.bootstrap import system_clock

PARTIES = ("--provider", "st-brides.example", "--recipient", "east.example")


def new(home: Any, *more: str, id: str = "D1") -> Any:
    return home("agreement", "new", id, *PARTIES, "--reason", "direct care", *more)


def leaves(home: Any) -> int:
    return int(home("audit", "verify", "--json").json["leaves"])


@pytest.mark.parametrize(
    ("template", "purposes", "emergency", "ceiling"),
    [("direct-care", ["TREAT"], True, "R"), ("research", ["HRESCH"], False, "N")],
)
def test_a_template_fills_what_the_options_leave_open(
    home: Any, template: str, purposes: list[str], emergency: bool, ceiling: str
) -> None:
    """Purposes, ceiling, obligations and a review in a year; what is typed counts beside it."""
    options = ("--template", template, "--effective", "2028-02-29")
    assert new(home, *options).code == 0
    held = json.loads(home("agreement", "show", "D1", "--document").out)
    (term,) = held["terms"]
    assert (term["purposes"], term["max_confidentiality"]) == (purposes, ceiling)
    assert (held["emergency"], held["review_due"]) == (emergency, "2029-02-28")
    assert new(home, *options, "--purpose", "COC", "--emergency", id="D2").code == 0
    other = json.loads(home("agreement", "show", "D2", "--document").out)
    assert (other["terms"][0]["purposes"], other["emergency"]) == (["COC"], True)
    assert new(home, "--template", "handshake", id="D3").code == 2
    assert new(home, "--template", template, "--effective", "soon", id="D3").code == 2


def test_every_step_can_be_rehearsed(home: Any) -> None:
    """Each is checked as if it were done, and leaves neither a version, a statement, a leaf nor a file."""
    out = home.folder / "s.jws"
    before = leaves(home)
    assert "would be kept" in new(home, "--dry-run").out
    assert home("agreement", "show", "D1").code == 4
    assert new(home).code == 0
    for org in (home.ward, home.peer):
        sign = ("agreement", "sign", "D1", *home.signed_by(org), "--reason", "board")
        assert "would be kept" in home(*sign, "--dry-run", "--out", str(out)).out
        assert not out.exists()
        assert home(*sign).code == 0
    for action in ("suspend", "resume", "terminate"):
        said = home(
            "agreement", action, "D1", *home.signed_by(home.peer), "--reason", "x", "--dry-run", "--json"
        )
        assert (said.code, said.json["dry_run"]) == (0, True)
    file = home.folder / "D1.json"
    file.write_bytes(home("agreement", "show", "D1", "--document").out.encode())
    assert "would be kept" in home("agreement", "add", str(file), "--reason", "x", "--dry-run").out
    sent = home("agreement", "propose", "D1", "--out", str(out), "--reason", "x", "--dry-run")
    assert (sent.code, out.exists()) == (0, False)
    assert home("agreement", "show", "D1", "--json").json["status"] == "active"
    assert leaves(home) == before + 3
    stranger = ("agreement", "suspend", "D1", "--org", home.me, "--reason", "x", "--dry-run")
    assert home(*stranger).code != 0


def test_a_statement_that_came_in_is_rehearsed_too(home: Any) -> None:
    """Verified, and not kept."""
    new(home)
    document = home("agreement", "show", "D1", "--document").out.encode()
    file = home.folder / "peer.jws"
    file.write_bytes(home.statement(home.peer, document))
    said = home("agreement", "statement", str(file), "--reason", "by mail", "--dry-run")
    assert (said.code, "would be kept" in said.out) == (0, True)
    assert home("agreement", "show", "D1", "--json").json["signed"] == []


def test_an_agreement_is_shown_and_exported_as_it_was_known(home: Any) -> None:
    """Before the second version the first is the newest; `ID@VERSION` names one."""
    new(home)
    between = system_clock().isoformat()
    new(home)
    assert home("agreement", "show", "D1", "--json").json["version"] == 2
    assert home("agreement", "show", "D1", "--as-of", between, "--json").json["version"] == 1
    assert home("agreement", "show", "D1", "--as-of", "2020-01-01").code == 4
    first = home("agreement", "export", "D1@1").json
    assert home("agreement", "export", "D1", "--as-of", between).json == first
    assert home("agreement", "export", "D1").json != first
