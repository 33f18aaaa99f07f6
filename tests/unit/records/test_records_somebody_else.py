"""When one record of a source suddenly says somebody else, and when it merely says it better."""

import pytest

from gateway.records.match import features_from_patient, is_somebody_else


def said(family="Kindlemere", given="Avis", birth="1971-02-03"):
    """What a hospital says of its patient number 7."""
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": "https://st-brides.example/id/mrn", "value": "7"}],
        "name": [{"family": family, "given": [given]}],
        "birthDate": birth,
    }
    return features_from_patient(patient, custodian="st-brides.example", source="adt")


def test_no_name_in_common_and_another_birth_date_is_somebody_else():
    """The message is another person's, filed under her number; it looks the same from both sides."""
    other = said("Hollin", "Tobias", "1948-08-17")
    assert is_somebody_else(said(), other)
    assert is_somebody_else(other, said())


@pytest.mark.parametrize(
    "later",
    [
        said(family="Marlow"),
        said(given="Avie"),
        said(birth="1948-08-17"),
        said(family="Kindelmere", birth="1971-03-02"),
        said("Marlow", "Avie"),
        said("Marlow", "Avie", "1971-02-04"),
        said("Marlow", "Avie", "1971"),
        said("Marlow", "Avie", ""),
    ],
    ids=[
        "married",
        "spelling",
        "birth-date",
        "spelling-and-swap",
        "both-names",
        "one-part",
        "coarser",
        "without",
    ],
)
def test_a_correction_is_not_somebody_else(later):
    """Each of these is how one person's record is corrected: it must not be shut out."""
    assert not is_somebody_else(said(), later)


def test_who_stood_for_nobody_may_become_anybody():
    """An unconscious admission is registered as unknown and named later."""
    assert not is_somebody_else(said("UNKNOWN", "MALE", "1900-01-01"), said())
    assert not is_somebody_else(said(), said("UNKNOWN", "MALE", "1900-01-01"))
