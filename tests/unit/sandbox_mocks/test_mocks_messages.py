"""The hospital's HL7 v2 messages, field by field as HL7 v2.5.1 numbers them."""

from datetime import date

import pytest

from gateway.sandbox.mocks.hospital_messages import escape, messages_of, stamp
from gateway.sandbox.mocks.population import Population

POPULATION = Population(7, date(2026, 11, 22), records=60)


def messages(label):
    patient = POPULATION.find(label)
    return messages_of(patient, patient.hospital, POPULATION.seed)


def segments(message, name):
    """The fields of every segment of a name; index = field number (MSH shifted, as MSH-1 is the separator)."""
    lines = message.body.decode("utf-8").split("\r")
    found = [line.split("|") for line in lines if line.startswith(name + "|")]
    return [["MSH", "|", *fields[1:]] for fields in found] if name == "MSH" else found


def test_a_stay_is_admission_update_results_and_discharge():
    """The full record comes as A01, A08, three ORU and A03, in the order of event time."""
    sent = messages("patient_with_full_record")
    assert [m.event for m in sent] == ["A01", "A08", "R01", "R01", "R01", "A03"]
    times = [segments(m, "MSH")[0][7] for m in sent]
    assert times == sorted(times)


def test_header_fields_stand_where_the_standard_puts_them():
    """MSH-9, 10, 11, 12 and 18, and control ids that are never used twice."""
    every = [m for p in POPULATION.known_to("hospital") for m in messages(p.label)]
    for message in every:
        msh = segments(message, "MSH")[0]
        assert msh[9].split("^")[1] == message.event
        assert (msh[10], msh[11], msh[12], msh[18]) == (message.control, "P", "2.5.1", "UNICODE UTF-8")
        assert len(message.control) <= 20
    assert len({m.control for m in every}) == len(every)


def test_patient_and_visit_fields():
    """PID-3, 5, 7, 8, 11, 13 and PV1-2, 19, 44; PV1-45 on the discharge alone."""
    person = POPULATION.find("patient_with_full_record").person
    sent = messages("patient_with_full_record")
    for message in sent:
        pid = segments(message, "PID")[0]
        pv1 = segments(message, "PV1")[0]
        assert pid[3].split("~")[0] == f"{person.nhs_number}^^^NHS^NH"
        assert pid[3].split("~")[1] == f"{person.mrn}^^^RXX^MR"
        assert pid[5].startswith(f"{person.family}^{person.given}")
        assert pid[7] == person.born.replace("-", "") and pid[8] == "F"
        assert person.postcode in pid[11] and person.phone in pid[13]
        assert pv1[2] == "I" and pv1[19] == "V00001^^^RXX^VN" and pv1[44] == "20261102081500"
        assert (len(pv1) > 45) == (message.event == "A03")


def test_the_update_says_more_than_the_admission():
    """A08 carries the second diagnosis and allergy: reading A01 alone loses half."""
    a01, a08 = messages("patient_with_full_record")[:2]
    assert [len(segments(m, "AL1")) for m in (a01, a08)] == [1, 2]
    assert [len(segments(m, "DG1")) for m in (a01, a08)] == [1, 2]
    assert segments(a08, "AL1")[0][3].endswith("^SCT") and segments(a08, "AL1")[0][4] == "SV"


def test_psychiatry_is_marked_on_its_order_group_alone():
    """ORC-28 is PSY on the psychiatric assessment and empty on the others."""
    orders = [segments(m, "ORC")[0] for m in messages("patient_with_full_record") if m.event == "R01"]
    assert [order[28].split("^")[0] if len(order) > 28 else "" for order in orders] == ["", "", "PSY"]


def test_a_sealed_stay_carries_an_access_restriction():
    """ARV-2 add, ARV-3 PSY on the admission of the sealed patient; nobody else has one."""
    arv = segments(messages("patient_with_sealed_psychiatry")[0], "ARV")[0]
    assert (arv[2], arv[3]) == ("A", "PSY")
    assert not any(segments(m, "ARV") for m in messages("patient_with_full_record"))


def test_results_keep_every_digit():
    """OBX-5 and OBX-7 are the laboratory's text: 1.10 and 0.00100 keep their zeros."""
    values = [obx[5] for m in messages("patient_with_exact_decimals") for obx in segments(m, "OBX")]
    assert values == ["4.10", "1.10", "0.00100", "150.00"]
    first = segments(messages("patient_with_exact_decimals")[0], "OBX")[0]
    assert (first[2], first[6], first[7], first[11]) == ("NM", "mmol/L^^UCUM", "3.50-5.30", "F")


def test_a_correction_names_the_same_order():
    """P, F and C arrive one after the other under one filler number, the last with another value."""
    orders = [m for m in messages("patient_with_corrected_result") if m.event == "R01"]
    assert [segments(m, "OBX")[0][11] for m in orders] == ["P", "F", "C"]
    assert [segments(m, "OBR")[0][25] for m in orders] == ["P", "F", "C"]
    assert len({segments(m, "OBR")[0][3] for m in orders}) == 1
    assert [segments(m, "OBX")[0][5] for m in orders] == ["6.9", "6.9", "4.6"]


def test_hostile_text_cannot_make_a_segment_or_a_field():
    """Line breaks and delimiters in names and notes are escaped: no forged segment, no shifted field."""
    for message in messages("patient_with_hostile_text"):
        lines = message.body.decode("utf-8").rstrip("\r").split("\r")
        assert b"\n" not in message.body
        assert {line[:3] for line in lines} <= {"MSH", "EVN", "PID", "PV1", "DG1", "ORC", "OBR", "OBX", "NTE"}
        assert len([line for line in lines if line.startswith("MSH")]) == 1
        assert len(segments(message, "PID")[0][5].split("^")) == 7


def test_partial_dates_keep_their_precision():
    """A year stays a year, a month a month."""
    update = messages("patient_with_partial_dates")[0]
    assert [dg1[5] for dg1 in segments(update, "DG1")][:2] == ["1975", "199104"]
    assert segments(update, "PID")[0][7] == "197002"


def test_absence_of_allergies_is_said():
    """No known allergy is an AL1 of its own code, not silence."""
    assert segments(messages("patient_with_no_known_allergies")[0], "AL1")[0][3].startswith("716186003^")


@pytest.mark.parametrize(
    ("date_text", "expected"),
    [
        ("1970", "1970"),
        ("1970-02", "197002"),
        ("1970-02-14", "19700214"),
        ("2026-11-22T09:30:00+01:00", "20261122093000"),
        ("2026-11-22T09:30:00Z", "20261122093000"),
    ],
)
def test_stamps(date_text, expected):
    """FHIR dates as HL7 TS of the same precision, without their offset."""
    assert stamp(date_text) == expected


def test_escapes():
    """Each delimiter by its own sequence; a line break by the formatting command."""
    assert escape("a|b^c&d~e\\f\r\ng") == "a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f\\.br\\g"
