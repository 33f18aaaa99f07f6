"""Marks that nobody can read count against access; an absence is said only where nothing else is."""

import pytest

PID = "PID|1||9990001006^^^NHS^NH||MARKED^Mildred||19580704|F"
HEAD = r"MSH|^~\&|LIS|RXX|EXCH|RXX|20260116090000||ORU^R01^ORU_R01|MARK-1|P|2.5"


def bad(batch):
    """Positions that could not be read as a code."""
    return {entry.position for entry in batch.losses.entries if entry.reason == "bad-code"}


@pytest.mark.parametrize(
    ("mark", "code"), [("^Restricted^L", "R"), ("R&V", "V"), ("QQ&V", "V"), ("N&ZZ", "R"), ("ZZ", "R")]
)
def test_order_mark_that_is_not_one_plain_code(mark, code, checked, only, marks):
    """ORC-28: words alone are R; of several codes in one the highest counts."""
    orc = "|".join(["ORC", "RE", "", "F-1^LIS", *[""] * 24, mark])
    batch = checked((HEAD, PID, orc, "OBR|1||F-1^LIS|G^G^L", "OBX|1|NM|K^K^L||5|mg|||||F"))
    assert marks(only(batch, "Observation")) == {code}
    assert mark == "R&V" or any(position.startswith("ORC[1]-28") for position in bad(batch))


@pytest.mark.parametrize("said", ["^HIV restricted^L", "QQ", "NO&HIV"])
def test_restriction_that_cannot_be_read(said, ward, checked, only, marks):
    """ARV-3 of words, of an unknown code or of more than one code in one: R, with its line."""
    batch = checked(ward.says("A01", PID, f"ARV|1|A|{said}"))
    assert "R" in marks(only(batch, "Patient"))
    assert any(position.startswith("ARV[1]-3") for position in bad(batch))


@pytest.mark.parametrize(("said", "codes"), [("yes", {"R"}), ("Y", {"R"}), ("maybe", {"R"}), ("N", set())])
def test_protection_indicator_in_words(said, codes, ward, checked, only, marks):
    """PD1-12: whatever is not a no protects; what is neither yes nor no has its line."""
    batch = checked(ward.says("A01", PID, "|".join(["PD1", *[""] * 11, said])))
    assert marks(only(batch, "Patient")) == codes
    assert ("PD1[1]-12" in bad(batch)) == (said == "maybe")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("^NKDA", "409137002"),
        ("NKDA", "409137002"),
        ("N1^No known allergies.^L", "716186003"),
        ("NKDA^No known allergies^L", "716186003"),
    ],
)
def test_absence_in_exact_words(said, code, ward, checked, only):
    """Known words, alone, are the coded absence."""
    batch = checked(ward.says("A01", PID, f"AL1|1|DA|{said}"))
    assert only(batch, "AllergyIntolerance")["code"]["coding"][0]["code"] == code


@pytest.mark.parametrize(
    "said",
    [
        "70618^Penicillin^RXNORM^NKDA^No known drug allergies^L",
        "70618^NKDA^RXNORM",
        "NKDA^Penicillin^L",
        "^N-K-A 7",
        "^no. known. allergies to cats",
        "P1^NKA^L^P2^Penicillin^L",
    ],
)
def test_a_named_substance_is_no_absence(said, ward, checked, only):
    """Whatever stands beside it: a substance that is named stays one, nothing is stripped to fit."""
    batch = checked(ward.says("A01", PID, f"AL1|1|DA|{said}|SV|rash"))
    codings = only(batch, "AllergyIntolerance")["code"].get("coding", [])
    assert not {one["code"] for one in codings} & {"409137002", "716186003"}
