"""The header: who it is about, whose it is, how confidential, and whether it is about whom was asked."""

import base64
import hashlib

import pytest

NHS = "https://fhir.nhs.uk/Id/nhs-number"
V3 = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


def test_patient_with_national_and_local_number(document, normalise, one):
    """Known systems by URI, local ones as OID; name, gender, birth date, address and phone as stated."""
    patient = one(normalise(document()), "Patient")
    assert patient["identifier"] == [
        {"system": NHS, "value": "9990000018"},
        {"system": "urn:oid:1.2.826.0.1.99.1", "value": "MRN7"},
    ]
    assert patient["name"] == [{"use": "usual", "family": "Patient-With", "given": ["Letter"]}]
    assert (patient["gender"], patient["birthDate"]) == ("female", "1970-01-02")
    assert patient["telecom"] == [{"system": "phone", "value": "01632-960001", "use": "home"}]
    assert patient["address"][0]["line"] == ["1 Test Street"]


def test_a_wrong_check_digit_leaves_the_national_system(document, normalise, one):
    """A number that cannot be an NHS number must never link people: it becomes local, with a remark."""
    batch = normalise(document().replace(b"9990000018", b"9990000019"))
    systems = [i["system"] for i in one(batch, "Patient")["identifier"]]
    assert NHS not in systems
    assert "check-digit" in [e.reason for e in batch.losses.entries]


@pytest.mark.parametrize(
    ("asked", "quarantine"),
    [
        ([(NHS, "9990000018")], None),
        ([(NHS, "9990000026"), ("urn:oid:1.2.826.0.1.99.1", "MRN7")], None),
        ([(NHS, "9990000026")], "wrong-patient"),
        ([("urn:oid:1.2.826.0.1.99.2", "MRN7")], "wrong-patient"),
        ([], None),
    ],
)
def test_a_document_about_somebody_else_is_quarantined(asked, quarantine, document, normalise):
    """None of its patient identifiers was asked for: nothing of it comes out, and the ledger says why."""
    batch = normalise(document(), asked=asked)
    assert batch.quarantine == quarantine
    if quarantine:
        assert batch.resources == ()
        assert [(e.disposition, e.reason) for e in batch.losses.entries] == [("failed", "wrong-patient")]


def test_a_disguised_number_with_wrong_check_digit_is_not_the_asked_one(document, normalise):
    """Asked by a number whose check digit fails: the document's same digits do not count as that number."""
    body = document().replace(b"9990000018", b"9990000019").replace(b"MRN7", b"MRN8")
    assert normalise(body, asked=[(NHS, "9990000019")]).quarantine == "wrong-patient"


def test_the_original_is_named_by_hash_and_never_inlined(document, normalise, one):
    """DocumentReference: master identifier, size, SHA-1 and the intake's address; no bytes in it."""
    body = document()
    reference = one(normalise(body), "DocumentReference")
    attachment = reference["content"][0]["attachment"]
    assert reference["masterIdentifier"]["value"] == "letter-1"
    assert attachment["size"] == len(body) and "data" not in attachment
    assert attachment["url"] == "urn:carepact:intake:intake-1"
    assert base64.b64decode(attachment["hash"]) == hashlib.sha1(body).digest()


def test_confidentiality_lies_on_everything_under_it(document, section, normalise):
    """The document's code on every resource; a section's on its entries and on what holds its narrative."""
    entry = '<observation classCode="OBS" moodCode="EVN"><id root="1.2.3" extension="o1"/>'
    entry += '<code code="1" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/></observation>'
    other = entry.replace("o1", "o2")
    mark = '<confidentialityCode code="V" codeSystem="2.16.840.1.113883.5.25"/>'
    batch = normalise(
        document(section("30954-2", entry, more=mark), section("30954-2", other), confidentiality="R")
    )
    labels = {}
    for resource in batch.resources:
        codes = {c["code"] for c in resource["meta"]["security"] if c["system"] == V3}
        labels.setdefault(resource["resourceType"], []).append(codes)
    assert labels["Observation"] == [{"R", "V"}, {"R"}]
    assert labels["Composition"] == labels["DocumentReference"] == [{"R", "V"}]
    assert labels["Patient"] == [{"R"}]


def test_relations_to_other_documents(document, normalise, one):
    """relatedDocument RPLC, APND, XFRM become relatesTo of Composition and DocumentReference."""
    header = (
        '<relatedDocument typeCode="RPLC"><parentDocument><id root="1.2.826.0.1.99" extension="letter-0"/>'
    )
    header += "</parentDocument></relatedDocument>"
    batch = normalise(document(header=header))
    old = {"system": "urn:oid:1.2.826.0.1.99", "value": "letter-0"}
    assert one(batch, "Composition")["relatesTo"] == [{"code": "replaces", "targetIdentifier": old}]
    documents = [r for r in batch.resources if r["resourceType"] == "DocumentReference"]
    assert [d.get("relatesTo") for d in documents] == [
        [{"code": "replaces", "target": {"identifier": old}}],
        None,
    ]
    assert [d["status"] for d in documents] == ["current", "superseded"]


def test_a_replaced_document_is_superseded_in_either_order(document, normalise):
    """S27: the replacing document supersedes the old one under the old one's own id, at its own later time."""
    header = (
        '<relatedDocument typeCode="{}"><parentDocument><id root="1.2.826.0.1.99" extension="letter-1"/>'
        "</parentDocument></relatedDocument>"
    )
    old = normalise(document())
    text = document(header=header.format("RPLC")).decode()
    newer = text.replace('extension="letter-1"/>', 'extension="letter-2"/>', 1).replace(
        "20260310", "20260312"
    )
    new = normalise(newer.encode())
    mine = {r["id"]: r["status"] for r in old.resources if r["resourceType"] == "DocumentReference"}
    theirs = {r["id"]: r["status"] for r in new.resources if r["resourceType"] == "DocumentReference"}
    assert list(mine.values()) == ["current"]
    assert {theirs.pop(one) for one in mine} == {"superseded"} and list(theirs.values()) == ["current"]
    assert new.event_time > old.event_time
    appended = normalise(newer.replace("RPLC", "APND").encode())
    documents = [r for r in appended.resources if r["resourceType"] == "DocumentReference"]
    assert [d["status"] for d in documents] == ["current"]


def test_encounter_from_the_encompassing_encounter(document, normalise, one):
    """A visit with an end is finished, its class an ActCode; Composition and DocumentReference point at it."""
    header = """<componentOf><encompassingEncounter><id root="1.2.3.4" extension="v1"/>
      <code code="AMB" codeSystem="2.16.840.1.113883.5.4"/>
      <effectiveTime><low value="20260310"/><high value="20260311"/></effectiveTime>
      </encompassingEncounter></componentOf>"""
    batch = normalise(document(header=header))
    encounter = one(batch, "Encounter")
    assert (encounter["status"], encounter["class"]["code"]) == ("finished", "AMB")
    assert encounter["period"] == {"start": "2026-03-10", "end": "2026-03-11"}
    assert one(batch, "Composition")["encounter"]["reference"] == f"Encounter/{encounter['id']}"


def test_a_person_without_identifier_is_contained(document, normalise, one):
    """Nobody becomes a resource keyed by a name: an author without id is inside what names them."""
    body = document().replace(b'<id root="1.2.826.0.1.99.7" extension="C1"/>', b'<id nullFlavor="NI"/>')
    batch = normalise(body)
    assert not [r for r in batch.resources if r["resourceType"] == "Practitioner"]
    composition = one(batch, "Composition")
    assert composition["author"][0]["reference"] == f"#{composition['contained'][0]['id']}"
    assert composition["contained"][0]["name"] == [{"family": "Author", "given": ["Ida"]}]


def test_next_of_kin_is_a_related_person(document, normalise, one):
    """An IND participant with a person becomes RelatedPerson of the patient."""
    header = """<participant typeCode="IND"><associatedEntity classCode="NOK">
      <code code="MTH" codeSystem="2.16.840.1.113883.5.111"/>
      <associatedPerson><name><given>Ma</given><family>Patient-With</family></name></associatedPerson>
      </associatedEntity></participant>"""
    person = one(normalise(document(header=header)), "RelatedPerson")
    assert person["relationship"][0]["coding"][0]["code"] == "MTH"
    assert person["patient"]["reference"].startswith("Patient/")


def test_a_body_that_is_no_xml_is_decoded(document, normalise, one):
    """nonXMLBody: the decoded bytes as a second content; a Composition without sections."""
    packed = base64.b64encode(b"%PDF-1.4 invented").decode()
    body = f'<nonXMLBody><text mediaType="application/pdf" representation="B64">{packed}</text></nonXMLBody>'
    batch = normalise(document(body=body))
    attachment = one(batch, "DocumentReference")["content"][1]["attachment"]
    assert base64.b64decode(attachment["data"]) == b"%PDF-1.4 invented"
    assert attachment["contentType"] == "application/pdf"
    assert "section" not in one(batch, "Composition")


def test_a_broken_attachment_is_rejected_not_guessed(document, normalise, one):
    """Base64 that is none: the line rejected/bad-base64, and no content made up."""
    body = '<nonXMLBody><text mediaType="application/pdf" representation="B64">%%%</text></nonXMLBody>'
    batch = normalise(document(body=body))
    assert len(one(batch, "DocumentReference")["content"]) == 1
    assert "bad-base64" in [e.reason for e in batch.losses.entries]


def test_a_document_without_patient_cannot_enter_a_record(document, normalise, one):
    """No recordTarget: a stub that says so, failed/no-patient, and quarantine."""
    batch = normalise(document(patient=""))
    assert batch.quarantine == "no-patient"
    assert one(batch, "Patient")["meta"]["tag"] == [{"system": "urn:carepact:assumed", "code": "patient"}]
    assert ("failed", "no-patient") in [(e.disposition, e.reason) for e in batch.losses.entries]


def test_provenance_names_original_author_and_mapping(document, normalise):
    """One Provenance: all resources, the clock, the document's own time, who wrote, and the tables' hash."""
    batch = normalise(document())
    made = batch.provenance
    assert len(made["target"]) == len(batch.resources)
    assert made["recorded"] == "2026-11-22T12:00:00.000000Z"
    assert made["occurredDateTime"] == "2026-03-10T14:30:00+00:00"
    assert made["policy"] == [f"urn:carepact:mapping:{batch.mapping}"]
    assert made["entity"][0]["what"]["identifier"]["value"] == "intake-1"
    assert [a["type"]["coding"][0]["code"] for a in made["agent"]] == ["assembler", "author", "author"]


def test_event_time_and_version_order_the_fold(document, normalise):
    """effectiveTime in UTC and versionNumber are the sort keys."""
    batch = normalise(document())
    assert (batch.event_time, batch.sequence) == ("2026-03-10T14:30:00.000000Z", 2)


def test_same_input_same_bytes(document, section, normalise):
    """Two runs give equal resources, ids included."""
    body = document(section("11450-4"))
    assert normalise(body).resources == normalise(body).resources


def test_what_a_source_masked_is_marked(document, section, normalise, one):
    """A masked value of the patient, or a masked section: R and MASKED, the section withheld, not empty."""
    hidden = (
        '<section nullFlavor="MSK"><code code="48765-2" codeSystem="2.16.840.1.113883.6.1"/>'
        "<title>Allergies</title></section>"
    )
    telecom = b'<telecom use="HP" value="tel:01632-960001"/>'
    body = document(hidden)
    assert telecom in body
    batch = normalise(body.replace(telecom, b'<telecom nullFlavor="MSK"/>'))
    labels = [label["code"] for label in one(batch, "Patient")["meta"]["security"]]
    assert {"R", "MASKED"} <= set(labels)
    composition = one(batch, "Composition")
    assert composition["section"][0]["emptyReason"]["coding"][0]["code"] == "withheld"
    assert {"R", "MASKED"} <= {label["code"] for label in composition["meta"]["security"]}
