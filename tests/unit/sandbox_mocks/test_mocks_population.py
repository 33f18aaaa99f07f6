"""The synthetic population: reproducible, with valid test numbers, and doing what the names say."""

from datetime import date

import pytest

from gateway.sandbox.mocks.cda_document import document_of
from gateway.sandbox.mocks.gp_record import record_of
from gateway.sandbox.mocks.hospital_messages import messages_of
from gateway.sandbox.mocks.jsontext import encode_json
from gateway.sandbox.mocks.population import Population, disguise, is_nhs_number, nhs_number

TODAY = date(2026, 11, 22)
EVERYTHING = {
    "includeAllergies": {"includeResolvedAllergies": True},
    "includeMedication": {},
    "includeProblems": {},
    "includeImmunisations": {},
    "includeInvestigations": {},
    "includeConsultations": {},
}


def rendered(population):
    """All bytes that the three providers would give for this population."""
    found = []
    for patient in population.patients:
        if patient.gp is not None:
            found.append(encode_json(record_of(patient, patient.gp, EVERYTHING, population.today)))
        if patient.hospital is not None:
            found += [m.body for m in messages_of(patient, patient.hospital, population.seed)]
        found += [document_of(patient.person, letter) for letter in patient.letters]
    return found


def test_same_seed_and_day_give_the_same_bytes():
    """Two populations of one seed and day render byte for byte alike at all three providers."""
    assert rendered(Population(7, TODAY, records=20)) == rendered(Population(7, TODAY, records=20))


def test_another_seed_gives_other_names_and_the_same_numbers():
    """The seed changes who people are, never their NHS number: scenarios may name it."""
    first, second = Population(7, TODAY), Population(8, TODAY)
    pairs = list(zip(first.patients, second.patients, strict=True))
    assert all(a.person.nhs_number == b.person.nhs_number for a, b in pairs)
    assert sum(a.person.family != b.person.family for a, b in pairs) >= len(pairs) - 2


def test_numbers_are_of_the_test_range_with_a_right_check_digit():
    """Every number is a 999 one, valid by modulus 11, and nobody shares one."""
    numbers = [p.person.nhs_number for p in Population(7, TODAY, records=5).patients]
    assert all(n.startswith("999") and is_nhs_number(n) for n in numbers)
    assert len(set(numbers)) == len(numbers)


def test_the_full_record_has_the_published_number():
    """patient_with_full_record is 9990000018, as the handbook says."""
    assert Population(7, TODAY).find("patient_with_full_record").person.nhs_number == "9990000018"


def test_a_serial_without_check_digit_is_refused():
    """Modulus 11 leaves gaps: a serial in one makes no number, rather than a wrong one."""
    gaps = []
    for serial in range(1, 100):
        try:
            assert is_nhs_number(nhs_number(serial))
        except ValueError:
            gaps.append(serial)
    assert gaps


@pytest.mark.parametrize("text", ["9990000019", "999000001", "99900000180", "99900000١8", ""])
def test_wrong_numbers_are_told_apart(text):
    """A wrong digit, a wrong length and digits of another script are no NHS numbers."""
    assert not is_nhs_number(text)


def test_full_record_is_known_everywhere_with_psychiatry_at_each():
    """The demo withdraws consent for psychiatry: each of the three has marked and unmarked facts."""
    counts = Population(7, TODAY).find("patient_with_full_record").counts()
    assert set(counts) == {"gp", "hospital", "specialist"}
    for found in counts.values():
        assert 8 <= found["facts"] <= 15
        assert 0 < found["marked"] < found["facts"]


def test_unknown_everywhere_has_a_number_and_no_record():
    """She can be asked for, and nobody knows her."""
    patient = Population(7, TODAY).find("patient_unknown_everywhere")
    assert is_nhs_number(patient.person.nhs_number)
    assert patient.counts() == {}


@pytest.mark.parametrize("count", [1, 3, 60, 200])
def test_records_for_measuring_are_as_many_as_asked(count):
    """patient_with_<n>_records has n facts at each of the three providers."""
    patient = Population(7, TODAY, records=count).find(f"patient_with_{count}_records")
    assert {found["facts"] for found in patient.counts().values()} == {count}
    assert len(patient.counts()) == 3


def test_dates_follow_the_day_of_the_sandbox():
    """A later sandbox day moves the facts: nothing lies in its future."""
    early = Population(7, date(2026, 1, 1)).find("patient_with_full_record")
    late = Population(7, TODAY).find("patient_with_full_record")
    assert early.gp.visits[0].start < late.gp.visits[0].start
    assert all(v.start[:10] <= "2026-01-01" for v in early.gp.visits + early.hospital.visits)


def test_disguise_changes_the_numbers_alone():
    """A record under a wrong number still names the person whose record it is."""
    population = Population(7, TODAY)
    asked = population.find("patient_with_full_record")
    other = population.find("patient_with_conflicting_allergy")
    shown = disguise(other, asked)
    assert shown.person.nhs_number == asked.person.nhs_number
    assert (shown.person.family, shown.person.born) == (other.person.family, other.person.born)
    assert shown.gp == other.gp
