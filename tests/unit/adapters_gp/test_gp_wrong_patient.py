"""Whose record it is, before anything of it enters one."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from adapters.gp.normaliser import stated_identifiers
from adapters.interface import Identifier, SourceBatch

Normalise = Callable[..., SourceBatch]
Only = Callable[[SourceBatch, str], dict[str, Any]]
NHS = "https://fhir.nhs.uk/Id/nhs-number"
NUMBER, OTHER = "9990000018", "9990000026"


def _quarantined(batch: SourceBatch, reason: str) -> bool:
    """Nothing leaves a quarantined batch, and all of its values are on one line."""
    assert batch.quarantine == reason
    assert (batch.resources, batch.provenance) == ((), None)
    assert batch.losses.balanced
    (line,) = batch.losses.entries
    return (line.items, line.disposition, line.reason) == (batch.losses.total, "failed", reason)


def test_the_number_asked_for_is_accepted(normalise: Normalise, record: list[dict[str, Any]]) -> None:
    """The record of the person asked for comes through, also with blanks in the number."""
    record[0]["identifier"][0]["value"] = "999 000 0018"
    batch = normalise(*record, asked=NUMBER)
    assert batch.quarantine is None
    assert {"system": NHS, "value": NUMBER}.items() <= batch.resources[0]["identifier"][0].items()


def test_another_persons_record_is_quarantined(normalise: Normalise, record: list[dict[str, Any]]) -> None:
    """A valid record with another NHS number than asked: nothing of it is mapped."""
    assert _quarantined(normalise(*record, asked=OTHER), "wrong-patient")


def test_a_second_person_in_the_answer_quarantines_it(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """One Patient too many is enough, whoever the first one is."""
    second = {**record[0], "id": "p_2", "identifier": [{"system": NHS, "value": OTHER}]}
    assert _quarantined(normalise(*record, second, asked=NUMBER), "wrong-patient")


def test_a_patient_without_the_number_is_not_taken_on_trust(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """Who cannot be checked is not the one asked for."""
    del record[0]["identifier"]
    assert _quarantined(normalise(*record, asked=NUMBER), "wrong-patient")


def test_a_list_about_somebody_else_quarantines_the_answer(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """Lists name their subject by NHS number alone: that counts as much as a Patient."""
    record[5]["subject"] = {"identifier": {"system": NHS, "value": OTHER}}
    assert _quarantined(normalise(*record, asked=NUMBER), "wrong-patient")


def test_an_entry_about_an_unknown_patient_fails_alone(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """A subject that the answer holds nothing about may be anybody: that entry stays out, its siblings stay."""
    record[10]["subject"] = {"reference": "Patient/somebody"}
    batch = normalise(*record, asked=NUMBER)
    assert "Condition" not in {made["resourceType"] for made in batch.resources}
    assert [e.position for e in batch.losses.entries if e.reason == "wrong-patient"] == [
        "Bundle.entry[10].resource"
    ]
    assert batch.losses.balanced


def test_a_record_that_nobody_asked_for_is_accepted(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """`carepact normalise` asks for nobody: whose record it is, the record says."""
    assert normalise(*record).quarantine is None


def test_a_missing_patient_is_made_from_the_request(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """An answer that refers to one Patient and sends none: the one asked for, and said so."""
    batch = normalise(*record[1:], asked=NUMBER)
    patient = only(batch, "Patient")
    assert {"system": NHS, "value": NUMBER} in patient["identifier"]
    assert patient["meta"]["tag"] == [{"system": "urn:carepact:assumed", "code": "patient"}]
    assert only(batch, "Condition")["subject"] == {"reference": f"Patient/{patient['id']}"}
    assert "patient" in {e.reason for e in batch.losses.entries if e.disposition == "assumed"}


def test_two_missing_patients_are_not_merged_into_one(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """Asked for one, told about two, neither of whom is there: quarantined."""
    record[10]["subject"] = {"reference": "Patient/somebody"}
    assert _quarantined(normalise(*record[1:], asked=NUMBER), "no-patient")
    fragments = normalise(*record[1:])
    assert len([made for made in fragments.resources if made["resourceType"] == "Patient"]) == 2


def test_a_wrong_check_digit_links_nobody(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """A number with a wrong check digit is an identifier of the source alone (remark `check-digit`)."""
    record[0]["identifier"][0]["value"] = "9990000019"
    batch = normalise(*record)
    assert NHS not in {i["system"] for i in only(batch, "Patient")["identifier"]}
    assert "check-digit" in {e.reason for e in batch.losses.entries}


@pytest.mark.parametrize("number", ["9990000018"])
def test_list_subject_by_number_is_the_patient(
    normalise: Normalise, only: Only, record: list[dict[str, Any]], number: str
) -> None:
    """A subject named by the patient's own number becomes a reference to the Patient of the answer."""
    record[5]["subject"] = {"identifier": {"system": NHS, "value": number}}
    batch = normalise(*record, asked=number)
    assert only(batch, "List")["subject"]["reference"] == f"Patient/{only(batch, 'Patient')['id']}"


def test_a_record_states_whom_it_is_about(record: list[dict[str, Any]]) -> None:
    """The identifiers of a file's own Patient, as they came: what a source can be asked by about it."""
    record[0]["identifier"][0]["value"] = "not a number"
    body = json.dumps({"resourceType": "Bundle", "entry": [{"resource": entry} for entry in record]}).encode()
    assert stated_identifiers(body) == ((Identifier(NHS, "not a number".replace(" ", "")),),)
    assert stated_identifiers(b"{") == ()
