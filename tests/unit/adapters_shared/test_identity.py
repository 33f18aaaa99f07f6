"""Identifiers: check digits by the published rules, deterministic ids, namespaces of a source."""

import pytest

from adapters.identity import (
    CHI_NUMBER,
    HSC_NUMBER,
    IHI_NUMBER,
    NHI_NUMBER,
    NHS_NUMBER,
    US_SSN,
    check_digit_holds,
    is_fhir_id,
    is_national,
    local_system,
    meta_source,
    national_number,
    resource_id,
)
from adapters.terminology.tables import checked_identifiers

KEY = b"k" * 32


@pytest.mark.parametrize("system", [NHS_NUMBER, CHI_NUMBER, HSC_NUMBER])
@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ("9990000018", True),
        ("9990000026", True),
        ("9990000000", False),
        ("9990000019", False),
        ("999 000 0018", False),
        ("999000001", False),
        ("99900000180", False),
        ("999000001X", False),
        ("", False),
        ("٩٩٩٠٠٠٠٠١٨", False),
    ],
)
def test_ten_digits_modulus_eleven(system, value, holds):
    """NHS, CHI and HSC numbers: ten digits, weights 10 to 2, check 10 is invalid; nothing but digits."""
    assert check_digit_holds(system, value) is holds


def test_a_check_of_ten_is_never_valid():
    """No last digit makes a number valid whose check would be 10; others have exactly one."""
    for body in range(999000000, 999000300):
        weighted = sum(int(d) * w for d, w in zip(str(body), range(10, 1, -1), strict=True))
        valid = [d for d in range(10) if check_digit_holds(NHS_NUMBER, f"{body}{d}")]
        check = (11 - weighted % 11) % 11
        assert valid == ([] if check == 10 else [check])


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ("ZSC21TN", True),
        ("ZVB97XQ", True),
        ("WLD9413", True),
        ("ZZZ00AA", False),
        ("ZZZ0044", False),
        ("zsc21tn", False),
        ("ZIC21TN", False),
        ("ZSC21T", False),
    ],
)
def test_nhi_old_and_new_form(value, holds):
    """NHI: mod 11 for AAANNNC, mod 23 for AAANNAX, letters without I and O."""
    assert check_digit_holds(NHI_NUMBER, value) is holds


@pytest.mark.parametrize(
    ("value", "holds"), [("8003608166690503", True), ("8003608166690504", False), ("8003600000000000", False)]
)
def test_ihi_by_luhn(value, holds):
    """IHI: 16 digits from 800360, Luhn."""
    assert check_digit_holds(IHI_NUMBER, value) is holds


@pytest.mark.parametrize(
    ("system", "value"),
    [
        ("http://fhir.nl/fhir/NamingSystem/bsn", "999990019"),
        ("http://electronichealth.se/identifier/personnummer", "198112289874"),
        ("http://fhir.health.gov.il/identifier/il-national-id", "000000018"),
        ("http://hl7.it/sid/codiceFiscale", "RSSMRA80A01H501U"),
        ("http://rnds.saude.gov.br/fhir/r4/NamingSystem/cpf", "39053344705"),
        ("https://fhir.infoway-inforoute.ca/NamingSystem/ca-bc-patient-healthcare-id", "9698658215"),
        ("https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin", "85073003328"),
        ("urn:oid:1.2.246.21", "131052-308T"),
        ("urn:oid:1.2.250.1.213.1.4.8", "255081416802538"),
        ("urn:oid:1.2.40.0.10.1.4.3.1", "1237010180"),
        ("urn:oid:2.16.578.1.12.4.1.4.1", "01015010033"),
        ("urn:oid:2.16.756.5.32", "7569217076985"),
        ("urn:oid:2.16.840.1.113883.3.4424.1.1.616", "44051401359"),
    ],
)
def test_other_countries_numbers(system, value):
    """Fictional numbers as published hold; with another last digit they do not; such systems are national."""
    assert is_national(system) and check_digit_holds(system, value) is True
    signs = "0123456789" if value[-1].isdigit() else "ABCDEFGHJKLMNPRSTUVWXY"
    held = [sign for sign in signs if check_digit_holds(system, value[:-1] + sign)]
    assert held == [value[-1]]


def test_a_belgian_number_of_this_century_is_checked_with_a_2():
    """97 minus the remainder of 2 before the nine digits."""
    body = "010203004"
    value = f"{body}{97 - int('2' + body) % 97:02d}"
    assert check_digit_holds("https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin", value)


@pytest.mark.parametrize("value", ["", "x", "123", "٩" * 10, "1" * 400, "9990000018\n"])
def test_no_value_breaks_a_check(value):
    """Whatever comes in the place of a number has no check digit that holds, and raises nothing."""
    for system in checked_identifiers():
        assert check_digit_holds(system, value) is False


@pytest.mark.parametrize(
    ("system", "written", "number"),
    [
        (NHS_NUMBER, "999 000 0018", "9990000018"),
        (NHS_NUMBER, " 999-000-0018 ", "9990000018"),
        (NHS_NUMBER, "9990000019", None),
        (NHI_NUMBER, "zsc21tn", "ZSC21TN"),
        ("urn:oid:1.2.246.21", "131052-308t", "131052-308T"),
        ("urn:oid:2.16.756.5.32", "756.9217.0769.85", "7569217076985"),
        ("urn:oid:1.2.3", "1", None),
    ],
)
def test_a_number_is_taken_however_it_is_written(system, written, number):
    """Separators go where they are none of the number's own; a wrong one stays nobody's."""
    assert national_number(system, written) == number


def test_a_system_without_rule_is_neither_right_nor_wrong():
    """No rule known: None, and not national, so that it links nobody."""
    assert check_digit_holds("urn:oid:1.2.3", "1") is None
    assert not is_national("urn:oid:1.2.3") and not is_national(US_SSN) and is_national(NHS_NUMBER)


def test_ids_are_deterministic_legal_and_keyed():
    """26 characters of FHIR id; equal for equal input; another with another type, source, key or secret."""
    base = ("Patient", "clinic", "letters", "a|b")
    found = resource_id(KEY, *base)
    assert found == resource_id(KEY, *base) and len(found) == 26 and is_fhir_id(found)
    others = {
        resource_id(b"x" * 32, *base),
        resource_id(KEY, "Condition", *base[1:]),
        resource_id(KEY, "Patient", "clinic2", "letters", "a|b"),
        resource_id(KEY, "Patient", "clinic", "other", "a|b"),
        resource_id(KEY, "Patient", "clinic", "letters", "a|c"),
    }
    assert len(others | {found}) == 6


def test_parts_of_an_id_cannot_run_into_each_other():
    """("ab", "c") and ("a", "bc") are different."""
    assert resource_id(KEY, "Patient", "ab", "c", "k") != resource_id(KEY, "Patient", "a", "bc", "k")


@pytest.mark.parametrize(
    ("text", "legal"),
    [("a" * 64, True), ("a" * 65, False), ("", False), ("a_b", False), ("a-b.9", True), ("a\n", False)],
)
def test_fhir_id(text, legal):
    """1 to 64 letters, digits, hyphens, dots."""
    assert is_fhir_id(text) is legal


def test_namespaces_of_a_source_are_uris():
    """A local namespace becomes a URN without characters that a URI may not have."""
    assert (
        local_system("clinic.example", "adt", "MRN 7|x") == "urn:carepact:source:clinic.example:adt:MRN-7-x"
    )
    assert meta_source("clinic.example", "adt", "i1") == "urn:carepact:source:clinic.example:adt#i1"
