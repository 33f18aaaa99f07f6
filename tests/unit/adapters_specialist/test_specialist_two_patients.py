"""What two documents about different people say under one id, and numbers as the source issued them."""

OTHER = """<recordTarget><patientRole><id root="1.2.3.4" extension="B9"/>
  <patient><name><given>Someone</given><family>Else</family></name></patient></patientRole></recordTarget>"""
WRONG_DIGIT = """<recordTarget><patientRole><id root="2.16.840.1.113883.2.1.4.1" extension="9990000019"/>
  <patient><name><given>Wrong</given><family>Digit</family></name></patient></patientRole></recordTarget>"""
PROBLEM = """<act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.3"/>
  <id root="1.9.9" extension="from-the-template"/><statusCode code="active"/>
  <entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN">
  <templateId root="2.16.840.1.113883.10.20.22.4.4"/><id root="1.9.9" extension="problem"/>
  <code code="55607006" codeSystem="2.16.840.1.113883.6.96"/><statusCode code="completed"/>
  <value xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CD" code="38341003"
    codeSystem="2.16.840.1.113883.6.96"/></observation></entryRelationship></act>"""


def test_one_act_id_in_the_documents_of_two_people_stays_two_resources(document, section, normalise, one):
    """A vendor's template gives its acts the same ids in every document: no record takes in another's."""
    mine = normalise(document(section("11450-4", PROBLEM)))
    hers = normalise(document(section("11450-4", PROBLEM), patient=OTHER))
    again = normalise(document(section("11450-4", PROBLEM), header="<setId root='1.7'/>"))
    first, second, third = (one(batch, "Condition") for batch in (mine, hers, again))
    assert first["subject"] != second["subject"]
    assert first["id"] != second["id"]
    assert first["id"] == third["id"]


def test_a_number_with_a_wrong_check_digit_is_the_one_that_was_asked_for_as_issued(document, normalise):
    """It leaves the national system, so that it links nobody; the source knows it by its own OID."""
    body = document(patient=WRONG_DIGIT)
    issued = "urn:oid:2.16.840.1.113883.2.1.4.1"
    assert normalise(body, asked=[(issued, "9990000019")]).quarantine is None
    assert normalise(body, asked=[(issued, "9990000018")]).quarantine == "wrong-patient"
