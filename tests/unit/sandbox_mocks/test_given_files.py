"""Given files before anything runs: their names, what they are instead, and which can be served together."""

import json
import os

import pytest

from gateway.sandbox.given_files import (
    MOST_ROUNDS,
    MOST_ROWS,
    problems,
    read_files,
    rounds,
    shortened,
    told_from_line,
)
from gateway.sandbox.mocks.files import NHS_NUMBER, given_bundle, given_document, given_messages
from gateway.sandbox.mocks.mllp import NoAck, ack_from_frame


def bundle(number="9990000018", id="p1", note="x"):
    patient = {"resourceType": "Patient", "id": id, "identifier": [{"system": NHS_NUMBER, "value": number}]}
    return json.dumps({"resourceType": "Bundle", "id": note, "entry": [{"resource": patient}]}).encode()


def message(control="c1", mrn="M1", name="Doe^Jo", born="19700101"):
    pid = f"PID|1||{mrn}^^^HOSP^MR||{name}||{born}|F"
    return f"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|{control}|P|2.5\r{pid}\r".encode()


def letter(id="1", name="Doe", born="19700101", patient='<id root="1.2.3" extension="A7"/>'):
    return f"""<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.9" extension="{id}"/><recordTarget>
    <patientRole>{patient}<patient><name><family>{name}</family></name><birthTime value="{born}"/></patient>
    </patientRole></recordTarget></ClinicalDocument>""".encode()


def write(folder, name, body):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(body)
    return path


def names(turns, provider):
    return [[one.name for one in turn.get(provider, ())] for turn in turns]


@pytest.mark.parametrize(
    ("read", "body", "words"),
    [
        (given_bundle, message(), "HL7 v2 messages: they belong to --hospital"),
        (given_bundle, letter(), "a CDA document: it belongs to --specialist"),
        (given_bundle, bundle() + b"\n" + bundle(), "several JSON values, one a line"),
        (given_messages, bundle(), "a FHIR Bundle: it belongs to --gp"),
        (given_messages, b"", "the file is empty"),
        (given_document, message(), "HL7 v2 messages: they belong to --hospital"),
        (given_document, b"%PDF-1.4\n%\xe2\xe3", "a PDF"),
        (given_document, b'<Patient xmlns="http://hl7.org/fhir"/>', "FHIR as XML, which is not taken in"),
        (given_document, letter(patient=""), "no patient identifier under an OID or UUID"),
        (given_messages, b"\0\1\2\3", "not a text"),
    ],
)
def test_a_file_under_the_wrong_option_is_told_where_it_belongs(tmp_path, read, body, words):
    """The reason says what the file is instead, from its first bytes."""
    assert read(write(tmp_path, "f", body)).refused == words


def test_what_would_never_end_is_not_read(tmp_path):
    """A pipe and a folder are refused in words: reading one would hang, reading the other fail."""
    os.mkfifo(tmp_path / "pipe")
    for read in (given_bundle, given_messages, given_document):
        assert read(tmp_path / "pipe").refused == "not a regular file"
        assert read(tmp_path).refused == "a folder, not a file"


def test_messages_in_utf_16_are_read(tmp_path):
    """MLLP cannot carry UTF-16, so such a file is sent as UTF-8."""
    given = given_messages(write(tmp_path, "m", message().decode().encode("utf-16")))
    assert given.parts == (message(),)


def test_lines_before_the_first_message_are_counted(tmp_path):
    """They belong to no message and are not sent: the tour says how many."""
    given = given_messages(write(tmp_path, "m", b"# export\r\n\r\n" + message()))
    assert given.skipped == 1 and given.parts == (message(),)


def test_every_file_has_a_name_of_its_own_that_can_be_printed(tmp_path):
    """Two of one name are told apart by folder, the same one twice by number; control characters go."""
    first, second = write(tmp_path, "a/m", message("1")), write(tmp_path, "b/m", message("2"))
    odd = write(tmp_path, "c/\x1b[31m", message("3"))
    found = read_files({"hospital": (first, second, second, odd)})["hospital"]
    assert [one.name for one in found] == ["a/m", "b/m", "b/m (2)", "\\x1b[31m"]


def test_a_name_that_is_no_text_can_be_printed(tmp_path):
    """A file name of bytes that are no UTF-8 becomes text before anything prints it."""
    path = tmp_path / os.fsdecode(b"bad\xff")
    path.write_bytes(message())
    (one,) = read_files({"hospital": (path,)})["hospital"]
    assert one.name.encode("utf-8").startswith(b"bad")


def test_two_records_under_one_number_are_served_apart(tmp_path):
    """A GP system has one record for a number; the same bytes again are the same record."""
    paths = [write(tmp_path, n, bundle(note=n)) for n in "ab"] + [write(tmp_path, "c", bundle(note="a"))]
    turns = rounds(read_files({"gp": paths}))
    assert names(turns, "gp") == [["a", "c"], ["b"]]


def test_documents_under_one_identifier_that_name_two_people_are_served_apart(tmp_path):
    """Birth date and name both differ: two people. One of them alone may be a correction: one person."""
    files = [
        write(tmp_path, "one", letter("1")),
        write(tmp_path, "corrected", letter("2", name="Dow")),
        write(tmp_path, "other", letter("3", name="Else", born="19900909")),
        write(tmp_path, "same-id", letter("1", born="19700102")),
    ]
    turns = rounds(read_files({"specialist": files}))
    assert names(turns, "specialist") == [["one", "corrected"], ["other"], ["same-id"]]


def test_messages_that_reuse_a_control_id_are_served_apart_and_those_of_one_patient_together(tmp_path):
    """The same control id with other content would be refused; other messages of a patient are not split."""
    files = [
        write(tmp_path, "admitted", message("1")),
        write(tmp_path, "corrected", message("2", name="Doe^Joan")),
        write(tmp_path, "reused", message("1", mrn="M2", name="Roe^Al", born="19800101")),
        write(tmp_path, "again", message("1")),
    ]
    turns = rounds(read_files({"hospital": files}))
    assert names(turns, "hospital") == [["admitted", "corrected", "again"], ["reused"]]


def test_a_visit_that_two_patients_claim_is_served_apart_unless_it_is_moved(tmp_path):
    """One visit number is one visit of one patient; a message that moves it says so itself."""
    visit = b"PV1|1|I" + b"|" * 17 + b"V7\r"
    files = [
        write(tmp_path, "first", message("1") + visit),
        write(tmp_path, "second", message("2", mrn="M2", name="Roe^Al", born="19800101") + visit),
        write(tmp_path, "moved", message("3", mrn="M3") + b"MRG|M1^^^HOSP^MR\r" + visit),
    ]
    turns = rounds(read_files({"hospital": files}))
    assert names(turns, "hospital") == [["first", "moved"], ["second"]]


def test_too_many_contradicting_files_are_named(tmp_path):
    """The time that a demo may take ends somewhere: what is not served is refused in words."""
    paths = [write(tmp_path, f"{n}", bundle(note=f"{n}")) for n in range(MOST_ROUNDS + 1)]
    found = read_files({"gp": paths})
    assert len(rounds(found)) == MOST_ROUNDS
    assert [bool(one.given.refused) for one in found["gp"]] == [False] * MOST_ROUNDS + [True]


def test_a_part_that_never_arrived_is_a_problem(tmp_path):
    """Nothing is lost silently: what the node does not keep is named with its file."""
    (one,) = read_files({"gp": [write(tmp_path, "a", bundle())]})["gp"]
    one.parts[0].told = "failed unreachable"
    assert problems([one], {}) == [
        {"file": "a", "part": 1, "answer": "failed unreachable", "reason": "it never reached the node"}
    ]


def test_acknowledgements_are_told_in_words():
    """Code, error and its meaning; or why none came."""
    assert told_from_line({"code": "AA", "error": ""}) == "AA"
    assert told_from_line({"code": "AE", "error": "101"}) == "AE 101 Required field missing"
    assert told_from_line({"code": None, "outcome": "timeout"}) == "no acknowledgement: timeout"


def test_the_error_of_an_old_version_is_found_in_its_first_field():
    """Before 2.5 the code stands in ERR-1.4: without it a resend that was asked for would not happen."""
    head = b"\x0bMSH|^~\\&|A|B|C|D|20260101||ACK|1|P|2.3\rMSA|AE|7\r"
    assert ack_from_frame(head + b"ERR|PID^1^3^207&Application internal error&HL70357\r\x1c\r").error == "207"
    assert ack_from_frame(head + b"ERR||PID^1|101^Required field missing|E\r\x1c\r").error == "101"
    assert ack_from_frame(head + b"\x1c\r").error == ""
    with pytest.raises(NoAck):
        ack_from_frame(b"\x0bMSH|^~\\&|A\r\x1c\r")


def test_a_long_table_says_how_much_it_leaves_out():
    """A thousand files do not flood the terminal, and none is left out unsaid."""
    rows = [{"file": str(n)} for n in range(MOST_ROWS + 3)]
    assert shortened(rows)[-1] == {"file": "… and 3 more"} and shortened(rows[:2]) == rows[:2]
