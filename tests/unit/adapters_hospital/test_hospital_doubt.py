"""Numbers and times that are not what they seem: never silently another number, never an impossible period."""

import pytest

PID = "PID|1||9990001006^^^NHS^NH||DOUBTED^Dora||19580704|F"
HEAD = r"MSH|^~\&|LIS|RXX|EXCH|RXX|20260116090000||ORU^R01^ORU_R01|DOUBT-1|P|2.5"
OBR = "OBR|1||F-1^LIS|G^G^L"


@pytest.fixture
def result(checked, only):
    """Observation of one OBX-2 and OBX-5, and the (position, reason) of its ledger."""

    def run(kind, value):
        batch = checked((HEAD, PID, OBR, f"OBX|1|{kind}|K^K^L||{value}|mg|||||F"))
        return only(batch, "Observation"), {(e.position, e.reason) for e in batch.losses.entries}

    return run


@pytest.mark.parametrize("value", ["7^mmol", "5&6", "\uff11\uff12", "\u0661\u0662"])
def test_number_with_something_beside_it_is_text(value, result):
    """A component or subcomponent beside it, or digits of another script: all of it in words, with a line."""
    seen, lines = result("NM", value)
    assert "valueQuantity" not in seen and seen["valueString"]
    assert "number" in {reason for _, reason in lines}


def test_number_with_a_nul_inside_is_rejected(result):
    """What is left of `1 NUL 2` is not twelve, not even in words."""
    seen, lines = result("NM", "1\x002")
    assert not any(name.startswith("value") for name in seen)
    assert ("OBX[1]-5", "bad-number") in lines


@pytest.mark.parametrize(("value", "number"), [("007.50", "7.50"), ("0.5", "0.5"), ("0", "0")])
def test_leading_zeros_say_nothing_and_are_remarked(value, number, result):
    """The same number by the definition of NM, its decimals as they were sent; a changed spelling has a line."""
    seen, lines = result("NM", value)
    assert str(seen["valueQuantity"]["value"]) == number
    assert (("OBX[1]-5", "number") in lines) == (value == "007.50")


@pytest.mark.parametrize(("kind", "value"), [("SN", "^5&6"), ("NR", "1&2^5"), ("SN", "<^1\x002")])
def test_structured_number_with_something_inside_is_text(kind, value, result):
    """SN and NR are read as NM is."""
    seen, _ = result(kind, value)
    assert "valueQuantity" not in seen and "valueRange" not in seen


def test_times_of_unlike_precision_are_cut_alike(result):
    """`202505` to `2025`: per-1 cannot compare them, so both say what they share, with a line."""
    seen, lines = result("DR", "202505^2025")
    assert seen["valuePeriod"] == {"start": "2025", "end": "2025"}
    assert ("OBX[1]-5.1", "precision") in lines


@pytest.mark.parametrize(
    ("start", "end"), [("20300101", "20190417"), ("202601021500", "202601021400"), ("202602", "20260101")]
)
def test_reversed_times_are_a_line(start, end, ward, checked, only):
    """CX-8 before CX-7, at the precision that both have: the end is rejected, the start stays."""
    batch = checked(ward.says("A01", PID.replace("^NH|", f"^NH^^{start}^{end}|")))
    assert set(only(batch, "Patient")["identifier"][0]["period"]) == {"start"}
    lines = {(e.position, e.reason) for e in batch.losses.entries}
    assert ("PID[1]-3.8", "bad-date") in lines


def test_reversed_stay_keeps_its_discharge(ward, checked, only):
    """PV1-44 after PV1-45: the discharge is the newer statement, the admission is a line."""
    visit = "|".join(["PV1", "1", "I", *[""] * 16, "V-7^^^RXX", *[""] * 24, "20260117", "20260101"])
    batch = checked(ward.says("A03", PID, visit))
    assert only(batch, "Encounter")["period"] == {"end": "2026-01-01"}
    assert ("PV1[1]-44", "bad-date") in {(e.position, e.reason) for e in batch.losses.entries}
