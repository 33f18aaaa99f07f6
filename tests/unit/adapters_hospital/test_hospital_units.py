"""Units: UCUM only where nothing speaks against it."""

import pytest

HEAD = (
    r"MSH|^~\&|LIS|RXX|EXCH|RXX|20260116090000||ORU^R01^ORU_R01|UNIT-1|P|2.5",
    "PID|1||9990001006^^^NHS^NH||MEASURED^Mabel||19580704|F",
    "OBR|1||F-1^LIS|G^G^L",
)


@pytest.fixture
def quantity(checked, only):
    """Quantity of a result with this OBX-6, and the reasons of its ledger."""

    def run(unit):
        batch = checked((*HEAD, f"OBX|1|NM|K^K^L||5|{unit}|||||F"))
        found = only(batch, "Observation")["valueQuantity"]
        return found, {(e.position, e.reason) for e in batch.losses.entries}

    return run


@pytest.mark.parametrize(
    ("unit", "code"),
    [
        ("mmol/L", "mmol/L"),
        ("mg^milligrams", "mg"),
        ("mmol/L^millimoles per litre^ISO+", "mmol/L"),
        ("ug^microgram^UCUM", "ug"),
        ("{beats}/min^beats a minute^UCUM", "{beats}/min"),
        ("X7^mg/dL^L", "mg/dL"),
    ],
)
def test_unit_of_ucum_or_of_the_table(unit, code, quantity):
    """Coded UCUM, or spelled as our table has it, beside words of the same meaning."""
    found, _ = quantity(unit)
    assert (found["system"], found["code"]) == ("http://unitsofmeasure.org", code)


@pytest.mark.parametrize("unit", ["m^^L", "m^minims^L", "g^grains^99LOC", "g^grains", "d^drops", "mg&x^y"])
def test_a_local_code_is_no_ucum(unit, quantity):
    """A code of a local system, or beside words that nobody knows, keeps its words alone."""
    found, _ = quantity(unit)
    assert "code" not in found and "system" not in found and found["unit"]


@pytest.mark.parametrize("unit", ["mg^microgram", "mg^mcg^UCUM", "mg^ug^L", "g^milligrams^UCUM"])
def test_a_code_beside_another_meaning_is_in_doubt(unit, quantity):
    """Both are shown, neither is UCUM, and the contradiction is a line."""
    found, lines = quantity(unit)
    code, display = unit.split("^")[:2]
    assert found["unit"] == f"{code} ({display})" and "code" not in found
    assert ("OBX[1]-6", "conflict") in lines
