"""PRB, PR1, IN1 and IAM: problems, procedures, coverage and allergies with a life of their own."""

import pytest

PID = "PID|1||9990001006^^^NHS^NH||WARDLESS^Winifred||19580704|F"
PV1 = "PV1|1|I|||||||||||||||||V-99^^^RXX"
IAM = "IAM|1|DA|70618^Penicillin^RXNORM|SV|Rash|A|ALG-1^RXX||||20100301||20260101|WARDLESS^Walter|SPO^Spouse|"
PRB = "PRB|AD|20260110|44054006^Type 2 diabetes^SCT|PRB-1^RXX|||20260109||||||CONFIRMED|ACTIVE||20251101"


def message(kind, *rest):
    header = rf"MSH|^~\&|PAS|RXX|EXCH|RXX|20260120102000||{kind}|M-1|P|2.5"
    return (header, f"EVN|{kind[4:7]}|20260120102000", PID, PV1, *rest)


def test_problem_of_the_list(checked, only, reasons):
    """Code, number, status, certainty, onset and note; goals beside it are kept, not lost."""
    batch = checked(message("PPR^PC1", PRB, "NTE|1||Diet only", "GOL|AD|20260110|1^Walk"))
    problem = only(batch, "Condition")
    assert problem["identifier"][0]["value"] == "PRB-1"
    assert problem["clinicalStatus"]["coding"][0]["code"] == "active"
    assert problem["verificationStatus"]["coding"][0]["code"] == "confirmed"
    assert (problem["onsetDateTime"], problem["recordedDate"]) == ("2025-11-01", "2026-01-09")
    assert problem["category"][0]["coding"][0]["code"] == "problem-list-item"
    assert problem["note"][0]["text"] == "Diet only"
    assert ("kept", "type-not-carried") in reasons(batch)


def test_deleted_problem_is_entered_in_error(checked, only):
    """PRB-1 DE, and PC3; without a clinical status, which R4 forbids then (con-5); the same problem."""
    made = only(checked(message("PPR^PC1", PRB)), "Condition")
    for kind, prb in (("PPR^PC2", PRB.replace("PRB|AD", "PRB|DE")), ("PPR^PC3", PRB)):
        gone = only(checked(message(kind, prb)), "Condition")
        assert gone["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
        assert "clinicalStatus" not in gone and gone["id"] == made["id"]


def test_resolved_problem_has_a_status_that_fits(checked, only):
    """A resolution date demands resolved (con-4); local words for status are not guessed at."""
    prb = PRB.replace("||20260109|||", "||20260109||20260115|").replace(
        "CONFIRMED|ACTIVE", "LOOKS SO|HOUSE WORD"
    )
    problem = only(checked(message("PPR^PC1", prb)), "Condition")
    assert problem["abatementDateTime"] == "2026-01-15"
    assert problem["clinicalStatus"]["coding"][0]["code"] == "resolved"
    assert "verificationStatus" not in problem


def test_mark_of_a_problem_is_a_label(checked, only, marks):
    """PRB-25: a mark that we cannot read restricts."""
    problem = only(checked(message("PPR^PC1", PRB + "|" * 9 + "HOUSE")), "Condition")
    assert marks(problem) == {"R"}


def test_allergy_with_identifier(checked, only):
    """IAM: number, reaction, severity, who said it; active because nothing says otherwise."""
    allergy = only(checked(message("ADT^A60", IAM)), "AllergyIntolerance")
    assert allergy["identifier"][0]["value"] == "ALG-1"
    assert allergy["clinicalStatus"]["coding"][0]["code"] == "active"
    assert allergy["reaction"][0]["severity"] == "severe"
    assert (allergy["onsetDateTime"], allergy["recordedDate"]) == ("2010-03-01", "2026-01-01")
    assert allergy["asserter"]["display"] == "Walter WARDLESS"


@pytest.mark.parametrize(
    ("status", "clinical", "verification"),
    [
        ("C", "active", "confirmed"),
        ("I", "inactive", None),
        ("S", "active", "unconfirmed"),
        ("E", None, "entered-in-error"),
    ],
)
def test_status_of_an_allergy(status, clinical, verification, checked, only):
    """Table 0438: doubt is not activity, and an error has no clinical status (ait-2)."""
    allergy = only(checked(message("ADT^A60", IAM + f"|{status}")), "AllergyIntolerance")
    said = {
        name: allergy[name]["coding"][0]["code"]
        for name in ("clinicalStatus", "verificationStatus")
        if name in allergy
    }
    wanted = {"clinicalStatus": clinical, "verificationStatus": verification}
    assert said == {name: code for name, code in wanted.items() if code}


def test_deleted_allergy_is_the_one_of_al1(checked, only):
    """Without a number both segments key by the substance, so IAM-6 D withdraws what AL1 said."""
    said = only(checked(message("ADT^A01", "AL1|1|DA|70618^Penicillin^RXNORM")), "AllergyIntolerance")
    gone = IAM.replace("|A|ALG-1^RXX", "|D|")
    withdrawn = only(checked(message("ADT^A60", gone)), "AllergyIntolerance")
    assert withdrawn["id"] == said["id"]
    assert withdrawn["verificationStatus"]["coding"][0]["code"] == "entered-in-error"


def test_procedure_with_its_people(checked, only):
    """Code, period from the minutes, surgeon, reason; whether it was done nobody said."""
    pr1 = "PR1|1||80146002^Appendicectomy^SCT|Appendix out|20260119080000|D|45||||S1^Surgeon^Sam||||K35^Appendicitis^I10||||PROC-1^RXX"
    procedure = only(checked(message("ADT^A01", pr1)), "Procedure")
    assert procedure["status"] == "unknown"
    assert procedure["performedPeriod"]["end"] == "2026-01-19T08:45:00+00:00"
    assert procedure["performer"][0]["function"]["coding"][0]["code"] == "304292004"
    assert procedure["reasonCode"][0]["coding"][0]["code"] == "K35"
    deleted = pr1 + "|D"
    assert only(checked(message("ADT^A08", deleted)), "Procedure")["status"] == "entered-in-error"


def test_coverage_with_its_company(checked, only):
    """Policy, plan, company as an organisation of its own, subscriber and period."""
    in1 = (
        "IN1|1|PLAN-A^Basic plan|CO-7^^^RXX|Friendly Mutual|1 High St^^Leeds||0113 4960002"
        "|GRP-3|Mill|||20250101|20261231||HMO|"
        "WARDLESS^Walter|SPO^Spouse^HL70063|19550101" + "|" * 18 + "POL-55"
    )
    batch = checked(message("ADT^A01", in1))
    coverage = only(batch, "Coverage")
    assert coverage["identifier"][0]["value"] == "POL-55" and coverage["status"] == "active"
    assert coverage["payor"][0]["display"] == "Friendly Mutual"
    assert only(batch, "Organization")["address"][0]["city"] == "Leeds"
    assert coverage["period"] == {"start": "2025-01-01", "end": "2026-12-31"}
    assert [one["value"] for one in coverage["class"]] == ["PLAN-A", "GRP-3"]
    assert coverage["subscriber"]["display"] == "Walter WARDLESS"


def test_coverage_without_company_is_valid(checked, only):
    """R4 demands a payor: absent with its reason; the patient herself may be the subscriber."""
    coverage = only(
        checked(message("ADT^A01", "IN1|1|PLAN-A||||||||||||||WARDLESS^Winifred|SEL")), "Coverage"
    )
    assert coverage["payor"][0]["extension"][0]["valueCode"] == "unknown"
    assert coverage["subscriber"]["reference"].startswith("Patient/")


def test_empty_segments_say_nothing(checked):
    """A PRB, PR1 or IAM that names nothing makes nothing, and nothing fails."""
    batch = checked(message("PPR^PC1", "PRB|AD|20260110", "PR1|1", "IAM|1|DA"))
    assert {"Condition", "Procedure", "AllergyIntolerance"}.isdisjoint(
        r["resourceType"] for r in batch.resources
    )
