"""PRT and ROL: who takes part, in what stands before them; OUL: results whose specimens come first."""

import pytest

PID = "PID|1||9990001006^^^NHS^NH||WARDLESS^Winifred||19580704|F"
PV1 = "PV1|1|I|||||||||||||||||V-99^^^RXX"
ORC = "ORC|NW|PL-5^RXX"
OBR = "OBR|1|PL-5^RXX|FI-5^RXX|58410-2^Full blood count^LN|||20260301080000||||||||||||||||||F"
OBX = "OBX|1|NM|718-7^Haemoglobin^LN||13.10|g/dL|||||F"


def message(kind, *rest):
    return (rf"MSH|^~\&|PAS|RXX|EXCH|RXX|20260301102000||{kind}|P-1|P|2.7", PID, *rest)


def prt(role, person="", where="", device="", action="AD"):
    return f"PRT|1|{action}||{role}^Role^HL70912|{person}||||{where}|{device}"


def test_primary_care_is_of_the_patient(checked, only):
    """ROL or PRT behind PID: primary care is the general practitioner, everybody else the care team."""
    batch = checked(
        message("ADT^A01", "ROL|1|AD|PP^Primary|G1^Family^Fred", prt("CO", "^Coordinate^Cora"), PV1)
    )
    patient, team = only(batch, "Patient"), only(batch, "CareTeam")
    assert [one["display"] for one in patient["generalPractitioner"]] == ["Fred Family"]
    assert team["participant"][0]["member"]["display"] == "Cora Coordinate"
    assert team["subject"] == {"reference": f"Patient/{patient['id']}"}


def test_people_of_a_visit_and_a_result(checked, only):
    """Behind PV1 a participant with a role, behind OBX a performer and the place, behind OBR of the report."""
    batch = checked(
        message(
            "ORU^R01",
            PV1,
            "ROL|1|AD|AT^Attending|A1^Attend^Alan|20260301",
            OBR,
            prt("RI", "I1^Interpret^Ida"),
            OBX,
            prt("RO", "O1^Observe^Olga", "LAB2^B1^^RXX"),
        )
    )
    visit = only(batch, "Encounter")["participant"][0]
    assert visit["individual"]["display"] == "Alan Attend" and visit["period"] == {"start": "2026-03-01"}
    assert only(batch, "DiagnosticReport")["performer"][0]["display"] == "Ida Interpret"
    observed = only(batch, "Observation")
    assert observed["performer"][0]["display"] == "Olga Observe"
    assert observed["extension"][0]["valueReference"]["reference"].startswith("Location/")


@pytest.mark.parametrize(("role", "element"), [("OP", "requester"), ("SP", "performer")])
def test_people_of_an_order(role, element, checked, only):
    """OP asked for it, anybody else performs it."""
    request = only(checked(message("OML^O21", ORC, prt(role, "X1^Exact^Xenia"), OBR)), "ServiceRequest")
    who = request[element] if element == "requester" else request[element][0]
    assert who["display"] == "Xenia Exact"


def test_device_that_observed(checked, only):
    """PRT-10 alone is the device of the observation before it."""
    observed = only(checked(message("ORU^R01", OBR, OBX, prt("EQUIP", device="DEV-9"))), "Observation")
    assert observed["contained"][0]["identifier"][0]["value"] == "DEV-9"


def test_participant_without_a_place_is_kept(checked, only, reasons):
    """Deleted, or behind a segment that has no place for people: raw in a Basic, not half mapped."""
    lines = message(
        "ADT^A01", "AL1|1|DA|^Nuts", prt("RO", "O1^Observe^Olga"), PV1, "ROL|1|DE|AT|A1^Attend^Alan"
    )
    batch = checked(lines)
    assert ("kept", "type-not-carried") in reasons(batch)
    raw = [part["extension"][1]["valueString"] for part in only(batch, "Basic")["extension"]]
    assert len(raw) == 2 and "participant" not in only(batch, "Encounter")


@pytest.mark.parametrize("event", ["R21", "R22", "R23"])
def test_results_behind_their_specimen(event, checked, only, reasons):
    """OUL: the specimen stands first, ORC may stand behind OBR; the report and its result name the specimen."""
    spm = "SPM|1|SP-1&RXX^SF-1&RXX||SER"
    batch = checked(message(f"OUL^{event}", spm, OBR, "ORC|RE|PL-5^RXX|FI-5^RXX||CM", OBX))
    link = [{"reference": f"Specimen/{only(batch, 'Specimen')['id']}"}]
    report = only(batch, "DiagnosticReport")
    assert report["specimen"] == link and only(batch, "Observation")["specimen"] == link[0]
    assert only(batch, "ServiceRequest")["status"] == "completed"
    assert ("kept", "message-not-mapped") not in reasons(batch)


def test_each_specimen_has_its_own_results(checked):
    """A second SPM ends the first one's results."""
    second = OBR.replace("PL-5", "PL-6").replace("FI-5", "FI-6")
    batch = checked(message("OUL^R22", "SPM|1|&^A&RXX||SER", OBR, OBX, "SPM|2|&^B&RXX||BLD", second, OBX))
    reports = [one for one in batch.resources if one["resourceType"] == "DiagnosticReport"]
    assert len(reports) == 2 and reports[0]["specimen"] != reports[1]["specimen"]


def test_order_that_comes_first_in_r24(checked, only):
    """OUL R24 is by order: SPM behind OBR belongs to it."""
    batch = checked(message("OUL^R24", OBR, "SPM|1|&^A&RXX||SER", OBX))
    assert len(only(batch, "DiagnosticReport")["specimen"]) == 1
