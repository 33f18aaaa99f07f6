"""`carepact policy`: case files decided, packs read and compared."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from consent.cases import COLUMNS
from consent.floor import shipped_packs

FIXTURES = {
    "org_parent": {}, "practitioner_orgs": {}, "groups": {}, "births": {}, "known_purposes": ["TREAT"],
    "floors": {"all": {"rules": [{"when": {}, "mode": "OPT_OUT", "code": "usual"}]}},
}  # fmt: skip
ROW: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {
    "id": "own-care", "group": "Floor", "title": "care <within> the house", "floor": "all",
    "expect_effect": "permit", "expect_layer": "L1", "expect_reason": "implied:usual",
    "consents": "[]", "org_rules": "[]", "dsas": "[]", "resource_ctx": '{"source_org":"gp"}',
    "resource": '{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/p"}}',
    "request": '{"org":"gp","subject":"Patient/p","purpose":"TREAT","at":"2026-01-01T00:00:00Z"}',
}  # fmt: skip


@pytest.fixture
def cases(tmp_path: Path) -> Callable[..., str]:
    """A case file with these rows, its fixtures beside it."""

    def write(*rows: dict[str, Any]) -> str:
        out = io.StringIO()
        written = csv.DictWriter(out, COLUMNS)
        written.writeheader()
        written.writerows(rows)
        (tmp_path / "consent_fixtures.json").write_text(json.dumps(FIXTURES), "utf-8")
        (tmp_path / "cases.csv").write_text(out.getvalue(), "utf-8")
        return str(tmp_path / "cases.csv")

    return write


def test_cases_that_pass_say_how_many(carepact: Any, cases: Callable[..., str]) -> None:
    """N of N and exit 0; fixtures beside the file are found."""
    said = carepact("policy", "test", cases(ROW))
    assert (said.code, said.out) == (0, "1 of 1 cases pass\n")


def test_a_failing_case_is_named_and_exits_10(
    carepact: Any, cases: Callable[..., str], tmp_path: Path
) -> None:
    """One line a failing row with what came instead; JSON and JUnit say the same."""
    file = cases(
        ROW, ROW | {"id": "other", "expect_reason": "implied:else"}, ROW | {"id": "bad", "dsas": "{"}
    )
    said = carepact("policy", "test", file, "--junit", str(tmp_path / "out.xml"))
    assert said.code == 10
    assert said.out.splitlines()[-1] == "1 of 3 cases pass"
    assert [line.split()[0] for line in said.out.splitlines()[:-1]] == ["other", "bad"]
    assert [row["ok"] for row in carepact("policy", "test", file, "--json").rows] == [True, False, False]
    suite = etree.parse(tmp_path / "out.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert suite[0].get("name") == "own-care care <within> the house"


def test_a_file_that_is_none_exits_2(carepact: Any, cases: Callable[..., str], tmp_path: Path) -> None:
    """No such file, no text, an unknown column; a file without any case proves nothing and exits 10."""
    cases(ROW)
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "odd.csv").write_text("mood\n", "utf-8")
    for name in ("none.csv", "binary.csv", "odd.csv"):
        assert carepact("policy", "test", str(tmp_path / name)).code == 2
    assert carepact("policy", "test", cases()).code == 10


def test_without_fixtures_the_nodes_own_register_and_packs_count(home: Any) -> None:
    """A deployment tries its own rows against its own register."""
    out = io.StringIO()
    written = csv.DictWriter(out, COLUMNS)
    written.writeheader()
    written.writerow(ROW | {"floor": "opt-out", "expect_reason": "implied:care-and-operations"})
    (home.folder / "mine.csv").write_text(out.getvalue(), "utf-8")
    said = home("policy", "test", str(home.folder / "mine.csv"))
    assert (said.code, said.out) == (0, "1 of 1 cases pass\n")


def test_packs_are_listed_shown_linted_and_compared(carepact: Any, tmp_path: Path) -> None:
    """Every shipped pack is listed as signed by nobody; a changed rule is the one difference."""
    rows = carepact("policy", "pack", "list", "--json").rows
    assert {row["pack"].partition("@")[0] for row in rows} == set(shipped_packs())
    assert not any(row["signed"] for row in rows)
    assert "uk-direct-care-9-2-h" in carepact("policy", "pack", "show", "uk").out
    document = json.loads(shipped_packs()["uk"])
    document["rules"][0]["mode"] = "OPT_IN"
    (tmp_path / "mine.json").write_text(json.dumps(document), "utf-8")
    (row,) = carepact("policy", "pack", "diff", "uk@2026.1", str(tmp_path / "mine.json"), "--json").rows
    assert row["change"] == "changed"
    assert "OPT_IN" in row["after"]
    assert carepact("policy", "pack", "lint", str(tmp_path / "mine.json")).code == 10
    (tmp_path / "mine.json").write_text('{"id":"x","mood":1}', "utf-8")
    assert carepact("policy", "pack", "lint", str(tmp_path / "mine.json")).code == 2
    assert carepact("policy", "pack", "show", "uk@1999.1").code == 4


def test_a_pack_is_signed_off_by_the_digest_that_show_prints(carepact: Any, tmp_path: Path) -> None:
    """With it the pack loads as signed; one rule edited afterwards, and lint says so with the digest of now."""
    mine = tmp_path / "mine.json"
    document = json.loads(shipped_packs()["nz"])
    mine.write_text(json.dumps(document))
    digest = carepact("policy", "pack", "show", str(mine)).out.partition("sign off: sha256 ")[2][:64]
    signed = document | {"sign_off": {"by": "A", "role": "DPO", "at": "2026-11-22", "sha256": digest}}
    mine.write_text(json.dumps(signed, indent=3))
    assert (
        f"{document['id']}@{document['version']}  signed "
        in carepact("policy", "pack", "show", str(mine)).out
    )
    assert "signed by nobody" not in carepact("policy", "pack", "lint", str(mine)).out
    assert carepact("policy", "pack", "show", str(mine), "--json").json == signed
    mine.write_text(json.dumps(signed | {"btg_ceiling": "V" if document.get("btg_ceiling") != "V" else "R"}))
    edited = carepact("policy", "pack", "lint", str(mine))
    assert edited.code == 2
    assert "signed by nobody" in edited.err
    again = edited.err.partition("of this text it is ")[2][:64]
    assert len(again) == 64
    assert again != digest
