"""Our own readable cases: each has its one right answer, and the page that people read says the same."""

import csv
import io
from typing import Any

import pytest

from consent.case_file import try_cases
from consent.cases import COLUMNS, Fixtures, case_from_row
from consent.directory import directory_from_json
from consent.floor import shipped_floor, shipped_packs
from consent.vocabulary import REASONS
from tools import consent_cases

READ = consent_cases.read()
WORLD = Fixtures(directory_from_json(READ["register"]), {id: shipped_floor(id) for id in shipped_packs()})
BEYOND = {
    "dsa-terminated", "dsa-not-yet-effective", "dsa-expired", "dsa-review-overdue", "dsa-action",
    "dsa-data-class", "dsa-confidentiality", "dsa-lookback",
}  # fmt: skip
"""Stages that are tried in tests/unit/consent/test_consent_agreements.py."""


@pytest.mark.parametrize("case", READ["cases"], ids=lambda case: case["id"])
def test_own_case_has_its_one_right_answer(case: dict[str, Any]) -> None:
    """Effect, layer, reason and redactions."""
    read = case_from_row(consent_cases.row_from_case(case), WORLD)
    decision = read.decide()
    assert read.got(decision) == read.want, decision.trace


def test_every_reason_of_the_closed_list_has_a_case() -> None:
    """What can be answered is shown by example, or named here as tried elsewhere."""
    shown = {case["want"].split()[2] for case in READ["cases"]}
    assert REASONS - shown == BEYOND
    assert len({case["id"] for case in READ["cases"]}) == len(READ["cases"])


def test_the_cases_are_a_file_of_the_documented_format() -> None:
    """As `carepact policy test` reads it, all of them pass."""
    out = io.StringIO()
    written = csv.DictWriter(out, COLUMNS)
    written.writeheader()
    written.writerows(consent_cases.row_from_case(case) for case in READ["cases"])
    tried = list(try_cases(out.getvalue(), WORLD))
    assert len(tried) == len(READ["cases"])
    assert all(one.ok for one in tried)


def test_the_page_is_up_to_date() -> None:
    """docs/consent-cases.md is what the cases render to: `python -m tools.consent_cases`."""
    assert consent_cases.PAGE.read_text("utf-8") == consent_cases.page()
