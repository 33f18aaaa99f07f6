"""Two statements of one message under one key: neither is dropped, and no patient gets another's."""

import pytest

PID = "PID|1||9990001006^^^NHS^NH~4711^^^RXX^MR||TWINNED^Tamsin||19580704|F"
OTHER = "PID|2||9990002002^^^NHS^NH~4812^^^RXX^MR||STRANGER^Stefan||19600101|M"
RESULTS = r"MSH|^~\&|LIS|RXX|EXCH|RXX|20260116090000||ORU^R01^ORU_R01|TWIN-1|P|2.5"


def glucose(number, hour, value, filler="F-7^LIS"):
    """One OBR of a tolerance test with its value."""
    return (
        f"OBR|{number}||{filler}|GTT^Tolerance test^L|||2026011608{hour}00|||||||||||||||20260116120000||CH|F",
        f"OBX|1|NM|GLU^Glucose^L||{value}|mmol/L|||||F",
    )


def of(batch, kind):
    """All resources of a type."""
    return [one for one in batch.resources if one["resourceType"] == kind]


def test_every_report_under_one_number_is_there(checked):
    """Three timed results under one filler number and code: three reports, each with its own value."""
    batch = checked(
        (RESULTS, PID, *glucose(1, "00", "5.0"), *glucose(2, "30", "9.1"), *glucose(3, "59", "12.4"))
    )
    values = {one["id"]: str(one["valueQuantity"]["value"]) for one in of(batch, "Observation")}
    shown = [
        (one["effectiveDateTime"][14:16], values[one["result"][0]["reference"].partition("/")[2]])
        for one in of(batch, "DiagnosticReport")
    ]
    assert shown == [("00", "5.0"), ("30", "9.1"), ("59", "12.4")]


def test_the_same_report_twice_is_one(checked):
    """A repetition word for word is no second fact."""
    batch = checked((RESULTS, PID, *glucose(1, "00", "5.0"), *glucose(2, "00", "5.0")))
    assert (len(of(batch, "DiagnosticReport")), len(of(batch, "Observation"))) == (1, 1)


def test_a_second_patients_result_under_one_number_is_refused(checked):
    """S24 inside of one message: the first keeps hers, the other's fails with a line, nothing is mixed."""
    batch = checked((RESULTS, PID, *glucose(1, "00", "5.0"), OTHER, *glucose(1, "00", "2.0")))
    assert [str(one["valueQuantity"]["value"]) for one in of(batch, "Observation")] == ["5.0"]
    lines = {e.position for e in batch.losses.entries if e.reason == "wrong-patient"}
    assert lines == {"OBR[2]", "OBX[2]"}
    assert batch.losses.status == "partial"


@pytest.mark.parametrize("second", ["AL1|2|DA|^penicillin|SV|shock", "AL1|2|DA|^Penicillin|SV|shock"])
def test_a_graver_reaction_to_the_same_substance_stays(second, ward, checked):
    """Mild and severe of one substance are both there."""
    batch = checked(ward.says("A01", PID, "AL1|1|DA|^Penicillin|MI|rash", second))
    reactions = [one["reaction"][0] for one in of(batch, "AllergyIntolerance")]
    assert [one["severity"] for one in reactions] == ["mild", "severe"]


def test_more_of_the_same_allergy_is_filled_in(ward, checked, only):
    """A repetition that only says more is one resource that says all."""
    batch = checked(ward.says("A01", PID, "AL1|1|DA|^Penicillin", "AL1|2|DA|^Penicillin|SV|shock"))
    assert only(batch, "AllergyIntolerance")["reaction"][0]["severity"] == "severe"


def test_a_number_of_an_allergy_list_is_the_patients_own(ward, checked, normalise):
    """IAM-7 on two substances: two allergies; the same number of somebody else's list: a third."""
    first = checked(ward.says("A60", PID, "IAM|1|DA|^Penicillin|SV|rash|A|1", "IAM|2|DA|^Latex|SV|rash|A|1"))
    other = normalise(ward.says("A60", OTHER, "IAM|1|DA|^Egg|SV|rash|A|1"))
    assert [one["code"]["text"] for one in of(first, "AllergyIntolerance")] == ["Penicillin", "Latex"]
    ids = {one["id"] for batch in (first, other) for one in of(batch, "AllergyIntolerance")}
    assert len(ids) == 3


def test_both_sides_of_a_body_are_there(ward, checked):
    """Equal diagnosis and procedure codes whose words differ by side: both sides stay."""
    batch = checked(
        ward.says(
            "A01",
            PID,
            "DG1|1||S72.0^Fracture left femur^I10||20260102|A",
            "DG1|2||S72.0^Fracture right femur^I10||20260102|A",
            "PR1|1||W37^Hip replacement left^OPCS4||20260103",
            "PR1|2||W37^Hip replacement right^OPCS4||20260103",
        )
    )
    for kind in ("Condition", "Procedure"):
        sides = [one["code"]["text"].split()[-1 if kind == "Procedure" else 1] for one in of(batch, kind)]
        assert sides == ["left", "right"]


def test_a_relatives_second_address_and_phone_are_folded_in(ward, checked, only):
    """The same next of kin twice is one with all that reaches her."""
    kin = "NK1|{}|TWINNED^Tom|BRO^Brother^HL70063|{} Lane^^Leeds^^LS1 1AA|0113 496 000{}^PRN^PH"
    batch = checked(ward.says("A01", PID, kin.format(1, 1, 1), kin.format(2, 2, 2)))
    relative = only(batch, "RelatedPerson")
    assert [len(relative[name]) for name in ("address", "telecom")] == [2, 2]


def test_one_number_with_two_descriptions_is_not_silent(checked):
    """The same number with another name, sex and birth date in one message has its line."""
    again = PID.replace("TWINNED^Tamsin||19580704|F", "STRANGER^Stefan||19600101|M")
    batch = checked((RESULTS, PID, *glucose(1, "00", "5.0"), again, *glucose(2, "00", "2.0", "F-8^LIS")))
    assert ("Patient", "conflict") in {(e.position, e.reason) for e in batch.losses.entries}
    assert len(of(batch, "Observation")) == 2
