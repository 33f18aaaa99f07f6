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
    resource_id,
)

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
