"""Given files: what is sent is what was in them, and who can be asked for is what they say."""

import json

import pytest

from gateway.sandbox.mocks.files import NHS_NUMBER, given_bundle, given_document, given_messages

MSH = b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|%d|P|2.4"
PID = b"PID|1||%s^^^HOSP^MR~9990000018^^^NHS^NH||Doe^Jo"


def write(folder, name, body):
    path = folder / name
    path.write_bytes(body)
    return path


def test_a_bundle_is_found_by_every_identifier_of_its_patient(tmp_path):
    """System and value stand as in the file, whatever the value looks like; the bytes are untouched."""
    identifiers = [{"system": NHS_NUMBER, "value": "{{template}}"}, {"system": "urn:x", "value": "7"}]
    bundle = {
        "resourceType": "Bundle",
        "entry": [{"resource": {"resourceType": "Patient", "identifier": identifiers}}],
    }
    body = json.dumps(bundle, indent=3).encode() + b"\n\n"
    given = given_bundle(write(tmp_path, "a.json", body))
    assert given.identifiers == ((NHS_NUMBER, "{{template}}"), ("urn:x", "7"))
    assert given.parts == (body,) and given.refused is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[]", "not a FHIR Bundle"),
        (b'{"resourceType":"OperationOutcome"}', "a FHIR OperationOutcome, not a Bundle"),
        (b'{"resourceType":"Bundle","entry":[1,{"resource":null}]}', "no Patient with an identifier"),
        (b'{"resourceType":"Bundle","entry":{}}', "no Patient with an identifier"),
    ],
)
def test_what_is_no_bundle_is_named_with_its_reason(tmp_path, body, reason):
    """A file that is nobody's record is refused in words; the mock goes on with the others."""
    assert given_bundle(write(tmp_path, "x.json", body)).refused == reason


def test_a_missing_file_is_refused_in_words(tmp_path):
    """No traceback for a path that is not there."""
    for read in (given_bundle, given_document, given_messages):
        assert read(tmp_path / "nowhere").refused == "the file cannot be read"


def test_a_document_is_found_by_the_ids_of_its_record_target_alone(tmp_path):
    """NHS numbers by FHIR system and OID, others by OID or UUID; ids of the provider organisation are not his.

    The undeclared `sdtc` prefix, common in public files, does no harm.
    """
    body = b"""<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.1"/>
    <recordTarget><patientRole><id root="2.16.840.1.113883.2.1.4.1" extension="999 000 0018"/>
    <id root="1.2.3" extension="A7"/><id root="0A4E8DC4-0000-4000-8000-0000000000AA"/>
    <id nullFlavor="UNK"/><patient><sdtc:deceasedInd value="false"/></patient>
    <providerOrganization><id root="9.9" extension="ORG"/></providerOrganization>
    </patientRole></recordTarget></ClinicalDocument>"""
    given = given_document(write(tmp_path, "d.xml", body))
    assert given.identifiers == (
        (NHS_NUMBER, "9990000018"),
        ("urn:oid:2.16.840.1.113883.2.1.4.1", "999 000 0018"),
        ("urn:oid:1.2.3", "A7"),
        ("urn:ietf:rfc:3986", "urn:uuid:0a4e8dc4-0000-4000-8000-0000000000aa"),
    )
    assert given.parts == (body,)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the file is empty"),
        (b"<a><b></a>", "not well-formed XML"),
        (b"<section/>", "not a CDA document"),
        (b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>', "no patient identifier under an OID or UUID"),
    ],
)
def test_what_is_no_document_is_named_with_its_reason(tmp_path, body, reason):
    """Malformed XML, a fragment and a document about nobody are told apart."""
    assert given_document(write(tmp_path, "x.xml", body)).refused == reason


def test_several_messages_are_split_and_otherwise_unchanged(tmp_path):
    """Batch envelope, framing and byte order mark go; line ends and blanks of each message stay."""
    first = MSH % 1 + b"\n" + PID % b"M1" + b"\n"
    second = MSH % 2 + b"\r\n" + PID % b"M2" + b"\r\n"
    body = b"\xef\xbb\xbfFHS|^~\\&|x\rBHS|^~\\&|x\r\x0b" + first + b"\x1c\r" + second + b"BTS|2\rFTS|1\r"
    given = given_messages(write(tmp_path, "m.hl7", body))
    assert given.parts == (first, second)
    assert given.identifiers == (("HOSP", "M1"), ("NHS", "9990000018"), ("HOSP", "M2"))


def test_identifiers_follow_the_separators_of_the_message(tmp_path):
    """A message with separators of its own is read by them."""
    body = b"MSH#*%\\&#A#B#C#D#20260101##ADT*A01#1#P#2.3\rPID#1##77***LOC*MR\r"
    assert given_messages(write(tmp_path, "m.hl7", body)).identifiers == (("LOC", "77"),)


def test_a_file_without_a_message_is_refused(tmp_path):
    """Text that holds no MSH segment is no HL7 file."""
    assert given_messages(write(tmp_path, "m.hl7", b"hello\nMSH\n")).refused == "no MSH segment"
