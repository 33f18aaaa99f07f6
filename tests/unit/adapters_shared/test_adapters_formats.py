"""The format of an input is told by its bytes alone."""

import json

import pytest

from adapters.formats import sniff

MSH = r"MSH|^~\&|A|B|C|D|20260101||ADT^A01|1|P|2.5"
CDA = '<ClinicalDocument xmlns="urn:hl7-org:v3"/>'


@pytest.mark.parametrize(
    ("body", "format"),
    [
        (MSH.encode(), "hl7v2"),
        (b"\xef\xbb\xbf\x0b" + MSH.encode(), "hl7v2"),
        (b"\r\n  " + MSH.encode(), "hl7v2"),
        (MSH.encode("utf-16"), "hl7v2"),
        (rb"FHS|^~\&|A", "hl7v2"),
        (rb"BHS~^!\&~A", "hl7v2"),
        (b"# exported on Monday\r\n" + MSH.encode(), "hl7v2"),
        (b"a letter\nMSH is an abbreviation", None),
        (b"MSHA-CLINIC,1", None),
        (CDA.encode(), "cda"),
        (f'<?xml version="1.0"?><!-- a > b --><?style x?>\n{CDA}'.encode(), "cda"),
        (f'<!DOCTYPE x [<!ENTITY a "b">]>{CDA}'.encode(), "cda"),
        (CDA.encode("utf-16"), "cda"),
        (b'<v3:section xmlns:v3="urn:hl7-org:v3"/>', "cda"),
        (b"<observation classCode='OBS'/>", "cda"),
        (b"<html><body>letter</body></html>", None),
        (b'<Patient xmlns="http://hl7.org/fhir"/>', None),
        (b'<section xmlns="http://hl7.org/fhir"/>', None),
        (b"<?xml version='1.0'?>", None),
        (b"", None),
        (b"%PDF-1.7", None),
        (b"family,given\nA,B", None),
        (b"[1]", None),
        (b"{}", None),
    ],
)
def test_text_formats(body, format):
    """HL7 v2 by its first segment, XML by its root element, nothing else by luck."""
    assert sniff(body) == format


@pytest.mark.parametrize(
    ("resource", "format"),
    [
        ({"resourceType": "Patient"}, "fhir-r4"),
        ({"resourceType": "Encounter", "reasonCode": [{"text": "x"}]}, "fhir-r4"),
        ({"resourceType": "Encounter", "reason": [{"text": "x"}]}, "gp-connect"),
        ({"resourceType": "Condition", "clinicalStatus": "active"}, "gp-connect"),
        ({"resourceType": "Condition", "clinicalStatus": {"text": "active"}}, "fhir-r4"),
        ({"resourceType": "MedicationStatement", "context": {"reference": "Encounter/1"}}, "fhir-r4"),
        ({"resourceType": "ReferralRequest"}, "gp-connect"),
        ({"resourceType": "Patient", "text": {"div": "<div>CareConnect-</div>"}}, "fhir-r4"),
        (
            {"resourceType": "Patient", "extension": [{"url": "https://x/Extension-CareConnect-GPC-A"}]},
            "gp-connect",
        ),
        (
            {
                "resourceType": "Patient",
                "meta": {"profile": ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"]},
            },
            "fhir-r4",
        ),
    ],
)
def test_json_is_stu3_by_what_only_stu3_has(resource, format):
    """Profiles, extensions, types or elements that R4 no longer has; alone or in a bundle."""
    bundle = {
        "resourceType": "Bundle",
        "entry": [{"resource": {"resourceType": "List"}}, {"resource": resource}],
    }
    assert sniff(json.dumps(resource).encode()) == format
    assert sniff(b"\xef\xbb\xbf " + json.dumps(bundle).encode()) == format


def test_broken_json_goes_to_the_reader_that_it_was_meant_for():
    """What says that it is a resource is read, and refused, as one."""
    assert sniff(b'{"resourceType":"Patient",') == "fhir-r4"
    assert (
        sniff(b'{"resourceType":"Patient","meta":{"profile":["https://fhir.nhs.uk/STU3/x"]') == "gp-connect"
    )
    assert sniff(b'{"broken":') is None


@pytest.mark.parametrize(
    "sign",
    [
        {"resourceType": "AllergyIntolerance", "clinicalStatus": {"coding": [{"code": "resolved"}]}},
        {"resourceType": "MedicationRequest", "doNotPerform": True},
        {"resourceType": "Immunization", "occurrenceDateTime": "2020"},
    ],
)
def test_one_leftover_of_stu3_turns_no_record(sign):
    """A record that says things as only R4 does is R4, whatever one of its resources still carries."""
    leftover = {"resourceType": "Observation", "comment": "left over"}
    entries = [{"resource": one} for one in (sign, leftover)]
    assert sniff(json.dumps({"resourceType": "Bundle", "entry": entries}).encode()) == "fhir-r4"
    assert sniff(json.dumps({"resourceType": "Bundle", "entry": entries[1:]}).encode()) == "gp-connect"
