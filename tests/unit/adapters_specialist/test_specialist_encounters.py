"""Visits, their diagnoses, and notes that point at them."""

import base64

VISIT = """<encounter classCode="ENC" moodCode="EVN">
  <templateId root="2.16.840.1.113883.10.20.22.4.49"/>
  <id root="1.2.826.0.1.99.20" extension="visit-1"/>
  <code code="99213" codeSystem="2.16.840.1.113883.6.12" displayName="Office visit">
    <translation code="AMB" codeSystem="2.16.840.1.113883.5.4"/></code>
  {time}{status}
  <performer><assignedEntity><id root="1.2.826.0.1.99.7" extension="C2"/>
    <assignedPerson><name><family>Seen-By</family></name></assignedPerson></assignedEntity></performer>
  <participant typeCode="LOC"><participantRole classCode="SDLOC">
    <id root="1.2.826.0.1.99.9" extension="room-3"/>
    <code code="1160-1" codeSystem="2.16.840.1.113883.6.259" displayName="Urgent Care Center"/>
    <playingEntity><name>Harbour urgent care</name></playingEntity></participantRole></participant>
  <entryRelationship typeCode="RSON"><observation classCode="OBS" moodCode="EVN">
    <templateId root="2.16.840.1.113883.10.20.22.4.19"/><code code="404684003"/>
    <value xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CD" code="49727002"
      codeSystem="2.16.840.1.113883.6.96" displayName="Cough"/></observation></entryRelationship>
  <entryRelationship typeCode="COMP"><act classCode="ACT" moodCode="EVN">
    <templateId root="2.16.840.1.113883.10.20.22.4.80"/><code code="29308-4"/>
    <entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN">
      <templateId root="2.16.840.1.113883.10.20.22.4.4"/><id root="1.2.826.0.1.99.21" extension="dx"/>
      <code code="282291009" codeSystem="2.16.840.1.113883.6.96"/><statusCode code="completed"/>
      <value xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CD" code="64109004"
        codeSystem="2.16.840.1.113883.6.96" displayName="Costal chondritis"/></observation>
    </entryRelationship></act></entryRelationship>
</encounter>"""
ENDED = '<effectiveTime><low value="20260309"/><high value="20260310"/></effectiveTime>'


def visit(time=ENDED, status=""):
    return VISIT.format(time=time, status=status)


def test_a_visit_has_class_type_people_place_reason_and_diagnosis(document, section, normalise, one):
    """ActCode is the class and not a type; the diagnosis is a Condition of category encounter-diagnosis."""
    batch = normalise(document(section("46240-8", visit())))
    encounter, condition = one(batch, "Encounter"), one(batch, "Condition")
    assert encounter["status"] == "finished" and encounter["class"]["code"] == "AMB"
    assert [c["code"] for t in encounter["type"] for c in t["coding"]] == ["99213"]
    assert encounter["period"] == {"start": "2026-03-09", "end": "2026-03-10"}
    assert encounter["participant"][0]["individual"]["display"] == "Seen-By"
    assert encounter["location"][0]["location"]["display"] == "Harbour urgent care"
    assert encounter["reasonCode"][0]["coding"][0]["code"] == "49727002"
    assert encounter["diagnosis"] == [{"condition": {"reference": f"Condition/{condition['id']}"}}]
    categories = {c["code"] for k in condition["category"] for c in k["coding"]}
    assert "encounter-diagnosis" in categories


def test_the_status_of_a_visit_is_by_its_times_then_by_its_code(document, section, normalise, one):
    """An end, or one point in time: finished. A start alone: the statusCode. Neither: unknown, assumed."""
    begun = '<effectiveTime><low value="20260309"/></effectiveTime>'
    for time, status, expected in (
        ('<effectiveTime value="20260309"/>', "", "finished"),
        (begun, '<statusCode code="active"/>', "in-progress"),
        (begun, '<statusCode code="completed"/>', "finished"),
        (begun, "", "unknown"),
        (ENDED, '<statusCode code="cancelled"/>', "cancelled"),
        (ENDED, '<statusCode code="nullified"/>', "entered-in-error"),
    ):
        batch = normalise(document(section("46240-8", visit(time, status))))
        encounter = one(batch, "Encounter")
        assert encounter["status"] == expected
        tags = [t["code"] for t in encounter["meta"].get("tag", [])]
        assert ("status" in tags) == (expected == "unknown")


def test_the_visit_of_the_header_and_of_a_section_are_one(document, section, normalise, one):
    """The same id in componentOf and in an entry: one Encounter, with what either says."""
    header = """<componentOf><encompassingEncounter><id root="1.2.826.0.1.99.20" extension="visit-1"/>
      <effectiveTime><low value="20260309"/></effectiveTime>
      <dischargeDispositionCode code="01" codeSystem="2.16.840.1.113883.12.112"/>
      </encompassingEncounter></componentOf>"""
    batch = normalise(document(section("46240-8", visit()), header=header))
    encounter = one(batch, "Encounter")
    assert encounter["class"]["code"] == "AMB"
    assert encounter["hospitalization"]["dischargeDisposition"]["coding"][0]["code"] == "01"
    assert one(batch, "Composition")["encounter"] == {"reference": f"Encounter/{encounter['id']}"}


NOTE = """<act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.202"/>
  <code code="34109-9" codeSystem="2.16.840.1.113883.6.1"><translation code="11488-4"
    codeSystem="2.16.840.1.113883.6.1"/></code>
  {text}<statusCode code="completed"/><effectiveTime value="20260309"/>
  <author><time value="20260309101500+0000"/><assignedAuthor><id root="1.2.826.0.1.99.7" extension="C2"/>
    <assignedPerson><name><family>Wrote-It</family></name></assignedPerson></assignedAuthor></author>
  <entryRelationship typeCode="COMP" inversionInd="true"><encounter classCode="ENC" moodCode="EVN">
    <id root="1.2.826.0.1.99.20" extension="{visit}"/></encounter></entryRelationship></act>"""
WORDS = (
    '<list><item ID="n1"><paragraph>First line.</paragraph><paragraph>Second line.</paragraph></item></list>'
)


def test_a_note_is_a_document_of_its_visit(document, section, normalise):
    """The words with a line for each paragraph, who wrote them and when, and the visit found by its id."""
    note = NOTE.format(text='<text><reference value="#n1"/></text>', visit="visit-1")
    batch = normalise(document(section("34109-9", note, text=WORDS), section("46240-8", visit())))
    found = [r for r in batch.resources if r["resourceType"] == "DocumentReference" and "docStatus" in r]
    encounter = next(r for r in batch.resources if r["resourceType"] == "Encounter")
    assert len(found) == 1
    attachment = found[0]["content"][0]["attachment"]
    assert base64.b64decode(attachment["data"]) == b"First line.\nSecond line."
    assert attachment["contentType"] == "text/plain" and found[0]["date"] == "2026-03-09T10:15:00+00:00"
    assert [c["code"] for c in found[0]["type"]["coding"]] == ["34109-9", "11488-4"]
    assert found[0]["context"]["encounter"] == [{"reference": f"Encounter/{encounter['id']}"}]
    assert found[0]["author"][0]["display"] == "Wrote-It"


def test_a_note_of_a_visit_that_is_not_there_keeps_its_number(document, section, normalise):
    """A literal reference resolves or becomes logical, with a remark."""
    note = NOTE.format(text="<text>Inline words</text>", visit="visit-9")
    batch = normalise(document(section("34109-9", note)))
    found = next(r for r in batch.resources if "docStatus" in r)
    assert found["context"]["encounter"] == [
        {"identifier": {"system": "urn:carepact:unresolved", "value": "visit-9"}}
    ]
    assert "dangling-reference" in [e.reason for e in batch.losses.entries]


def test_a_note_without_words_is_kept(document, section, normalise, one):
    """Nothing to read is no document; what came stays as it came."""
    batch = normalise(document(section("34109-9", NOTE.format(text="", visit="visit-1"))))
    assert one(batch, "Basic") and len([r for r in batch.resources if "docStatus" in r]) == 0


def test_a_note_that_is_a_file_keeps_its_bytes_and_kind(document, section, normalise):
    """Base64 is checked and carried with its media type; broken base64 is a line."""
    packed = base64.b64encode(b"%PDF-1.7 own").decode()
    for body, expected in ((packed, b"%PDF-1.7 own"), ("@@@@", None)):
        text = f'<text mediaType="application/pdf" representation="B64">{body}</text>'
        batch = normalise(document(section("34109-9", NOTE.format(text=text, visit="visit-1"))))
        found = [r["content"][0]["attachment"] for r in batch.resources if "docStatus" in r]
        if expected:
            assert found[0]["contentType"] == "application/pdf"
            assert base64.b64decode(found[0]["data"]) == expected
        else:
            assert found == [] and batch.losses.status == "partial"


def test_an_entry_names_the_visit_that_it_was_part_of(document, section, normalise, one):
    """A bare encounter inside an entry is a pointer: it does not take the id from the visit itself."""
    problem = """<observation classCode="OBS" moodCode="EVN"><code code="55607006"/>
      <value xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CD" code="195967001"
        codeSystem="2.16.840.1.113883.6.96"/>
      <entryRelationship typeCode="SUBJ"><encounter classCode="ENC" moodCode="EVN">
        <id root="1.2.826.0.1.99.20" extension="visit-1"/></encounter></entryRelationship></observation>"""
    batch = normalise(document(section("11450-4", problem), section("46240-8", visit())))
    encounter = one(batch, "Encounter")
    asthma = next(r for r in batch.resources if "195967001" in str(r.get("code")))
    assert asthma["encounter"] == {"reference": f"Encounter/{encounter['id']}"}
    assert one(normalise(document(section("46240-8", visit()))), "Encounter")["id"] == encounter["id"]


def test_an_image_of_a_section_is_a_document(document, section, normalise):
    """observationMedia: its bytes with their kind; what is neither statement nor media is kept."""
    packed = base64.b64encode(b"\x89PNG own").decode()
    media = f"""<observationMedia classCode="OBS" moodCode="EVN"><id root="1.2.826.0.1.99.50" extension="m"/>
      <value mediaType="image/png" representation="B64">{packed}</value></observationMedia>"""
    region = '<regionOfInterest classCode="ROIOVL" moodCode="EVN"><id root="1.2.3.9" extension="r"/></regionOfInterest>'
    batch = normalise(document(section("29545-1", media, region)))
    found = [r for r in batch.resources if r["resourceType"] == "DocumentReference" and "category" in r]
    attachment = found[0]["content"][0]["attachment"]
    assert (attachment["contentType"], base64.b64decode(attachment["data"])) == ("image/png", b"\x89PNG own")
    assert [r["resourceType"] for r in batch.resources].count("Basic") == 1
