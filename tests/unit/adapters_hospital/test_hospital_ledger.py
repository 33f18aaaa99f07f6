"""What becomes of everything else: kept, parked, failed alone, marked."""

import pytest

from adapters.codec import encode
from adapters.hospital.messages import adt


def test_z_segment_is_kept_raw(normalise, admission, only, marks):
    """A Z segment is whole in a Basic, restricted, with one line over all of its values."""
    batch = normalise([*admission, "ZPI|1|VIP club^gold"])
    basic = only(batch, "Basic")
    parts = {p["url"]: p["valueString"] for p in basic["extension"][0]["extension"]}
    assert parts == {"position": "ZPI[1]", "value": "ZPI|1|VIP club^gold"}
    assert marks(basic) == {"R"}
    line = next(e for e in batch.losses.entries if e.disposition == "kept")
    assert (line.position, line.items, line.reason) == ("ZPI[1]", 3, "z-segment")
    assert line.resource == f"Basic/{basic['id']}"


def test_unmapped_message_keeps_patient_and_the_rest(normalise, admission, only, reasons):
    """Any other message: Patient and Encounter, everything else raw, and the status says partial."""
    lines = [admission[0].replace("ADT^A01^ADT_A01", "DFT^P03"), *admission[2:], "PR1|1|2"]
    batch = normalise(lines)
    only(batch, "Patient")
    only(batch, "Encounter")
    assert ("kept", "message-not-mapped") in reasons(batch)
    assert not [r for r in batch.resources if r["resourceType"] == "AllergyIntolerance"]
    assert batch.losses.status == "partial"


def test_merge_of_accounts_is_kept(normalise, admission, reasons):
    """A41 is about accounts, which no resource holds: MRG raw, nobody merged."""
    lines = [line.replace("^A01^ADT_A01", "^A41") for line in admission] + ["MRG|4712^^^RXX^MR"]
    batch = normalise(lines)
    assert ("kept", "message-not-mapped") in reasons(batch)
    assert not any("link" in one for one in batch.resources)


def test_message_without_patient_identifier_is_parked(normalise, admission, reasons):
    """S35: nobody is identified, so nothing enters a record, and the ledger says why."""
    batch = normalise([line.replace("9990001006^^^NHS^NH~4711^^^RXX^MR", "") for line in admission])
    assert (batch.quarantine, batch.resources, batch.provenance) == ("no-patient", (), None)
    assert ("failed", "no-patient") in reasons(batch)
    assert batch.losses.balanced and batch.losses.status == "partial"


def test_results_without_any_pid_are_parked(normalise, result):
    """Results of nobody are not the results of somebody."""
    assert normalise([result[0], *result[3:]]).quarantine == "no-patient"


def test_acknowledgement_of_a_peer_is_no_patient_message(normalise):
    """A message that is about no patient is kept and not quarantined."""
    batch = normalise([r"MSH|^~\&|A|B|C|D|20260101||ACK|9|P|2.5", "MSA|AA|1"])
    assert batch.quarantine is None and batch.losses.balanced


@pytest.mark.parametrize("mark", ["T", "D"])
def test_test_messages_are_parked(mark, normalise, admission):
    """A training message never becomes a record, unless the feed says so."""
    lines = [admission[0].replace("|P|2.5", f"|{mark}|2.5"), *admission[1:]]
    batch = normalise(lines)
    assert (batch.quarantine, batch.resources) == ("test", ())
    assert normalise(lines, test_messages="accept").quarantine is None


def test_what_is_no_message_is_unreadable(normalise):
    """Bytes without MSH end as error, with a count and no exception."""
    for body in (b"", b"hello\r\nworld", b"PID|1||1", b"\x00\xff\xfe"):
        batch = normalise(body)
        assert batch.quarantine == "unreadable"
        assert batch.losses.status == "error" and batch.losses.balanced


def test_message_without_control_id(normalise, admission, reasons):
    """Without MSH-10 the message is mapped, has no control key, and says so."""
    batch = normalise([admission[0].replace("ADM-1", ""), *admission[1:]])
    assert batch.control == "" and batch.resources
    assert ("assumed", "no-key") in reasons(batch)


def test_event_time_and_control(normalise, admission):
    """EVN-6 in UTC is the event time, MSH-13 the sequence, MSH-3, 4, 10 the control key."""
    batch = normalise([admission[0] + "|17", *admission[1:]])
    assert batch.event_time == "2026-01-15T14:15:00.000000Z"
    assert batch.sequence == 17
    assert batch.control == "PAS\x1fRXX\x1fADM-1"
    summer = [line.replace("20260115141500", "20260715141500") for line in admission]
    assert normalise(summer).event_time == "2026-07-15T13:15:00.000000Z"
    assert normalise(summer, zone=None).event_time == "2026-07-15T14:15:00.000000Z"


def test_defect_in_one_unit_leaves_its_siblings(normalise, admission, only, monkeypatch):
    """Rule 11: an exception in one AL1 is that unit's failure, with our file and line; the rest goes on."""
    real = adt.allergy_from_al1

    def broken(context, al1, patient):
        real(context, al1, patient)
        if al1.text(1) == "1":
            raise KeyError("secret value")
        return real(context, al1, patient)

    monkeypatch.setattr(adt, "allergy_from_al1", broken)
    batch = normalise([*admission, "AL1|2|FA|^Nuts"])
    assert only(batch, "AllergyIntolerance")["code"]["text"] == "Nuts"
    line = next(e for e in batch.losses.entries if e.reason == "mapping-defect")
    assert line.disposition == "failed" and (line.position, line.items) == ("AL1[1]", 9)
    assert "secret" not in repr(batch.losses)
    assert batch.losses.balanced
    patient = only(batch, "Patient")
    assert {"system": "urn:carepact:incomplete", "code": "section-failed"} in patient["meta"]["tag"]


def test_reference_to_a_failed_unit_becomes_logical(normalise, result, monkeypatch):
    """A bundle is closed: what could not be built is named, not linked."""
    from adapters.hospital.messages import oru

    def broken(*_):
        raise ValueError

    monkeypatch.setattr(oru, "fill_report", broken)
    batch = normalise(result)
    text = encode(list(batch.resources)).decode()
    ids = {f"{one['resourceType']}/{one['id']}" for one in batch.resources}
    assert "DiagnosticReport" not in {one["resourceType"] for one in batch.resources}
    for one in batch.resources:
        for link in one.get("basedOn", ()):
            assert link.get("reference") in ids or "identifier" in link
    assert batch.losses.balanced and text


def test_confidential_message_marks_everything(normalise, admission, marks):
    """MSH-26 covers all resources of the message."""
    header = admission[0] + "|" * 14 + "V"
    batch = normalise([header, *admission[1:]])
    assert all("V" in marks(one) for one in batch.resources)


def test_marks_on_patient_and_encounter(normalise, admission, only, marks):
    """PD1-12, PV1-16, PV2-22 and ARV-3 are on Patient and Encounter; the highest confidentiality wins."""
    lines = list(admission)
    lines[3] = "PD1||||||||||||Y"
    fields = lines[5].split("|") + [""] * 3
    fields[16] = "VIP"
    lines[5] = "|".join(fields)
    lines += ["PV2|" + "|" * 21 + "Y", "ARV|1|A|PSY~ALL", "ARV|2|D|HIV"]
    batch = normalise(lines)
    assert marks(only(batch, "Patient")) == {"R", "CEL", "PSY"}
    assert marks(only(batch, "Encounter")) == {"R", "CEL", "PSY"}
    assert marks(only(batch, "AllergyIntolerance")) == set()


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("PSY", {"PSY"}),
        ("AID", {"HIV"}),
        ("U", {"N"}),
        ("V", {"V"}),
        ("UWM", {"R"}),
        ("ETH", {"ETHUD"}),
        ("?", {"R"}),
    ],
)
def test_order_marks(code, wanted, normalise, result, marks):
    """ORC-28 is on the whole order group; a code that we do not know restricts rather than vanishes."""
    fields = result[3].split("|") + [""] * 30
    fields[28] = code
    batch = normalise([*result[:3], "|".join(fields), *result[4:]])
    for one in batch.resources:
        if one["resourceType"] in ("DiagnosticReport", "Observation", "ServiceRequest", "Specimen"):
            assert marks(one) == wanted
        if one["resourceType"] == "Patient":
            assert marks(one) == set()


def test_fields_past_the_end_are_kept(normalise, admission, only, reasons):
    """A field that the standard does not know is kept raw, with a warning."""
    lines = list(admission)
    lines[6] = lines[6] + "|" * 4 + "surprise"
    batch = normalise(lines)
    assert ("kept", "unknown-field") in reasons(batch)
    assert "surprise" in encode(only(batch, "Basic")).decode()


def test_batch_is_one_state_and_one_ledger(normalise, admission, reasons):
    """Several messages in one body: units numbered, sums added, the newest state, one Provenance a message."""
    later = [
        line.replace("ADM-1", "ADM-2").replace("20260115141500", "20260116141500", 1) for line in admission
    ]
    later[1] = later[1].replace("20260115141500", "20260116141500")
    later[2] = later[2].replace("Winifred", "Winnie")
    body = "\r".join(["BHS|^~\\&|X", *later, *admission, "BTS|3"]).encode()
    batch = normalise(body)
    names = [one["name"][0]["given"][0] for one in batch.resources if one["resourceType"] == "Patient"]
    assert names == ["Winnie"]
    assert {entry.unit for entry in batch.losses.entries} == {1, 2}
    assert ("assumed", "count-mismatch") in reasons(batch)
    assert batch.losses.balanced
    kinds = [one["resourceType"] for one in batch.resources]
    assert kinds.count("Provenance") == 1 and batch.provenance


def test_broken_message_in_a_batch_stays_alone(normalise, admission):
    """S34: the third of five without identifier is parked; the other four have their effect."""
    bodies = []
    for number in range(1, 6):
        pid = admission[2].replace("9990001006^^^NHS^NH~4711", "" if number == 3 else f"800{number}")
        bodies.append([admission[0].replace("ADM-1", f"ADM-{number}"), admission[1], pid])
    body = "\r".join(line for message in bodies for line in message).encode()
    batch = normalise(body)
    assert sum(one["resourceType"] == "Patient" for one in batch.resources) == 4
    assert {e.unit for e in batch.losses.entries if e.reason == "no-patient"} == {3}
    assert batch.quarantine is None
