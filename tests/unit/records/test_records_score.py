"""The score by itself: what weighs how much, what it grades, and that it never makes anything certain."""

import csv
import itertools
import json
import random
from math import log2
from pathlib import Path

import pytest

from adapters.identity import NHS_NUMBER
from gateway.records import score as score_module
from gateway.records.kinship import partition
from gateway.records.match import compare, features_from_patient
from gateway.records.score import POSSIBLE, PROBABLE, grade, levels

FOLDER = Path(score_module.__file__).parent
HOME = {"line": ["1 Weir Street"], "postalCode": "XX1 1XX"}
FULL = {
    "gender": "female",
    "address": [HOME],
    "telecom": [{"system": "phone", "value": "0113 496 0001"}, {"system": "email", "value": "A@x.example"}],
}


def rows(name):
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def patient(nhs="", family="Okafor", given="Adaeze", birth="1980-05-17", source="gp", **document):
    named = {"identifier": [{"system": NHS_NUMBER, "value": nhs}] if nhs else []}
    named |= {"name": [{"family": family, "given": [given]}], "birthDate": birth}
    return features_from_patient(named | document, custodian="c", source=source)


def graded(a, b):
    one, other = (grade(x, y, allow_test_patients=True) for x, y in ((a, b), (b, a)))
    assert one == other, "grading is symmetric"
    return one


def test_the_tables_are_probabilities_in_their_order():
    """0 < m, u <= 1; of each field `equal` weighs most and `differing` weighs against; names are folded."""
    weights = {(r["field"], r["level"]): log2(float(r["m"]) / float(r["u"])) for r in rows("match_weights")}
    assert all(0 < float(r[k]) <= 1 for r in rows("match_weights") for k in "mu")
    for field in {field for field, _ in weights} - {"identifier"}:
        mine = [weights.get((field, level)) for level in ("equal", "coarse", "close", "differing")]
        known = [one for one in mine if one is not None]
        assert known == sorted(known, reverse=True) and known[0] > 0 > known[-1], field
    names = [(r["field"], r["name"]) for r in rows("match_names")]
    assert names == sorted(set(names))
    assert all(name == name.casefold() and name.isalpha() for _, name in names)


@pytest.mark.parametrize(
    ("other", "grade_"),
    [
        ({}, "probable"),
        ({"birth": "1980-05-18"}, "probable"),
        ({"birth": "1908-05-17"}, "probable"),
        ({"given": "A"}, "probable"),
        ({"family": "Okafor-Bell"}, "probable"),
        ({"given": "Chidi", "address": [], "telecom": []}, "possible"),
        ({"birth": "1955-02-03"}, "possible"),
        ({"family": "Marsh", "given": "Bo", "birth": "1980-05-17", "telecom": [], "address": []}, None),
        ({"family": "Marsh", "given": "Bo", "birth": "1931-02-03"}, "certainly-not"),
        ({"birth": "1900-01-01"}, "possible"),
        ({"given": "Chidi"}, "certainly-not"),
    ],
)
def test_grades_row_by_row(other, grade_):
    """Without a shared number: one slip is still probable, another birth date only possible, vetoes first."""
    made = graded(patient(**FULL), patient(source="h", **FULL | other))
    assert made.grade == grade_
    assert (made.reason == "score") == (made.veto is None and grade_ is not None)


def test_names_and_a_birth_date_are_probable_and_names_alone_are_not():
    """A common name needs its birth date; a rare one with a birth date stands out further."""
    common, rare = ({"family": "Smith", "given": "Mary"}, {"family": "Wardless", "given": "Winifred"})
    assert graded(patient(**common), patient(source="h", **common)).grade == "probable"
    assert graded(patient(birth="", **common), patient(birth="", source="h", **common)).grade is None
    assert graded(patient(birth="", **rare), patient(birth="", source="h", **rare)).grade == "possible"


def test_a_rarer_name_weighs_more():
    """Smith less than Roberts less than a name that is on no list; by the share of people who bear it."""
    scores = [
        graded(patient(family=name), patient(family=name, source="h")).score
        for name in ("Smith", "Roberts", "Wardless")
    ]
    assert scores == sorted(scores) and len(set(scores)) == 3


def test_of_several_equal_names_the_rarest_counts():
    """Mary Winifred and Winifred Mary agree in Winifred."""
    both = [{"family": "Smith", "given": ["Mary", "Winifred"]}]
    one = [{"family": "Smith", "given": ["Winifred"]}]
    alike = graded(patient(name=both), patient(name=both, source="h")).score
    assert alike == graded(patient(name=one), patient(name=one, source="h")).score


def test_a_household_counts_once():
    """Address, telephone and e-mail of a family say one thing, not three."""
    sister = {"given": "Ngozi", "birth": "1984-11-02", "source": "h"}
    with_all = graded(patient(**FULL), patient(**FULL | sister))
    telephone = {"telecom": FULL["telecom"][:1], "gender": "female"}
    with_one = graded(patient(**telephone), patient(**telephone | sister))
    assert with_all.grade in ("possible", "certainly-not", None) and with_all.grade != "probable"
    assert 0 <= with_all.score - with_one.score < 1


def test_missing_weighs_nothing():
    """What one of two does not say neither helps nor hurts."""
    bare = patient()
    fields = levels(bare, patient(source="h", **FULL))
    assert [fields[name] for name in ("gender", "postcode", "phone", "email")] == ["missing"] * 4
    assert graded(bare, patient(source="h", **FULL)).score == graded(bare, patient(source="h")).score


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("1980-05-17", "1980-05-17", "equal"),
        ("1980-05-17", "1980-05", "coarse"),
        ("1980-05", "1980", "coarse"),
        ("1980-05", "1980-06", "differing"),
        ("1980-05-17", "1981-05-17", "close"),
        ("1980-05-12", "1980-12-05", "close"),
        ("1980-05-17", "1980-05-71", "close"),
        ("1981-01-17", "1980-11-17", "close"),
        ("1980-05-17", "1981-06-17", "differing"),
        ("1980-05-17", "", "missing"),
    ],
)
def test_birth_dates(one, other, level):
    """Equal, coarse, exchanged or one part off, differing; across a hyphen too."""
    assert levels(patient(birth=one), patient(birth=other))["birthDate"] == level


def test_features_are_normalised():
    """Country codes, blanks, case, marks; what stands for none is not there."""
    made = patient(
        name=[{"family": "van der  Bérg"}, {"family": "O'Neil", "given": ["Zoë"], "use": "maiden"}],
        telecom=[
            {"system": "phone", "value": "+44 113 496 0001"},
            {"system": "phone", "value": "0000000000"},
            {"system": "phone", "value": "0113 496 0002", "use": "old"},
            {"system": "email", "value": " A@X.example "},
            None,
        ],
        address=[
            {"postalCode": "xx1 1xx"},
            {"postalCode": "ZZ99 3VZ"},
            {"line": [None, "1 Weir St"], "city": "Y"},
        ],
        gender="unknown",
        multipleBirthInteger=2,
    )
    assert made.family == {"vanderberg", "oneil"} and made.given == {"zoe"}
    assert made.phones == {"134960001"} and made.emails == {"a@x.example"}
    assert made.postcodes == {"XX11XX"} and made.homes == {"1weirst|y"}
    assert made.gender == "" and made.multiple is True
    assert levels(made, patient(telecom=[{"system": "sms", "value": "01134960001"}]))["phone"] == "equal"


@pytest.mark.parametrize("wrong", [7, "x", None, {}, [7], [[]], [{"value": 7}], True])
def test_bad_shapes_are_absent(wrong):
    """Features never raise on data of a wrong shape."""
    names = "name identifier birthDate gender address telecom link meta deceasedDateTime multipleBirthInteger".split()
    made = features_from_patient(dict.fromkeys(names, wrong), custodian="c", source="s")
    assert graded(made, made).grade != "certain"


def crowd(rng, size):
    for _ in range(size):
        yield patient(
            nhs=rng.choice(["9990000018", "9990000026", "", ""]),
            family=rng.choice(["Li", "Smith", "Okafor", "Okafor-Bell"]),
            given=rng.choice(["Ann", "Anna", "Mei", "A"]),
            birth=rng.choice(["1980-05-17", "1980-05-18", "1980-05", "1981-06-19", ""]),
            source=rng.choice("gh"),
            gender=rng.choice(["male", "female", "unknown"]),
            address=[HOME] if rng.random() < 0.5 else [],
            multipleBirthBoolean=rng.choice([True, False]),
        )


@pytest.mark.parametrize("seed", range(3))
def test_the_score_is_symmetric_and_never_certain(seed):
    """For any two: the same either way; certain and certainly-not exactly where the rule says so."""
    for a, b in itertools.combinations(crowd(random.Random(seed), 40), 2):
        made, ruled = graded(a, b), compare(a, b, allow_test_patients=True)
        assert (made.grade == "certain") == (ruled.grade == "certain")
        assert made.veto == ruled.veto
        if ruled.grade is None:
            assert made.grade == (
                "probable"
                if made.score >= PROBABLE and made.fields["birthDate"] != "differing"
                else "possible"
                if made.score >= POSSIBLE
                else None
            )
        else:
            assert made.grade == ruled.grade


def groups_of(people):
    """Groups of indexes that are one person each."""
    named = {str(n): one for n, one in enumerate(people)}
    return [[int(name) for name in group] for group in partition(named, allow_test_patients=True)]


@pytest.mark.parametrize("seed", range(3))
def test_who_is_one_person_does_not_depend_on_order(seed):
    """With all features, and all vetoes: every order gives the same groups, all joined by certain pairs."""
    rng = random.Random(100 + seed)
    people = list(crowd(rng, 8))
    expected = {frozenset(id(people[i]) for i in g) for g in groups_of(people)}
    for _ in range(10):
        rng.shuffle(people)
        found = groups_of(people)
        assert {frozenset(id(people[i]) for i in g) for g in found} == expected
        for group in found:
            for i in group if len(group) > 1 else ():
                pairs = [
                    compare(people[i], people[j], allow_test_patients=True).grade for j in group if j != i
                ]
                assert "certain" in pairs


def test_the_result_is_plain_data():
    """Grade, score, fields and veto go into an answer as they are; no value of a patient is among them."""
    made = graded(patient(**FULL), patient(source="h", **FULL))
    text = json.dumps({"grade": made.grade, "score": made.score, "fields": made.fields, "veto": made.veto})
    assert not any(word in text.lower() for word in ("okafor", "adaeze", "1980", "weir", "496"))
