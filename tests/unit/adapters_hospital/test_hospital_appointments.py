"""SIU: when, where, with whom, and what became of it."""

import pytest

PID = "PID|1||9990001006^^^NHS^NH||WARDLESS^Winifred||19580704|F"
PV1 = "PV1|1|O|||||||||||||||||V-12^^^RXX"
SCH = (
    "SCH|PA-1^RXX|FA-1^RXX||||^Snow|^Check-up|FOLLOWUP^Follow up^HL70277|30|min|"
    "^^^20260401090000^20260401093000|||||C7^Consult^Clara||||||||||PL-1^RXX"
)
AIS = "AIS|1||99213^Office visit^C4|20260401090000|||30|min"
AIP = "AIP|1||N3^Needle^Nora|ATND^Attending^HL70182||20260401090000|||30|min||CONFIRM"
AIL = "AIL|1||CLIN2^R4^^RXX"
AIG = "AIG|1||US-2^Ultrasound|EQ"


def message(event, *rest, sch=SCH):
    header = rf"MSH|^~\&|SCHED|RXX|EXCH|RXX|20260301102000||SIU^{event}^SIU_S12|SIU-1|P|2.5.1"
    return (header, sch, "NTE|1||Bring the letter", PID, PV1, "RGS|1", *rest)


def test_appointment_with_all_its_resources(checked, only, reasons):
    """Numbers, times, service, reason, note, order; patient, clinician, room, equipment and contact take part."""
    batch = checked(message("S12", AIS, AIG, AIL, AIP))
    booked = only(batch, "Appointment")
    assert booked["status"] == "booked" and booked["minutesDuration"] == 30
    assert (booked["start"], booked["end"]) == ("2026-04-01T09:00:00+01:00", "2026-04-01T09:30:00+01:00")
    assert booked["serviceType"][0]["coding"][0]["code"] == "99213"
    assert booked["reasonCode"][0]["text"] == "Check-up" and booked["comment"] == "Bring the letter"
    assert booked["basedOn"][0]["identifier"]["value"] == "PL-1"
    actors = [one["actor"] for one in booked["participant"]]
    kinds = [one.get("reference", "").partition("/")[0] for one in actors]
    assert kinds == ["Patient", "", "Location", "Practitioner", "Practitioner"]
    assert actors[1]["identifier"]["value"] == "US-2"
    visit = only(batch, "Encounter")
    assert visit["status"] == "planned"
    assert visit["appointment"] == [{"reference": f"Appointment/{booked['id']}"}]
    assert ("kept", "message-not-mapped") not in reasons(batch)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("S13", "booked"),
        ("S14", "booked"),
        ("S15", "cancelled"),
        ("S17", "entered-in-error"),
        ("S26", "noshow"),
    ],
)
def test_the_event_moves_the_same_appointment(event, status, checked, only):
    """Whatever happens to it, it stays one appointment; only an end by agreement has a reason."""
    found = only(checked(message(event)), "Appointment")
    assert found["status"] == status
    assert found["id"] == only(checked(message("S12")), "Appointment")["id"]
    assert ("cancelationReason" in found) == (status in ("cancelled", "noshow"))


def test_end_comes_from_the_duration(checked, only):
    """No end anywhere: start plus duration, on the clock of the start."""
    sch = SCH.replace("^^^20260401090000^20260401093000", "^^^202604012350+0200").replace("|30|min", "|1|hr")
    found = only(checked(message("S12", sch=sch)), "Appointment")
    assert (found["start"], found["end"]) == ("2026-04-01T23:50:00+02:00", "2026-04-02T00:50:00+02:00")
    assert found["minutesDuration"] == 60


def test_start_comes_from_the_earliest_resource(checked, only):
    """Newer versions state times in the resources alone."""
    sch = SCH.replace("^^^20260401090000^20260401093000", "")
    later = AIP.replace("20260401090000", "20260401091500")
    found = only(checked(message("S12", later, AIS, sch=sch)), "Appointment")
    assert (found["start"], found["end"]) == ("2026-04-01T09:00:00+01:00", "2026-04-01T09:30:00+01:00")
    period = next(one["period"] for one in found["participant"] if "period" in one)
    assert period == {"start": "2026-04-01T09:15:00+01:00", "end": "2026-04-01T09:45:00+01:00"}


def test_day_without_time_invents_none(checked, only):
    """A day alone is a requested period; start and end are said to be absent, never midnight."""
    sch = SCH.replace("^^^20260401090000^20260401093000", "^^^20260401")
    found = only(checked(message("S12", sch=sch)), "Appointment")
    assert "start" not in found and found["_start"]["extension"][0]["valueCode"] == "unknown"
    assert found["requestedPeriod"] == [{"start": "2026-04-01"}]


def test_status_of_the_filler(checked, only):
    """SCH-25 says it when the event does not; without it the status is assumed."""
    sch = SCH.split("|") + [""] * 3
    sch[25] = "Complete"
    assert only(checked(message("S14", sch="|".join(sch))), "Appointment")["status"] == "fulfilled"
    assumed = only(checked(message("S14")), "Appointment")
    assert {"system": "urn:carepact:assumed", "code": "status"} in assumed["meta"]["tag"]


def test_group_appointment_has_all_of_its_patients(checked, only):
    """Two PIDs, one SCH: one Appointment with both."""
    second = PID.replace("9990001006", "9990000018")
    found = only(checked([*message("S12")[:4], second, "RGS|1", AIS]), "Appointment")
    actors = [one["actor"]["reference"].partition("/")[0] for one in found["participant"]]
    assert actors.count("Patient") == 2


def test_appointment_of_nobody_is_parked(normalise):
    """Without any patient it is parked, not stored as somebody's."""
    lines = [line for line in message("S12", AIS) if not line.startswith("PID")]
    assert normalise(lines).quarantine == "no-patient"
