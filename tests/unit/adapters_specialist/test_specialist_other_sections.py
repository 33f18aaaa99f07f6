"""Sections without a guide: family history, devices, functional status, directives, medicines given."""

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
SCT = 'codeSystem="2.16.840.1.113883.6.96"'


def finding(code, *, denied=False, more="", shown="Finding"):
    negation = ' negationInd="true"' if denied else ""
    return f"""<observation classCode="OBS" moodCode="EVN"{negation}>
      <code code="64572001" {SCT}/><statusCode code="completed"/>
      <value {XSI} xsi:type="CD" code="{code}" {SCT} displayName="{shown}"/>{more}</observation>"""


RELATIVE = """<organizer classCode="CLUSTER" moodCode="EVN">
  <templateId root="2.16.840.1.113883.10.20.22.4.45"/><id root="1.2.826.0.1.99.40" extension="f"/>
  <statusCode code="completed"/>
  <subject><relatedSubject classCode="PRS">
    <code code="FTH" codeSystem="2.16.840.1.113883.5.111" displayName="Father"/>
    <subject><administrativeGenderCode code="M" codeSystem="2.16.840.1.113883.5.1"/>
      <birthTime value="1920"/></subject></relatedSubject></subject>{parts}</organizer>"""
DEATH = f"""<entryRelationship typeCode="CAUS"><observation classCode="OBS" moodCode="EVN">
  <templateId root="2.16.840.1.113883.10.20.22.4.47"/><code code="ASSERTION"/>
  <value {XSI} xsi:type="CD" code="419099009" {SCT}/>
  <entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN">
    <templateId root="2.16.840.1.113883.10.20.22.4.31"/><code code="445518008" {SCT}/>
    <value {XSI} xsi:type="PQ" value="57" unit="a"/></observation></entryRelationship>
  </observation></entryRelationship>"""


def test_a_relative_has_what_the_relative_had(document, section, normalise, one):
    """One resource a relative; a cause of death is a condition that contributed, and says the age."""
    parts = f"<component>{finding('22298006', more=DEATH)}</component><component>{finding('44054006')}</component>"
    family = one(normalise(document(section("10157-6", RELATIVE.format(parts=parts)))), "FamilyMemberHistory")
    assert family["relationship"]["coding"][0]["code"] == "FTH" and family["bornDate"] == "1920"
    assert family["sex"]["coding"][0]["code"] == "male" and family["status"] == "completed"
    assert [c["code"]["coding"][0]["code"] for c in family["condition"]] == ["22298006", "44054006"]
    assert [c.get("contributedToDeath") for c in family["condition"]] == [True, None]
    assert (family["deceasedAge"]["value"], family["deceasedAge"]["code"]) == (57, "a")


def test_what_a_relative_did_not_have_is_kept_not_told(document, section, normalise, one):
    """R4 has no "did not have": it stays in a Basic and out of the conditions."""
    parts = f"<component>{finding('195967001', denied=True)}</component>"
    batch = normalise(document(section("10157-6", RELATIVE.format(parts=parts))))
    assert "condition" not in one(batch, "FamilyMemberHistory")
    assert "195967001" in str(one(batch, "Basic"))


def test_a_condition_of_a_relative_needs_no_organizer(document, section, normalise, one):
    """An observation that names the relative itself is a history of one condition."""
    mother = '<subject><relatedSubject><code code="MTH" codeSystem="2.16.840.1.113883.5.111"/></relatedSubject></subject>'
    family = one(
        normalise(document(section("10157-6", finding("44054006", more=mother)))), "FamilyMemberHistory"
    )
    assert family["relationship"]["coding"][0]["code"] == "MTH"
    assert [c["code"]["coding"][0]["code"] for c in family["condition"]] == ["44054006"]


def test_what_was_measured_of_a_relative_is_no_condition(document, section, normalise, one):
    """A number is kept beside the conditions; an age that is no time is words (age-1)."""
    age = f"""<entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN">
      <templateId root="2.16.840.1.113883.10.20.22.4.31"/><code code="445518008" {SCT}/>
      <value {XSI} xsi:type="PQ" value="50" unit="{{decade}}"/></observation></entryRelationship>"""
    level = f'<observation classCode="OBS" moodCode="EVN"><value {XSI} xsi:type="PQ" value="7" unit="mmol/L"/></observation>'
    parts = f"<component>{finding('44054006', more=age)}</component><component>{level}</component>"
    batch = normalise(document(section("10157-6", RELATIVE.format(parts=parts))))
    assert [c["onsetString"] for c in one(batch, "FamilyMemberHistory")["condition"]] == ["50 {decade}"]
    assert "mmol/L" in str(one(batch, "Basic"))


DEVICE = """<participant typeCode="PRD"><participantRole classCode="MANU">
  <templateId root="2.16.840.1.113883.10.20.22.4.37"/>
  <id root="2.16.840.1.113883.3.3719" extension="(01)00000000000017(21)S77"/>
  <playingDevice><code code="14106009" codeSystem="2.16.840.1.113883.6.96" displayName="Pacemaker"/></playingDevice>
  <scopingEntity><id root="2.16.840.1.113883.3.3719"/><desc>Maker Ltd</desc></scopingEntity>
  </participantRole></participant>"""
UDI = f"""<entryRelationship typeCode="COMP"><organizer classCode="CLUSTER" moodCode="EVN">
  <templateId root="2.16.840.1.113883.10.20.22.4.311"/>
  <component><observation classCode="OBS" moodCode="EVN">
    <code code="C101671" codeSystem="2.16.840.1.113883.3.26.1.1"/>
    <value {XSI} xsi:type="ED">S77</value></observation></component>
  <component><observation classCode="OBS" moodCode="EVN">
    <code code="C101670" codeSystem="2.16.840.1.113883.3.26.1.1"/>
    <value {XSI} xsi:type="TS" value="20301231"/></observation></component></organizer></entryRelationship>"""


def test_a_device_in_use_has_its_identifier_and_parts(document, section, normalise, one):
    """A supply with a product: DeviceUseStatement and Device with UDI, serial number, expiry."""
    act = f"""<supply classCode="SPLY" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.50"/>
      <id root="1.2.826.0.1.99.41" extension="s"/><statusCode code="active"/>
      <effectiveTime value="20240501"/>{DEVICE}{UDI}</supply>"""
    batch = normalise(document(section("46264-8", act)))
    device = one(batch, "Device")
    assert device["type"]["coding"][0]["code"] == "14106009" and device["manufacturer"] == "Maker Ltd"
    assert device["udiCarrier"] == [{"carrierHRF": "(01)00000000000017(21)S77"}]
    assert (device["serialNumber"], device["expirationDate"]) == ("S77", "2030-12-31")
    use = one(batch, "DeviceUseStatement")
    assert use["device"]["reference"] == f"Device/{device['id']}"
    assert (use["status"], use["timingDateTime"]) == ("active", "2024-05-01")


def test_a_procedure_names_its_device(document, section, normalise, one):
    """What was implanted is the focal device of the procedure."""
    act = f"""<procedure classCode="PROC" moodCode="EVN"><code code="307280005" {SCT}/>
      <statusCode code="completed"/><effectiveTime value="20240501"/>{DEVICE.replace("PRD", "DEV")}</procedure>"""
    batch = normalise(document(section("47519-4", act)))
    device = one(batch, "Device")
    assert one(batch, "Procedure")["focalDevice"] == [
        {"manipulated": {"reference": f"Device/{device['id']}"}}
    ]


def test_functional_status_and_directives_are_observations_of_their_section(
    document, section, normalise, one
):
    """The category is the section's own code."""
    for code in ("47420-5", "10190-7", "42348-3"):
        batch = normalise(document(section(code, finding("165245003"))))
        observation = one(batch, "Observation")
        assert observation["category"][0]["coding"][0]["code"] == code
        assert observation["valueCodeableConcept"]["coding"][0]["code"] == "165245003"


def test_a_scale_holds_its_items_as_components(document, section, normalise, one):
    """A total with its answers stays one observation."""
    item = f"""<entryRelationship typeCode="COMP"><observation classCode="OBS" moodCode="EVN">
      <templateId root="2.16.840.1.113883.10.20.22.4.86"/>
      <code code="9267-6" codeSystem="2.16.840.1.113883.6.1" displayName="Eye opening"/>
      <value {XSI} xsi:type="INT" value="4"/></observation></entryRelationship>"""
    act = f"""<observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.69"/>
      <code code="9269-2" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>
      <value {XSI} xsi:type="INT" value="15"/>{item}</observation>"""
    scale = one(normalise(document(section("47420-5", act))), "Observation")
    assert scale["valueInteger"] == 15
    assert [(c["code"]["coding"][0]["code"], c["valueInteger"]) for c in scale["component"]] == [
        ("9267-6", 4)
    ]


def test_a_group_of_findings_names_its_members(document, section, normalise):
    """An organizer of functional status is an Observation with hasMember; a denied member is kept apart."""
    act = f"""<organizer classCode="CLUSTER" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.66"/>
      <code code="d5" codeSystem="2.16.840.1.113883.6.254"/><statusCode code="completed"/>
      <component>{finding("165245003")}</component><component>{finding("1", denied=True)}</component></organizer>"""
    batch = normalise(document(section("47420-5", act)))
    kinds = [r["resourceType"] for r in batch.resources]
    assert (kinds.count("Observation"), kinds.count("Basic")) == (2, 1)
    group = next(r for r in batch.resources if "hasMember" in r)
    assert len(group["hasMember"]) == 1


GIVEN = """<substanceAdministration classCode="SBADM" moodCode="EVN"{negation}>
  <templateId root="2.16.840.1.113883.10.20.22.4.16"/><statusCode code="completed"/>{time}
  <routeCode code="C38288" codeSystem="2.16.840.1.113883.3.26.1.1"/><doseQuantity value="1.50" unit="mg"/>
  <consumable><manufacturedProduct><manufacturedMaterial>
    <code code="197361" codeSystem="2.16.840.1.113883.6.88" displayName="Amlodipine 5 MG"/>
  </manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>"""


def test_a_medicine_given_is_an_administration(document, section, normalise, one):
    """Section 29549-3: what was given, when and how much, digit by digit; not given is not-done."""
    time = '<effectiveTime value="202603101000+0000"/>'
    for negation, status in (("", "completed"), (' negationInd="true"', "not-done")):
        act = GIVEN.format(time=time, negation=negation)
        batch = normalise(document(section("29549-3", act)))
        given = one(batch, "MedicationAdministration")
        assert given["status"] == status and str(given["dosage"]["dose"]["value"]) == "1.50"
        assert given["effectiveDateTime"] == "2026-03-10T10:00:00+00:00"
        assert "MedicationRequest" not in [r["resourceType"] for r in batch.resources]


def test_an_administration_without_a_time_says_so(document, section, normalise, one):
    """A required time that nobody states is a data-absent-reason, never invented."""
    batch = normalise(document(section("29549-3", GIVEN.format(time="", negation=""))))
    assert "unknown" in str(one(batch, "MedicationAdministration")["effectivePeriod"])


def test_how_severe_an_allergy_is_is_never_lost(document, section, normalise, one):
    """Without a reaction to carry it, the severity of the allergy itself is said in a note."""
    severity = f"""<entryRelationship typeCode="SUBJ" inversionInd="true"><observation classCode="OBS"
      moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.8"/><code code="SEV"/>
      <value {XSI} xsi:type="CD" code="24484000" {SCT} displayName="Severe"/></observation></entryRelationship>"""
    act = f"""<observation classCode="OBS" moodCode="EVN"><code code="ASSERTION"/><value {XSI} xsi:type="CD"
      code="419199007" {SCT}/><participant typeCode="CSM"><participantRole><playingEntity>
      <code code="102263004" {SCT} displayName="Eggs"/></playingEntity></participantRole></participant>
      {severity}</observation>"""
    allergy = one(normalise(document(section("48765-2", act))), "AllergyIntolerance")
    assert allergy["note"] == [{"text": "Severity: Severe"}] and "reaction" not in allergy


def test_a_vaccine_dose_has_its_number_in_the_series(document, section, normalise, one):
    """repeatNumber of a dose that was given, and the vaccine's name where its code has no words."""
    act = """<substanceAdministration classCode="SBADM" moodCode="EVN"><statusCode code="completed"/>
      <effectiveTime value="20260101"/><repeatNumber value="2"/><consumable><manufacturedProduct>
      <manufacturedMaterial><code code="45" codeSystem="2.16.840.1.113883.12.292"/><name>Hepatitis B</name>
      </manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>"""
    given = one(normalise(document(section("11369-6", act))), "Immunization")
    assert given["protocolApplied"] == [{"doseNumberPositiveInt": 2}]
    assert given["vaccineCode"]["text"] == "Hepatitis B"


def test_an_item_of_the_same_code_is_a_member(document, section, normalise):
    """obs-7: a value and a component of the same code cannot stand together."""
    item = f"""<entryRelationship typeCode="COMP"><observation classCode="OBS" moodCode="EVN">
      <code code="64572001" {SCT}/><value {XSI} xsi:type="INT" value="4"/></observation></entryRelationship>"""
    batch = normalise(document(section("47420-5", finding("165245003", more=item))))
    whole = next(r for r in batch.resources if "hasMember" in r)
    assert "component" not in whole and whole["valueCodeableConcept"]
    member = next(r for r in batch.resources if r.get("valueInteger") == 4)
    assert whole["hasMember"] == [{"reference": f"Observation/{member['id']}"}]


def test_a_code_that_its_system_cannot_have_loses_the_system(document, section, normalise, one):
    """A number with a check digit under a system of letters: the code stays, the slip is a remark."""
    act = f"""<observation classCode="OBS" moodCode="EVN">
      <code code="75323-6" codeSystem="2.16.840.1.113883.5.6" displayName="Condition"/>
      <value {XSI} xsi:type="CD" code="195967001" {SCT}/></observation>"""
    batch = normalise(document(section("11450-4", act)))
    codings = [c for k in one(batch, "Condition")["category"] for c in k["coding"]]
    assert {"code": "75323-6", "display": "Condition"} in codings
    assert "namespace" in [e.reason for e in batch.losses.entries if e.disposition == "altered"]


def test_a_result_that_is_a_file_keeps_its_bytes(document, section, normalise, one):
    """ED in base64: FHIR's extension for an attachment as value; broken base64 is a line, not a value."""
    for body, kept in (("JVBERi1vd24=", True), ("@@", False)):
        act = f"""<observation classCode="OBS" moodCode="EVN"><code code="11524-6"
          codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>
          <value {XSI} xsi:type="ED" mediaType="application/pdf" representation="B64">{body}</value></observation>"""
        batch = normalise(document(section("30954-2", act)))
        extensions = one(batch, "Observation").get("extension", [])
        assert [e["valueAttachment"]["data"] for e in extensions] == (["JVBERi1vd24="] if kept else [])
        assert ("bad-base64" in [e.reason for e in batch.losses.entries]) != kept


def test_a_refrain_policy_has_the_system_that_defines_it(document, section, normalise, one):
    """NOPAT under v3-ObservationValue is v3-ActCode's: only there a rule would heed it."""
    mark = f"""<entryRelationship typeCode="COMP"><observation classCode="OBS" moodCode="EVN">
      <code code="SECCONOBS" codeSystem="2.16.840.1.113883.5.4"/>
      <value {XSI} xsi:type="CD" code="NOPAT" codeSystem="2.16.840.1.113883.5.1063"/></observation>
      </entryRelationship>"""
    batch = normalise(document(section("47420-5", finding("165245003", more=mark))))
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"}
    assert label in one(batch, "Observation")["meta"]["security"]
