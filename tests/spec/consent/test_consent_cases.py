"""The acceptance cases for consent and sharing agreements, where they are at hand."""

from pathlib import Path

import pytest

from consent.case_file import read_rows
from consent.cases import Case, case_from_row, read_fixtures
from consent.decision import Decision

CASES = Path(__file__).parents[4] / "shared" / "cases"
NOT_YET: dict[str, str] = {}
"""Cases that the engine does not answer right yet, with the reason; strict, so a fixed one must leave."""


def _cases() -> list[object]:
    file = CASES / "consent_cases.csv"
    if not file.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="../shared/cases is not here"))]
    fixtures = read_fixtures((CASES / "consent_fixtures.json").read_bytes())
    found: list[object] = []
    for row in read_rows(file.read_text(encoding="utf-8")):
        marks = [pytest.mark.xfail(reason=NOT_YET[row["id"]], strict=True)] if row["id"] in NOT_YET else []
        found.append(pytest.param(case_from_row(row, fixtures), id=row["id"], marks=marks))
    return found


@pytest.mark.parametrize("case", _cases())
def test_case_has_its_one_right_answer(case: Case) -> None:
    """Effect, layer, reason, redactions and stated obligations of every acceptance case are the right ones."""
    decision: Decision = case.decide()
    assert case.got(decision) == case.want, decision.trace
