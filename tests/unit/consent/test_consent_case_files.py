"""Case files: one row is one question; a row of another shape is an error, never a skip."""

import csv
import io
import json
from typing import Any

import pytest

from consent.case_file import read_rows, try_cases
from consent.cases import COLUMNS, case_from_row, read_fixtures
from consent.errors import Uncomputable

FIXTURES = {
    "org_parent": {}, "practitioner_orgs": {}, "groups": {}, "births": {}, "known_purposes": ["TREAT"],
    "floors": {"all": {"rules": [{"when": {}, "mode": "OPT_OUT", "code": "usual"}]}},
}  # fmt: skip
AGREEMENT = {
    "id": "D1", "providers": ["gp"], "recipients": ["hosp"], "status": "active", "effective": {"start": "2025-01-01"},
    "signatures": [{"org": "gp", "valid": True}, {"org": "hosp", "valid": True}], "terms": [{"purposes": ["TREAT"]}],
}  # fmt: skip
ROW: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {
    "id": "X1", "group": "Floor", "title": "care", "floor": "all", "expect_effect": "permit", "expect_layer": "L1",
    "expect_reason": "implied:usual", "expect_obligations": "AUDIT", "consents": "[]", "org_rules": "[]",
    "dsas": json.dumps([AGREEMENT]), "resource_ctx": '{"source_org":"gp"}',
    "resource": '{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/p"}}',
    "request": '{"org":"hosp","subject":"Patient/p","purpose":"TREAT","at":"2026-01-01T00:00:00Z"}',
}  # fmt: skip


def asked(**changes: str) -> Any:
    case = case_from_row(ROW | changes, read_fixtures(json.dumps(FIXTURES).encode()))
    return case, case.got(case.decide())


def test_row_is_a_question_with_its_answer() -> None:
    """Effect, layer, reason and obligations are compared; a wrong expectation shows."""
    case, got = asked()
    assert got == case.want
    other, got = asked(expect_reason="implied:other")
    assert got != other.want


@pytest.mark.parametrize(("status", "want"), [
    ("draft", "dsa-not-signed"), ("half-signed", "dsa-not-signed"), ("suspended", "dsa-suspended"),
    ("terminated", "dsa-terminated"), ("active", "implied:usual"),
])  # fmt: skip
def test_status_of_an_agreement_stands_for_its_statements(status: str, want: str) -> None:
    """What production derives from signed statements is given in the row."""
    _, got = asked(dsas=json.dumps([AGREEMENT | {"status": status}]))
    assert got["reason"] == want


def test_a_signature_that_does_not_hold_is_none() -> None:
    """Of two signatures one is not valid: the agreement counts as signed by one side alone."""
    half = [{"org": "gp", "valid": True}, {"org": "hosp", "valid": False}]
    _, got = asked(dsas=json.dumps([AGREEMENT | {"signatures": half}]))
    assert got["reason"] == "dsa-not-signed"


@pytest.mark.parametrize("changes", [
    {"floor": "none"}, {"request": "{"}, {"request": '{"org":"a","org":"b"}'}, {"request": "[]"},
    {"consents": "{}"}, {"dsas": '[{"id":"D1"}]'}, {"dsas": "[1]"}, {"org_rules": '[{"effect":"permit"}]'},
    {"resource_ctx": '{"source_org":"gp","colour":1}'}, {"resource_ctx": "{}"},
    {"dsas": json.dumps([AGREEMENT | {"signatures": [{"org": "gp"}]}])},
])  # fmt: skip
def test_row_of_another_shape_is_an_error(changes: dict[str, str]) -> None:
    """Duplicate members, other shapes and unknown names stop the row."""
    with pytest.raises(Uncomputable):
        asked(**changes)


@pytest.mark.parametrize("columns", [[*COLUMNS, "mood"], COLUMNS[:-1], []])
def test_file_with_other_columns_is_refused(columns: list[str]) -> None:
    """Every column must be there, and no other; their order is free."""
    file = io.StringIO()
    csv.writer(file).writerow(columns)
    with pytest.raises(Uncomputable):
        read_rows(file.getvalue())
    turned = io.StringIO()
    csv.writer(turned).writerows([COLUMNS[::-1], [ROW[name] for name in COLUMNS[::-1]]])
    assert [row["id"] for row in read_rows(turned.getvalue())] == ["X1"]


@pytest.mark.parametrize("members", [{"moons": 1}, {"floors": None}, {"floors": {"all": {"rules": []}}}])
def test_fixtures_that_cannot_be_computed_are_refused(members: dict[str, Any]) -> None:
    """Directory and packs of the file load whole or not at all."""
    with pytest.raises(Uncomputable):
        read_fixtures(json.dumps(FIXTURES | members).encode())


def csv_of(*rows: dict[str, str], columns: list[str] = COLUMNS) -> str:
    out = io.StringIO()
    written = csv.DictWriter(out, columns, extrasaction="ignore")
    written.writeheader()
    written.writerows(rows)
    return out.getvalue()


WORLD = read_fixtures(json.dumps(FIXTURES).encode())


def test_every_row_of_a_file_is_tried_and_a_spoilt_one_is_an_error() -> None:
    """A row that fails, one of another shape, one too short and an id that stands twice: each its own outcome."""
    text = csv_of(ROW, ROW | {"id": "X2", "expect_effect": "deny"}, ROW | {"id": "X3", "request": "[1"},
                  ROW | {"id": "X4", "request": '{"org":"a","org":"b"}'}, ROW) + "X9,short\r\n"  # fmt: skip
    tried = list(try_cases(text, WORLD))
    assert [one.ok for one in tried] == [True, False, False, False, False, False]
    assert [bool(one.error) for one in tried] == [False, False, True, True, True, True]


@pytest.mark.parametrize("text", [
    csv_of(columns=COLUMNS[1:]), csv_of(columns=[*COLUMNS, "mood"]), csv_of(columns=[*COLUMNS, "id"]), "",
    csv_of() + '"open quote, no end',
])  # fmt: skip
def test_a_file_that_is_none_is_refused_whole(text: str) -> None:
    """A missing, unknown or repeated column, nothing at all, broken quoting."""
    with pytest.raises(Uncomputable):
        list(try_cases(text, WORLD))
