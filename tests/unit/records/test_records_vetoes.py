"""Named vetoes: what keeps two Patients apart although a number, or nearly everything, agrees."""

import itertools

import pytest

from adapters.identity import NHS_NUMBER
from gateway.records.kinship import partition
from gateway.records.match import VETOES, compare, features_from_patient

A, B = "9990000018", "9990000026"
HOME = [{"line": ["1 Weir Street"], "city": "Harbour Town", "postalCode": "XX1 1XX"}]


def patient(nhs=A, family="Okafor", given="Adaeze", birth="1980-05-17", source="gp", **document):
    named = {"identifier": [{"system": NHS_NUMBER, "value": nhs}] if nhs else []}
    named |= {"name": [{"family": family, "given": [given]}], "birthDate": birth}
    return features_from_patient(named | document, custodian="c", source=source)


def vetoed(a, b):
    one, other = (compare(x, y, allow_test_patients=True) for x, y in ((a, b), (b, a)))
    assert one == other, "a veto is symmetric"
    assert one.grade == VETOES[one.veto] if one.veto else one.grade in ("certain", "possible", None)
    return one.veto


def test_every_veto_has_its_row():
    """`certainly-not` or at most `possible`, by table; none leaves `certain` or `probable`."""
    assert set(VETOES.values()) == {"certainly-not", "possible"} and len(VETOES) == 7


def test_twins_are_two_people():
    """Same family, day and home, another given name: certainly not, though the score would be high."""
    twin = patient(nhs="", given="Chidi", source="h", address=HOME)
    assert vetoed(patient(nhs="", address=HOME), twin) == "twins"
    assert vetoed(patient(nhs=A, address=HOME), twin) == "twins"


@pytest.mark.parametrize(
    "other",
    [
        {"given": "Ada"},
        {"given": "A"},
        {"given": "Adaezee"},
        {"given": "Chidi", "address": [{"line": ["2 Weir Street"], "postalCode": "XX1 1XX"}]},
        {"given": "Chidi", "birth": "1980-05"},
        {"given": "Chidi", "birth": "1980-05-18"},
        {"given": "Chidi", "family": "Marsh"},
    ],
)
def test_what_is_no_sign_of_twins(other):
    """A short form, a slip, another door, another day, another family."""
    assert (
        vetoed(patient(nhs="", address=HOME), patient(nhs="", source="h", **{"address": HOME} | other))
        is None
    )


def test_a_nickname_under_one_number_still_links():
    """Robert and Bob with one number, family, day and home are one person, unless a multiple birth is stated."""
    robert = patient(given="Robert", address=HOME)
    assert vetoed(robert, patient(given="Bob", source="h", address=HOME)) is None
    twin = patient(given="Bob", source="h", address=HOME, multipleBirthInteger=2)
    assert vetoed(robert, twin) == "twins"
    assert len(partition({"r": robert, "t": twin}, allow_test_patients=True)) == 2


def test_who_was_born_alone_has_no_twin():
    """`multipleBirthBoolean` false takes the suspicion away, true brings it back."""
    alone = patient(nhs="", given="Chidi", source="h", address=HOME, multipleBirthBoolean=False)
    assert vetoed(patient(nhs="", address=HOME), alone) is None
    assert vetoed(patient(nhs="", address=HOME, multipleBirthBoolean=True), alone) == "twins"


def test_another_sex_and_another_given_name_under_one_number():
    """Husband and wife, or a mistyped number: a person decides; either difference alone is no veto."""
    woman = patient(gender="female")
    assert vetoed(woman, patient(given="Chidi", gender="male", source="h")) == "sex-and-given-name"
    assert vetoed(woman, patient(gender="male", source="h")) is None
    assert vetoed(woman, patient(given="Chidi", gender="female", source="h")) is None
    assert vetoed(woman, patient(given="Chidi", gender="other", source="h")) is None
    assert vetoed(woman, patient(given="Chidi", gender="unknown", source="h")) is None


@pytest.mark.parametrize(
    ("said", "veto"),
    [
        ({"deceasedBoolean": False, "meta": {"lastUpdated": "2026-02-02T09:00:00Z"}}, "deceased-then-active"),
        ({"deceasedBoolean": False, "meta": {"lastUpdated": "2026-01-30T09:00:00Z"}}, None),
        ({"deceasedBoolean": False, "meta": {"lastUpdated": "2026-01-31T09:00:00Z"}}, None),
        ({"deceasedBoolean": False}, None),
        ({"deceasedBoolean": True}, None),
        ({"deceasedDateTime": "2026-02-02"}, None),
        ({}, None),
    ],
)
def test_who_lives_after_death_is_somebody_else(said, veto):
    """A statement after the day of death that the patient lives; an older or silent record is no contradiction."""
    dead = patient(deceasedDateTime="2026-01-31T23:10:00Z")
    assert vetoed(dead, patient(source="h", **said)) == veto


def test_a_record_that_was_merged_away_links_nobody_but_breaks_no_group():
    """Its number joins it to no other source; through its own source it stays with the rest, in any order."""
    old = patient(source="h", link=[{"type": "replaced-by", "other": {"reference": "Patient/new"}}])
    new = patient(source="h")
    people = [patient(), old, new, patient(source="s")]
    assert vetoed(people[0], old) == "merged-away"
    for order in itertools.permutations(people):
        groups = partition({str(n): one for n, one in enumerate(order)}, allow_test_patients=True)
        assert sorted(len(group) for group in groups) == [4]


def test_a_merged_record_alone_with_another_source_is_not_linked():
    """Its own source said that it is not the record to go by."""
    old = patient(source="h", link=[{"type": "replaced-by", "other": {"reference": "Patient/new"}}])
    assert len(partition({"p": patient(), "o": old}, allow_test_patients=True)) == 2
