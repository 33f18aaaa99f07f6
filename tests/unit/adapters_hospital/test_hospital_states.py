"""Visits and demographics over time (S04 to S08, S19, S32, S33): every order of arrival, and as one file."""

import pytest

PID = "PID|1||4711^^^RXX^MR||WARDLESS^Winifred||19580704|F|||1 Ward Lane^^Leeds||0113 496 0000|0113 496 0001"
BRIEF = "PID|1||4711^^^RXX^MR||WARDLESS^Winifred"


def pv1(place="W1^1^A", number="V-1", came="", left="", kind="I", doctor="", before=""):
    """A visit: PV1-3, 7, 19, 44, 45."""
    fields = {2: kind, 3: place, 6: before, 7: doctor, 19: number and f"{number}^^^RXX", 44: came, 45: left}
    return "|".join(["PV1", "1", *(fields.get(n, "") for n in range(2, 46))])


def places(encounter, status="active"):
    return [one["location"]["display"] for one in encounter["location"] if one["status"] == status]


def test_S_04_an_older_admission_fills_in(ward, in_every_order):
    """S04: A08 first makes Patient and Encounter; the older A01 later adds what A08 did not say."""
    admitted = ward.says("A01", PID, pv1(came="202601020100", doctor="C7^Consult^Clara"))
    updated = ward.says("A08", "PID|1||4711^^^RXX^MR||WARDLESS^Wanda", pv1(place="W2^1^A"))
    found = in_every_order(admitted, updated)
    (patient,), (encounter,) = found["Patient"], found["Encounter"]
    assert patient["name"][0]["given"] == ["Wanda"] and patient["birthDate"] == "1958-07-04"
    assert encounter["status"] == "in-progress" and encounter["period"]["start"].startswith("2026-01-02")
    assert places(encounter) == ["W2, 1, A"] and "participant" in encounter


def test_S_04_an_update_alone_makes_both(ward, in_every_order):
    """S04: A08 or A31 is enough for Patient and Encounter; what it does not say is `unknown`."""
    for event in ("A08", "A31"):
        found = in_every_order(ward.says(event, PID, pv1()))
        assert len(found["Patient"]) == 1 and found["Encounter"][0]["status"] == "unknown"


def test_S_05_a_cancellation_is_not_undone_by_the_older_admission(ward, in_every_order):
    """S05: A11 before A01 or after it: cancelled."""
    found = in_every_order(ward.says("A01", PID, pv1()), ward.says("A11", BRIEF, pv1()))
    assert [one["status"] for one in found["Encounter"]] == ["cancelled"]


@pytest.mark.parametrize("left", ["", "202601020500"], ids=["silent", "repeated"])
def test_S_06_a_cancelled_discharge_ends_nothing(ward, in_every_order, left):
    """S06: in-progress, no `period.end`, whether A13 repeats the discharge time or not."""
    found = in_every_order(
        ward.says("A01", PID, pv1(came="202601020100")),
        ward.says("A03", PID, pv1(came="202601020100", left="202601020500")),
        ward.says("A13", BRIEF, pv1(left=left)),
    )
    (encounter,) = found["Encounter"]
    assert encounter["status"] == "in-progress" and set(encounter["period"]) == {"start"}


def test_S_06_a_second_discharge_stands(ward, in_every_order):
    """A13 takes back one discharge, not the one that follows."""
    found = in_every_order(
        ward.says("A01", PID, pv1()),
        ward.says("A03", PID, pv1(left="202601020500")),
        ward.says("A13", BRIEF, pv1()),
        ward.says("A03", PID, pv1(left="202601030500")),
    )
    (encounter,) = found["Encounter"]
    assert encounter["status"] == "finished" and encounter["period"]["end"].startswith("2026-01-03")


@pytest.mark.parametrize("named", ["", "W1^1^A", "W2^2^B"], ids=["no", "former", "cancelled"])
def test_S_07_a_cancelled_transfer_puts_the_patient_back(ward, in_every_order, named):
    """S07: the former place is current again, whichever place A12 names, if any."""
    found = in_every_order(
        ward.says("A01", PID, pv1()),
        ward.says("A02", PID, pv1(place="W2^2^B", before="W1^1^A")),
        ward.says("A12", BRIEF, pv1(place=named, before="W1^1^A" if named == "W2^2^B" else "")),
    )
    assert places(found["Encounter"][0]) == ["W1, 1, A"]


def test_S_08_a_preadmission_is_cancelled_or_becomes_the_stay(ward, in_every_order):
    """S08: A05 then A38 is cancelled; A05 then A01 is the same Encounter, in progress."""
    found = in_every_order(ward.says("A05", PID, pv1(kind="P")), ward.says("A38", BRIEF, pv1(kind="P")))
    assert [one["status"] for one in found["Encounter"]] == ["cancelled"]
    found = in_every_order(ward.says("A05", PID, pv1(kind="P")), ward.says("A01", PID, pv1()))
    assert [one["status"] for one in found["Encounter"]] == ["in-progress"]


@pytest.mark.parametrize(
    ("events", "status"),
    [
        (("A01", "A16", "A25"), "in-progress"),
        (("A01", "A15", "A26"), "in-progress"),
        (("A14", "A27"), "cancelled"),
        (("A01", "A10", "A32"), "in-progress"),
        (("A01", "A09", "A33"), "in-progress"),
        (("A01", "A21", "A52"), "in-progress"),
        (("A01", "A21", "A22", "A53"), "onleave"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else value,
)
def test_S_06_every_cancel_returns_to_the_former_state(ward, in_every_order, events, status):
    """Each cancelling event takes back the event that it names, and no other."""
    found = in_every_order(*(ward.says(event, PID, pv1()) for event in events))
    assert [one["status"] for one in found["Encounter"]] == [status]


def test_S_06_a_cancelled_change_of_doctor_brings_the_former_back(ward, in_every_order):
    """A55 after A54: the attending doctor of the admission again, also if A55 repeats the other."""
    for named in ("", "D8^Deputy^Dan"):
        found = in_every_order(
            ward.says("A01", PID, pv1(doctor="C7^Consult^Clara")),
            ward.says("A54", PID, pv1(doctor="D8^Deputy^Dan")),
            ward.says("A55", BRIEF, pv1(doctor=named)),
        )
        (participant,) = found["Encounter"][0]["participant"]
        assert participant["individual"]["display"] == "Clara Consult"


def test_two_patients_swap_beds(ward, in_every_order):
    """A17: each of the two has the place of the other; nobody else is touched."""
    other = "PID|1||4712^^^RXX^MR||HOLLIN^Tobias"
    found = in_every_order(
        ward.says("A01", PID, pv1("W1^1^A", "V-1")),
        ward.says("A01", other, pv1("W2^2^B", "V-2")),
        ward.says("A17", BRIEF, pv1("W2^2^B", "V-1"), other, pv1("W1^1^A", "V-2")),
    )
    where = {one["identifier"][0]["value"]: places(one) for one in found["Encounter"]}
    assert where == {"V-1": ["W2, 2, B"], "V-2": ["W1, 1, A"]}


def test_bed_status_is_kept(ward, checked, reasons):
    """A20 is about a bed and nobody in it: kept as it came, not parked for want of a patient."""
    batch = checked(ward.says("A20", "NPU|W1^1^A|C"))
    assert batch.quarantine is None and ("kept", "message-not-mapped") in reasons(batch)
    assert [one["resourceType"] for one in batch.resources] == ["Basic"]


def test_S_19_a_deleted_person_and_visit_stay_on_record(ward, in_every_order):
    """S19: A29 makes the Patient inactive, A23 the Encounter entered-in-error; an A28 later adds her again."""
    added, visit = ward.says("A28", PID), ward.says("A01", PID, pv1())
    gone = ward.says("A23", BRIEF, pv1()), ward.says("A29", BRIEF)
    found = in_every_order(added, visit, *gone)
    assert found["Patient"][0]["active"] is False and found["Patient"][0]["birthDate"] == "1958-07-04"
    assert found["Encounter"][0]["status"] == "entered-in-error"
    assert "active" not in in_every_order(added, gone[1], ward.says("A28", PID))["Patient"][0]


def test_S_33_a_null_deletes_and_silence_does_not(ward, in_every_order):
    """S33: PID-13 `""` removes the home phone and nothing else; an empty PID-13 removes nothing."""
    known = ward.says("A01", PID, pv1())
    silent, deleting = ward.says("A08", BRIEF), ward.says("A08", BRIEF + '||||||||""')
    phones = {"home": "0113 496 0000", "work": "0113 496 0001"}
    (patient,) = in_every_order(known, silent)["Patient"]
    assert {one["use"]: one["value"] for one in patient["telecom"]} == phones
    (patient,) = in_every_order(known, silent, deleting)["Patient"]
    assert [one["use"] for one in patient["telecom"]] == ["work"] and "address" in patient


def test_S_33_a_null_reaches_elements_of_every_kind(ward, in_every_order):
    """`""` deletes a simple element, a member of an object and one role among the participants."""
    known = ward.says("A01", PID, pv1(came="202601020100", left="202601020500", doctor="C7^Consult^Clara"))
    pid = 'PID|1||4711^^^RXX^MR||WARDLESS^Winifred||""|""'
    found = in_every_order(known, ward.says("A08", pid, pv1(doctor='""', left='""')))
    (patient,), (encounter,) = found["Patient"], found["Encounter"]
    assert not {"birthDate", "gender"} & patient.keys() and "address" in patient
    assert set(encounter["period"]) == {"start"} and "participant" not in encounter


def test_S_33_a_list_is_replaced_by_its_own_field_alone(ward, in_every_order):
    """A new home phone replaces home phones; the business phone of PID-14 stays."""
    found = in_every_order(ward.says("A01", PID), ward.says("A08", BRIEF + "||||||||0113 496 0999"))
    phones = {one["use"]: one["value"] for one in found["Patient"][0]["telecom"]}
    assert phones == {"home": "0113 496 0999", "work": "0113 496 0001"}
