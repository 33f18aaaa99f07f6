"""The matching rule by itself. Patients are written here; NHS numbers are of the 999 range."""

import itertools
import random

import pytest

from adapters.identity import CHI_NUMBER, NHS_NUMBER
from adapters.interface import Identifier
from gateway.records.kinship import partition
from gateway.records.match import compare, features_from_patient, is_placeholder

A, B, C = "9990000018", "9990000026", "9990000034"


def patient(nhs=A, family="Okafor", given="Adaeze", birth="1980-05-17", source="gp", extra=(), **identifier):
    document = {
        "resourceType": "Patient",
        "id": "x",
        "identifier": [{"system": NHS_NUMBER, "value": nhs, **identifier}] if nhs else [],
        "name": [{"family": family, "given": [given] if given else []}],
        "birthDate": birth,
    }
    document["identifier"] += [{"system": s, "value": v} for s, v in extra]
    return features_from_patient(document, custodian="c", source=source)


def graded(a, b, **kw):
    kw.setdefault("allow_test_patients", True)
    one, other = compare(a, b, **kw), compare(b, a, **kw)
    assert one == other, "comparing is symmetric"
    return one.grade, one.reason


def test_our_numbers_have_right_check_digits():
    """The numbers of these tests are valid ones of the test range."""
    from adapters.identity import check_digit_holds

    assert all(check_digit_holds(NHS_NUMBER, n) for n in (A, B, C))


@pytest.mark.parametrize(
    ("other", "grade", "reason"),
    [
        ({}, "certain", "national-number"),
        ({"birth": "1980-05-18"}, "certain", "national-number"),
        ({"birth": "1980-05"}, "certain", "national-number"),
        ({"given": "Ada"}, "certain", "national-number"),
        ({"family": "OKAFÓR", "given": "A"}, "certain", "national-number"),
        ({"birth": "1980-06-18"}, "possible", "number-alone"),
        ({"birth": "1981"}, "possible", "number-alone"),
        ({"birth": None}, "possible", "number-alone"),
        ({"family": "Smith", "given": "Jo"}, "possible", "number-alone"),
        ({"family": "Smith", "given": "Jo", "birth": "1950-01-02"}, "certainly-not", "birth-date-two-parts-and-name"),
        ({"family": "Smith", "birth": "1950-01-02"}, "certainly-not", "birth-date-two-parts-and-name"),
        ({"nhs": B}, "certainly-not", "two-national-numbers"),
        ({"nhs": ""}, None, "nothing-shared"),
        ({"birth": "1900-01-01"}, "possible", "placeholder"),
        ({"family": "Unknown"}, "possible", "placeholder"),
        ({"use": "old"}, None, "nothing-shared"),
        ({"extension": [{"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
            "valueCodeableConcept": {"coding": [{"code": "02"}]}}]}, None, "nothing-shared"),
    ],
)  # fmt: skip
def test_the_certain_rule_row_by_row(other, grade, reason):
    """9b.1: same valid verified number, birth date equal or one part off, a name in common; vetoes beat it."""
    assert graded(patient(), patient(source="hospital", **other)) == (grade, reason)


def test_a_wrong_check_digit_links_nobody():
    """A number that is not valid says nothing about who somebody is."""
    assert graded(patient(nhs="9990000019"), patient(nhs="9990000019", source="h"))[0] is None


def test_test_ranges_link_only_where_allowed():
    """A 999 number links records only where test patients are allowed."""
    assert graded(patient(), patient(source="h"), allow_test_patients=False)[0] is None


def test_the_same_local_number_links_within_one_source_only():
    """An identifier of one authority links two Patients of the same source, and never across sources."""
    local = ("urn:example:mrn", "77")
    one = patient(nhs="", extra=[local], given="Adaeze")
    assert graded(one, patient(nhs="", extra=[local], given="A")) == ("certain", "same-source")
    assert graded(one, patient(nhs="", extra=[local], source="hospital"))[0] is None


def test_different_systems_are_no_contradiction():
    """A CHI number beside an NHS number is no veto."""
    other = patient(nhs="", source="h", extra=[(CHI_NUMBER, B), (NHS_NUMBER, A)])
    assert graded(patient(), other)[0] == "certain"


@pytest.mark.parametrize("value", ["9999999999", "0000000000", "999 999 9999", "-", "XXXX"])
def test_placeholders_are_no_identifiers(value):
    """One character repeated stands for "no number"."""
    assert is_placeholder(Identifier(NHS_NUMBER, value))
    assert graded(patient(nhs=value), patient(nhs=value, source="h"))[0] is None


@pytest.mark.parametrize(
    "document",
    [{}, {"name": "x", "identifier": {"a": 1}, "birthDate": 7}, {"name": [None, {"given": [1, None]}]},
     {"identifier": [None, {"system": 1, "value": 2}, {"system": NHS_NUMBER, "value": A, "extension": [7, {"url": None}]}]}],
)  # fmt: skip
def test_bad_shapes_are_absent_features(document):
    """Features never raise on data of a wrong shape."""
    features_from_patient(document, custodian="c", source="s")


def groups(people):
    named = {str(i): one for i, one in enumerate(people)}
    return {frozenset(id(named[i]) for i in g) for g in partition(named, allow_test_patients=True)}


def test_a_bridge_joins_its_two_sides():
    """A matches B and B matches C: one person, although A and C share no name."""
    a = patient(given="Ann", family="Li")
    b = patient(given="Ann", family="Wu", source="h")
    c = patient(given="Mei", family="Wu", source="s")
    assert graded(a, c)[0] == "possible"
    for people in itertools.permutations([a, b, c]):
        assert len(groups(people)) == 1


def test_a_group_with_a_contradiction_is_no_group():
    """If two of a chain are vetoed nobody of the chain is linked, in any order."""
    a = patient(given="Ann", family="Li", birth="1980-05-17")
    b = patient(given="Ann", family="Wu", birth="1980-05-18", source="h")
    c = patient(given="Mei", family="Wu", birth="1980-06-18", source="s")
    assert graded(a, c) == ("certainly-not", "birth-date-two-parts-and-name")
    for people in itertools.permutations([a, b, c]):
        assert len(groups(people)) == 3


def test_order_never_matters():
    """For random crowds every order of arrival gives the same partition."""
    rng = random.Random(7)
    for _ in range(60):
        crowd = [
            patient(
                nhs=rng.choice([A, A, B, ""]),
                family=rng.choice(["Li", "Wu", "Ng"]),
                given=rng.choice(["Ann", "Mei"]),
                birth=rng.choice(["1980-05-17", "1980-05-18", "1981-06-19", None]),
                source=rng.choice("ghs"),
            )
            for _ in range(6)
        ]
        expected = groups(crowd)
        for _ in range(5):
            rng.shuffle(crowd)
            assert groups(crowd) == expected
