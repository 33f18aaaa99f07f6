"""Corrections and relations (S20 to S32): every order of arrival, and as one file of several messages."""

import pytest

PID = "PID|1||4711^^^RXX^MR||WARDLESS^Winifred||19580704|F"
OTHER = "PID|1||4799^^^RXX^MR||HOLLIN^Tobias||19480817|M"


def obx(number, status, value="5.1", code="2823-3^Potassium^LN"):
    return f"OBX|{number}|NM|{code}||{value}|mmol/L|||||{status}"


def report(ward, status, *results, pid=PID, filler="F-1"):
    obr = f"OBR|1||{filler}^LAB|24320-4^Electrolytes^LN" + "|" * 21 + status
    return ward.says("R01", pid, obr, *results, kind="ORU")


def txa(ward, event, number, parent="", status="", words="", completion="LA"):
    said = {2: "DS", 3: "TX", 12: f"{number}^DOC", 13: parent and f"{parent}^DOC", 17: completion, 19: status}
    line = "|".join(["TXA", "1", *(said.get(n, "") for n in range(2, 20))])
    body = [f"OBX|1|TX|11488-4^Note^LN||{words}||||||F"] if words else []
    return ward.says(event, PID, line, *body, kind="MDM")


def order(ward, control, placer="P-1", parent="", status=""):
    orc = f"ORC|{control}|{placer}^RXX|||{status}|||{parent}"
    return ward.says("O01", PID, orc, f"OBR|1|{placer}^RXX||2823-3^Potassium^LN", kind="ORM")


def test_S_20_preliminary_final_corrected(ward, in_every_order):
    """S20: one Observation, corrected, with the corrected value."""
    found = in_every_order(
        report(ward, "P", obx(1, "P", "5.0")),
        report(ward, "F", obx(1, "F", "5.1")),
        report(ward, "C", obx(1, "C", "5.2")),
    )
    (one,) = found["Observation"]
    assert (one["status"], str(one["valueQuantity"]["value"])) == ("corrected", "5.2")


def test_S_21_at_one_time_the_higher_rank_wins(ward, in_every_order):
    """S21: P and F of the same moment: final, whichever came first."""
    first, second = report(ward, "P", obx(1, "P")), report(ward, "F", obx(1, "F"))
    time = first[0].split("|")[6]
    second = [line.replace(second[0].split("|")[6], time) for line in second]
    assert in_every_order(first, second)["Observation"][0]["status"] == "final"


@pytest.mark.parametrize(("code", "status"), [("D", "entered-in-error"), ("X", "cancelled")])
def test_S_22_a_result_is_deleted_or_cannot_be_had(ward, in_every_order, code, status):
    """S22: OBX-11 D is entered-in-error, X cancelled; the Observation stays on record."""
    found = in_every_order(report(ward, "F", obx(1, "F")), report(ward, "C", obx(1, code, "")))
    assert [one["status"] for one in found["Observation"]] == [status]


def test_S_23_a_result_taken_back_becomes_another_patients_own(ward, normalise):
    """S23: F and W under a, F under b: a entered-in-error, b a new resource; in every order of one file."""
    import itertools

    messages = [
        report(ward, "F", obx(1, "F")),
        report(ward, "C", obx(1, "W", "")),
        report(ward, "F", obx(1, "F", "4.0"), pid=OTHER),
    ]
    states = []
    for turn in itertools.permutations(messages):
        batch = normalise(b"".join("\r".join(one).encode() + b"\r" for one in turn))
        assert batch.losses.balanced
        found = [one for one in batch.resources if one["resourceType"] == "Observation"]
        states.append(sorted((one["status"], one["id"], one["subject"]["reference"]) for one in found))
    assert all(state == states[0] for state in states)
    (wrong, right) = states[0]
    assert wrong[0] == "entered-in-error" and right[0] == "final"
    assert wrong[1] != right[1] and wrong[2] != right[2]


def test_S_24_the_same_filler_of_another_patient_is_parked(ward, normalise, reasons):
    """S24: without D or W the later message changes nothing: `wrong-patient`, all of it in the ledger."""
    messages = report(ward, "F", obx(1, "F")), report(ward, "F", obx(1, "F", "4.0"), pid=OTHER)
    for turn in (messages, messages[::-1]):
        batch = normalise(b"".join("\r".join(one).encode() + b"\r" for one in turn))
        assert ("failed", "wrong-patient") in reasons(batch) and batch.losses.balanced
        (one,) = [r for r in batch.resources if r["resourceType"] == "Observation"]
        assert str(one["valueQuantity"]["value"]) == "5.1"


def test_S_25_a_result_that_is_not_repeated_stays(ward, in_every_order):
    """S25: the second report has only one of two results: both stay, and it lists both."""
    sodium = "2951-2^Sodium^LN"
    found = in_every_order(
        report(ward, "P", obx(1, "F"), obx(2, "P", "139", sodium)),
        report(ward, "F", obx(1, "F", "140", sodium)),
    )
    (one,) = found["DiagnosticReport"]
    assert len(found["Observation"]) == 2
    assert {r["reference"] for r in one["result"]} == {f"Observation/{o['id']}" for o in found["Observation"]}


def test_S_26_an_addendum_appends(ward, in_every_order):
    """S26: T06 with a parent: a second document that appends to the first, which stays current."""
    found = in_every_order(
        txa(ward, "T02", "D-1", words="Well."), txa(ward, "T06", "D-2", parent="D-1", words="Still well.")
    )
    by_number = {one["masterIdentifier"]["value"]: one for one in found["DocumentReference"]}
    assert by_number["D-2"]["relatesTo"][0]["code"] == "appends" and by_number["D-1"]["status"] == "current"


def test_S_27_a_replacement_supersedes(ward, in_every_order):
    """S27: T10 y with parent x, either first: y replaces x, x superseded and its text kept."""
    found = in_every_order(
        txa(ward, "T02", "D-1", words="Unwell."), txa(ward, "T10", "D-2", parent="D-1", words="Well.")
    )
    by_number = {one["masterIdentifier"]["value"]: one for one in found["DocumentReference"]}
    old, new = by_number["D-1"], by_number["D-2"]
    assert old["status"] == "superseded" and "data" in old["content"][0]["attachment"]
    relation = new["relatesTo"][0]
    assert relation["code"] == "replaces" and new["status"] == "current"
    assert relation["target"]["reference"] == f"DocumentReference/{old['id']}"


def test_S_27_a_superseded_document_stays_so(ward, in_every_order):
    """A later notice about x does not bring it back."""
    found = in_every_order(
        txa(ward, "T02", "D-1", words="Unwell."),
        txa(ward, "T10", "D-2", parent="D-1", words="Well."),
        txa(ward, "T03", "D-1"),
    )
    by_number = {one["masterIdentifier"]["value"]: one["status"] for one in found["DocumentReference"]}
    assert by_number == {"D-1": "superseded", "D-2": "current"}


def test_S_28_a_notice_changes_the_state_and_keeps_the_text(ward, in_every_order):
    """S28: T03 without content: docStatus changed, text kept; T11: entered-in-error."""
    first = txa(ward, "T02", "D-1", words="Well.", completion="DI")
    (one,) = in_every_order(first, txa(ward, "T03", "D-1", completion="LA"))["DocumentReference"]
    assert one["docStatus"] == "final" and "data" in one["content"][0]["attachment"]
    (one,) = in_every_order(first, txa(ward, "T11", "D-1"))["DocumentReference"]
    assert one["status"] == "entered-in-error" and "data" in one["content"][0]["attachment"]


@pytest.mark.parametrize(
    ("event", "status"),
    [("S13", "booked"), ("S15", "cancelled"), ("S17", "entered-in-error"), ("S26", "noshow")],
)
def test_S_29_one_appointment_moves_and_ends(ward, in_every_order, event, status):
    """S29: the same Appointment after rescheduling, cancellation, deletion and a missed visit."""

    def says(event, time):
        sch = f"SCH|A-1^RXX|B-1^RXX|||||||30|MIN|^^^{time}"
        return ward.says(event, sch, PID, kind="SIU")

    (one,) = in_every_order(says("S12", "202602010900"), says(event, "202602020900"))["Appointment"]
    assert one["status"] == status
    assert one["start"].startswith("2026-02-02")


@pytest.mark.parametrize(
    ("controls", "status"),
    [
        (("NW", "CA"), "active"),
        (("NW", "OC"), "revoked"),
        (("NW", "CR"), "revoked"),
        (("NW", "DC"), "revoked"),
        (("NW", "OD"), "revoked"),
        (("NW", "HD"), "on-hold"),
        (("NW", "OH"), "on-hold"),
        (("NW", "HD", "RL"), "active"),
    ],
    ids="-".join,
)
def test_S_30_an_order_goes_through_its_states(ward, in_every_order, controls, status):
    """S30: what each order control code makes of the request."""
    (one,) = in_every_order(*(order(ward, control) for control in controls))["ServiceRequest"]
    assert one["status"] == status


@pytest.mark.parametrize("control", ["RU", "RO"])
def test_S_30_a_replacement_revokes_the_order(ward, in_every_order, control):
    """S30: the new order replaces its parent, which is revoked, whichever comes first."""
    found = in_every_order(order(ward, "NW"), order(ward, control, "P-2", parent="P-1"))
    by_number = {one["identifier"][0]["value"]: one for one in found["ServiceRequest"]}
    old, new = by_number["P-1"], by_number["P-2"]
    assert old["status"] == "revoked" and new["status"] != "revoked"
    assert new["replaces"][0]["reference"] == f"ServiceRequest/{old['id']}"


@pytest.mark.parametrize(("action", "status"), [("U", "completed"), ("D", "entered-in-error")])
def test_S_31_an_immunisation_is_updated_or_taken_back(ward, in_every_order, action, status):
    """S31: RXA-21 U is a new version of the same Immunization, D entered-in-error."""

    def dose(action, lot):
        said = {
            1: "0",
            2: "1",
            3: "202601050900",
            5: "208^COVID-19^CVX",
            6: "0.3",
            15: lot,
            20: "CP",
            21: action,
        }
        rxa = "|".join(["RXA", *(said.get(n, "") for n in range(1, 22))])
        return ward.says("V04", PID, "ORC|RE|I-1^RXX|I-1^RXX", rxa, kind="VXU")

    (one,) = in_every_order(dose("A", "L1"), dose(action, "L2"))["Immunization"]
    assert one["status"] == status
    if action == "U":
        assert one["lotNumber"] == "L2"


def test_S_32_an_allergy_stays_until_it_is_deleted(ward, in_every_order):
    """S32: A08 without it leaves it; A60 with IAM-6 D is entered-in-error."""
    known = ward.says("A60", PID, "IAM|1|DA|70618^Penicillin^RXNORM|SV|Rash|A|AL-1^RXX")
    silent = ward.says("A08", PID)
    (one,) = in_every_order(known, silent)["AllergyIntolerance"]
    assert one["clinicalStatus"]["coding"][0]["code"] == "active"
    gone = ward.says("A60", PID, "IAM|1|DA|70618^Penicillin^RXNORM|SV|Rash|D|AL-1^RXX")
    (one,) = in_every_order(known, silent, gone)["AllergyIntolerance"]
    assert one["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
