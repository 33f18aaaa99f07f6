"""The tables of STU3: one row a code, sorted, and only towards R4."""

import csv
from importlib import resources

import pytest
from fhir.resources.R4B import get_fhir_model_class

from adapters.gp.stu3_to_r4.catalogue import MAPS

HEADER = [
    "source_system",
    "source_code",
    "target_system",
    "target_code",
    "target_display",
    "relation",
    "origin",
]


def _rows(name: str) -> list[list[str]]:
    text = resources.files("adapters.terminology").joinpath(f"{name}.csv").read_text("utf-8")
    return list(csv.reader(text.splitlines()))


@pytest.mark.parametrize("name", ["stu3_codes", "stu3_extensions", "stu3_systems"])
def test_tables_are_sorted_and_unambiguous(name: str) -> None:
    """A source code has one target; the file is sorted, and each row says where it is from."""
    header, *rows = _rows(name)
    assert header == HEADER
    assert rows == sorted(rows)
    assert len({(row[0], row[1]) for row in rows}) == len(rows)
    assert all(row[6] for row in rows)
    assert {row[5] for row in rows} <= {"equivalent", "wider", "narrower", "none"}


@pytest.mark.parametrize("name", ["stu3_extensions", "stu3_systems"])
def test_no_address_leads_back_to_stu3(name: str) -> None:
    """Translating twice changes nothing: no target is itself a source."""
    rows = _rows(name)[1:]
    assert not {row[2] for row in rows} & {row[1] for row in rows}
    assert all("/STU3/" not in row[2] for row in rows)


@pytest.mark.parametrize("kind", sorted(MAPS))
def test_every_row_of_a_mapping_writes_a_member_of_r4(kind: str) -> None:
    """A target that R4 does not define would be refused by every reader."""
    plan = MAPS[kind]
    members = {field.alias or name for name, field in get_fhir_model_class(plan.target).model_fields.items()}
    dropped = {
        row.target
        for row in plan.fields.rows
        if row.convert.__name__ in ("_dropped", "_taken", "_not_given", "_not_done")
    }
    assert {row.target for row in plan.fields.rows} - dropped - {"_created_"} <= members
