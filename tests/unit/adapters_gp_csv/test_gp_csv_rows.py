"""Extracts: each row stands for itself, what it says arrives as R4, and what cannot be used is named by row."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from adapters import codec
from adapters.gp.csv.resources import MAPS
from adapters.gp.csv.targets import TARGETS
from adapters.interface import SourceBatch

Run = Callable[..., SourceBatch]
HEADER = "Entry,NHS number,Surname,Born,Problem code,Problem,Since,State,Test,Value,Unit,Taken,Printed by"
HYPERTENSION = "1,999 000 0018,Extracted,01/04/1956,38341003,Hypertension,2/1/2014,A,,,,,clerk"
SODIUM = "2,9990000018,Extracted,01/04/1956,,,,,Sodium,<141.10,mmol/L,03/07/2020 09:30,clerk"


def _of(batch: SourceBatch, kind: str) -> list[dict[str, Any]]:
    return [made for made in batch.resources if made["resourceType"] == kind]


def _lines(batch: SourceBatch) -> set[tuple[str, str, str]]:
    return {(entry.position, entry.disposition, entry.reason) for entry in batch.losses.entries}


def test_rows_of_one_person_become_one_patient_and_what_they_say(run: Run) -> None:
    """However her number is spaced, she is one; each row is a resource about her, with its own name kept."""
    batch = run(HYPERTENSION, SODIUM)
    (patient,) = _of(batch, "Patient")
    assert patient["identifier"][0] == {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}
    assert patient["birthDate"] == "1956-04-01" and patient["name"] == [{"family": "Extracted"}]
    (condition,) = _of(batch, "Condition")
    assert condition["code"]["coding"] == [{"system": "http://snomed.info/sct", "code": "38341003"}]
    assert condition["onsetDateTime"] == "2014-01-02"
    assert condition["clinicalStatus"]["coding"][0]["code"] == "active"
    assert condition["subject"] == {"reference": f"Patient/{patient['id']}"}
    assert condition["identifier"][0]["value"] == "1"
    assert batch.quarantine is None and batch.provenance is not None
    assert {"policy", "target"} <= batch.provenance.keys()


def test_numbers_keep_their_digits_and_times_get_the_zone_of_the_map(run: Run) -> None:
    """1.10 leaves as 1.10, with its comparator; summer time is summer time; the guess of the zone is said."""
    (result,) = _of(run(SODIUM), "Observation")
    assert b'"value":141.10' in codec.encode(result)
    assert result["valueQuantity"]["comparator"] == "<"
    assert result["effectiveDateTime"] == "2020-07-03T09:30:00+01:00"
    assert {"system": "urn:carepact:assumed", "code": "zone"} in result["meta"]["tag"]
    assert ("2:12", "assumed", "zone") in _lines(run(SODIUM))


@pytest.mark.parametrize(
    ("row", "cell"),
    [
        (HYPERTENSION.replace("2/1/2014", "31/02/2014"), ("2:7", "rejected", "bad-date")),
        (HYPERTENSION.replace(",A,", ",maybe,"), ("2:8", "rejected", "bad-code")),
        (SODIUM.replace("<141.10", "about 141"), ("2:10", "rejected", "bad-number")),
        (SODIUM.replace("<141.10", "NaN"), ("2:10", "rejected", "bad-number")),
        (HYPERTENSION.replace("01/04/1956", "01/04/1956 10:00"), ("2:4", "rejected", "bad-date")),
    ],
)
def test_a_bad_cell_fails_its_row_and_the_file_goes_on(run: Run, row: str, cell: Any) -> None:
    """The cell is named by row and column, the rest of its row by row; the next row arrives."""
    batch = run(row, "9" + SODIUM[1:])
    assert {cell, ("2", "failed", "unreadable")} <= _lines(batch)
    assert len(_of(batch, "Observation")) == 1 and not _of(batch, "Condition")
    assert batch.losses.balanced and batch.losses.status == "partial"
    assert {entry.unit for entry in batch.losses.entries if entry.disposition == "failed"} == {2}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("5,9990000018,Extracted", "unreadable"),
        (HYPERTENSION + ",one more", "unreadable"),
        ('5,"9990000018,Extracted,01/04/1956,,x,,,,,,,', "unreadable"),
        ("5,,Nobody,01/04/1956,38341003,Hypertension,,,,,,,", "no-patient"),
        ("5,9990000018,Extracted,01/04/1956,,,2/1/2014,A,,,,,", "unreadable"),
    ],
)
def test_a_row_that_cannot_be_used_is_one_bad_row(run: Run, row: str, reason: str) -> None:
    """Too short, too long, a quote that is never closed, nobody's, nameless: the rows after it arrive."""
    batch = run(row, SODIUM, HYPERTENSION)
    assert ("2", "failed", reason) in _lines(batch)
    assert len(_of(batch, "Observation")) == len(_of(batch, "Condition")) == 1
    assert batch.losses.balanced


def test_undecodable_bytes_cost_their_row_alone(run: Run) -> None:
    """A byte that is not of the encoding: that row fails, others do not, and nothing is guessed."""

    body = "\n".join((HEADER, HYPERTENSION.replace("Hypertension", "Caf\xe9"), SODIUM)).encode("latin-1")
    batch = run(body=body)
    assert ("2", "failed", "unreadable") in _lines(batch)
    assert len(_of(batch, "Observation")) == 1 and not _of(batch, "Condition")


def test_a_row_said_twice_counts_once(run: Run) -> None:
    """Word for word the same: listed as duplicate. The same name with other words: both stand, told apart."""
    batch = run(HYPERTENSION, HYPERTENSION)
    assert len(_of(batch, "Condition")) == 1
    assert ("3", "not-mapped", "duplicate") in _lines(batch)
    differing = run(HYPERTENSION, HYPERTENSION.replace("Hypertension", "High pressure"))
    ids = {made["id"] for made in _of(differing, "Condition")}
    assert len(ids) == 2 and ("3", "assumed", "no-key") in _lines(differing)
    assert _of(run(HYPERTENSION), "Condition")[0]["id"] in ids


def test_rows_that_contradict_each_other_are_nobodys(run: Run) -> None:
    """One key, two birth dates: none of its rows enters a record, and asked for her, the answer is refused."""
    other = SODIUM.replace("01/04/1956", "02/04/1956")
    batch = run(HYPERTENSION, other, SODIUM.replace("9990000018", "9990000026"))
    assert [p["identifier"][0]["value"] for p in _of(batch, "Patient")] == ["9990000026"]
    assert {("2", "failed", "wrong-patient"), ("3", "failed", "wrong-patient")} <= _lines(batch)
    assert run(HYPERTENSION, other, asked="9990000018").quarantine == "wrong-patient"


def test_an_answer_about_somebody_else_is_quarantined(run: Run) -> None:
    """Asked for one person, a row of another refuses the whole answer."""
    assert run(HYPERTENSION, asked="9990000018").quarantine is None
    refused = run(HYPERTENSION, asked="9990000026")
    assert refused.quarantine == "wrong-patient" and refused.resources == () and refused.losses.balanced


def test_a_number_with_a_wrong_check_digit_links_nobody(run: Run) -> None:
    """It stays, in the namespace of the source alone."""
    batch = run(HYPERTENSION.replace("999 000 0018", "9990000019"))
    systems = [one["system"] for one in _of(batch, "Patient")[0]["identifier"]]
    assert "https://fhir.nhs.uk/Id/nhs-number" not in systems
    assert ("2", "altered", "check-digit") in _lines(batch)


def test_ignored_and_unknown_columns_are_listed(run: Run) -> None:
    """What the map leaves out is a line each: nothing is lost without one."""

    batch = run(HYPERTENSION + ",extra", header=HEADER + ",New")
    assert {("2", "not-mapped", "policy"), ("2:14", "not-mapped", "no-target")} <= _lines(batch)


def test_the_same_extract_gives_the_same_bytes(run: Run) -> None:
    """Ids rest on names, not on places: another order of rows changes no id."""
    one, two = run(HYPERTENSION, SODIUM), run(HYPERTENSION, SODIUM)
    assert codec.encode(one.resources) == codec.encode(two.resources)
    turned = run(SODIUM, HYPERTENSION)
    assert {made["id"] for made in turned.resources} == {made["id"] for made in one.resources}


_FILLED = {
    "nhs": "9990000018", "text": "words", "token": "c1", "time": "02/01/2014", "date": "02/01/2014", "number": "1.50",
    "whole": "2",
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(MAPS))
def test_every_target_of_a_kind_arrives_in_valid_r4(run: Run, kind: str) -> None:
    """A row with every cell of its kind filled: its R4 model takes it, and a token in each cell is found."""
    mine = {name: target for name, target in TARGETS.items() if target.kind in (kind, "patient")}
    columns = "".join(f'"{name}" = "{name}"\n' for name in mine)
    systems = "".join(
        f'"{name}" = "urn:x:{target.field}"\n' for name, target in mine.items() if target.type == "token"
    )
    text = f'dates = "dmy"\npatient = ["patient.nhs-number"]\n[columns]\n{columns}[systems]\n{systems}'
    cells = [
        sorted(target.choices - {"entered-in-error"})[0] if target.choices else _FILLED[target.type]
        for target in mine.values()
    ]
    batch = run(",".join(cells), text=text, header=",".join(mine))
    assert len(batch.resources) == 2 and batch.losses.balanced
    for made in batch.resources:
        get_fhir_model_class(made["resourceType"]).model_validate_json(codec.encode(made))
    assert [made["meta"]["security"][0]["code"] for made in batch.resources] == ["c1", "c1"]
    lost = {entry.position for entry in batch.losses.entries if entry.disposition == "not-mapped"}
    issued = f"2:{list(mine).index('result.issued') + 1}" if kind == "result" else None
    assert lost <= {issued}
    assert "words" in json.dumps(batch.resources[1], default=str)
