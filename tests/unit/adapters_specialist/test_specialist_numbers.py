"""Values that cannot stay reach the ledger; numbers are written as every reader of JSON knows them."""

import json

import pytest

from adapters.codec import encode

SCT = 'codeSystem="2.16.840.1.113883.6.96"'


def reading(value, when=""):
    return (
        '<observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.2"/>'
        '<id root="1.2.9" extension="one"/><code code="2345-7" codeSystem="2.16.840.1.113883.6.1"/>'
        f'<statusCode code="completed"/>{when}{value}</observation>'
    )


def rejected(batch):
    return [e.reason for e in batch.losses.entries if e.disposition == "rejected"]


def test_an_end_before_the_start_is_a_line(document, section, normalise, one):
    """The start stays, the end goes with its reason (per-1), and the account still balances."""
    when = '<effectiveTime><low value="20250301"/><high value="20250101"/></effectiveTime>'
    batch = normalise(document(section("30954-2", reading('<value xsi:type="INT" value="1"/>', when))))
    assert one(batch, "Observation")["effectivePeriod"] == {"start": "2025-03-01"}
    assert rejected(batch) == ["bad-date"]


@pytest.mark.parametrize(
    ("text", "expected"), [("true", True), ("1", True), ("false", False), ("0", False), ("yes", None)]
)
def test_a_flag_in_either_spelling(text, expected, document, section, normalise, one):
    """BL is an XML Schema boolean: 1 and 0 are values; anything else is a line."""
    batch = normalise(document(section("30954-2", reading(f'<value xsi:type="BL" value="{text}"/>'))))
    assert one(batch, "Observation").get("valueBoolean") is expected
    assert rejected(batch) == ([] if expected is not None else ["bad-code"])


@pytest.mark.parametrize(
    ("text", "written"),
    [("1E2", "100"), ("1.50e-2", "0.0150"), ("-2e0", "-2"), ("5.10", "5.10"), ("0", "0"), ("7.", "7")],
)
def test_a_number_is_written_without_exponent(text, written, document, section, normalise, one):
    """With all digits of the source, and no others than those that its exponent stands for."""
    batch = normalise(document(section("30954-2", reading(f'<value xsi:type="REAL" value="{text}"/>'))))
    told = json.loads(encode(one(batch, "Observation")), parse_float=str, parse_int=str)
    assert told["valueQuantity"]["value"] == written


@pytest.mark.parametrize("text", ["1e400", "1e-400", "9e31", "NaN", "INF", "1,5"])
def test_a_number_beyond_all_measure_is_rejected(text, document, section, normalise, one):
    """It would be infinite, or nothing, to whoever reads it with floating point."""
    batch = normalise(document(section("30954-2", reading(f'<value xsi:type="REAL" value="{text}"/>'))))
    assert "valueQuantity" not in one(batch, "Observation") and rejected(batch) == ["bad-number"]


@pytest.mark.parametrize(
    ("unit", "code"),
    [
        ("mg/dL", "mg/dL"),
        ("{tbl}", "{tbl}"),
        ("mcg", "ug"),
        ("IU", "[IU]"),
        ("x10E3/uL", "10*3/uL"),
        ("tablet", None),
        ("MG", None),
        ("mg/3ml", None),
    ],
)
def test_a_unit_is_coded_only_if_it_is_exact(unit, code, document, section, normalise, one):
    """The words stay; UCUM is named for its own codes and exact synonyms, and any other spelling is a remark."""
    act = reading(f'<value xsi:type="PQ" value="2" unit="{unit}"/>')
    batch = normalise(document(section("30954-2", act)))
    told = one(batch, "Observation")["valueQuantity"]
    assert (told["unit"], told.get("code"), "system" in told) == (unit, code, code is not None)
    remarks = [e.reason for e in batch.losses.entries if e.disposition == "altered"]
    assert remarks == ([] if unit == code else ["namespace"])
