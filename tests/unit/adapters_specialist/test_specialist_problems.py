"""Problems and allergies: status, negation, absence, reactions."""

import pytest

SCT = 'codeSystem="2.16.840.1.113883.6.96"'


def problem(
    value=f'<value xsi:type="CD" code="38341003" {SCT} displayName="Hypertension"/>',
    *,
    times='<effectiveTime><low value="2014"/></effectiveTime>',
    status=None,
    concern="active",
    negated=False,
    inner="completed",
):
    state = (
        f'<entryRelationship typeCode="REFR"><observation classCode="OBS" moodCode="EVN">'
        f'<code code="33999-4" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>'
        f'<value xsi:type="CD" code="{status}" {SCT}/></observation></entryRelationship>'
        if status
        else ""
    )
    flag = ' negationInd="true"' if negated else ""
    return f"""<act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.3"/>
      <id root="1.2.3" extension="concern"/><code code="CONC" codeSystem="2.16.840.1.113883.5.6"/>
      <statusCode code="{concern}"/><entryRelationship typeCode="SUBJ">
      <observation classCode="OBS" moodCode="EVN"{flag}>
      <templateId root="2.16.840.1.113883.10.20.22.4.4" extension="2015-08-01"/>
      <id root="1.2.3" extension="problem"/><code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/>
      <statusCode code="{inner}"/>{times}{value}
      <author><time value="20150203"/><assignedAuthor><id root="1.2.9" extension="d"/></assignedAuthor></author>
      {state}</observation></entryRelationship></act>"""


def allergy(*, negated=False, value="416098002", substance=None, parts="", inner="completed"):
    flag = ' negationInd="true"' if negated else ""
    entity = (
        f'<participant typeCode="CSM"><participantRole><playingEntity><code {substance}/></playingEntity>'
        "</participantRole></participant>"
        if substance
        else ""
    )
    return f"""<act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.30"/>
      <code code="CONC" codeSystem="2.16.840.1.113883.5.6"/><statusCode code="active"/>
      <entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"{flag}>
      <templateId root="2.16.840.1.113883.10.20.22.4.7"/><id root="1.2.3" extension="allergy"/>
      <code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/><statusCode code="{inner}"/>
      <effectiveTime><low value="201402"/></effectiveTime>
      <value xsi:type="CD" code="{value}" {SCT}/>{entity}{parts}</observation></entryRelationship></act>"""


def reaction(code="247472004", severity=None):
    return (
        f'<entryRelationship typeCode="MFST" inversionInd="true"><observation classCode="OBS" moodCode="EVN">'
        f'<templateId root="2.16.840.1.113883.10.20.22.4.9"/><code code="ASSERTION"/>'
        f'<value xsi:type="CD" code="{code}" {SCT}/>{severity_part(severity)}</observation></entryRelationship>'
    )


def severity_part(code):
    return (
        f'<entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN">'
        f'<templateId root="2.16.840.1.113883.10.20.22.4.8"/><code code="SEV" codeSystem="2.16.840.1.113883.5.4"/>'
        f'<value xsi:type="CD" code="{code}" {SCT}/></observation></entryRelationship>'
        if code
        else ""
    )


def codes(concept):
    return [c["code"] for c in concept["coding"]]


def test_a_problem_is_a_condition_with_its_own_words(document, section, normalise, one):
    """Code, category by section, onset at its precision, recorder and date of the entry's author."""
    condition = one(normalise(document(section("11450-4", problem()))), "Condition")
    assert condition["code"]["coding"] == [
        {"system": "http://snomed.info/sct", "code": "38341003", "display": "Hypertension"}
    ]
    assert codes(condition["category"][0]) == ["problem-list-item"]
    assert (condition["onsetDateTime"], condition["recordedDate"]) == ("2014", "2015-02-03")
    assert condition["identifier"] == [{"system": "urn:oid:1.2.3", "value": "problem"}]
    assert "verificationStatus" not in condition


@pytest.mark.parametrize(
    ("status", "concern", "times", "expected"),
    [
        ("413322009", "active", '<effectiveTime><low value="2014"/></effectiveTime>', "resolved"),
        ("55561003", "completed", '<effectiveTime><low value="2014"/></effectiveTime>', "active"),
        (None, "active", '<effectiveTime><low value="2014"/></effectiveTime>', "active"),
        (None, "completed", '<effectiveTime><low value="2014"/></effectiveTime>', "inactive"),
        ("55561003", "active", '<effectiveTime><high value="2016"/></effectiveTime>', "inactive"),
        (None, "active", '<effectiveTime><high nullFlavor="UNK"/></effectiveTime>', "inactive"),
        ("277022003", "active", '<effectiveTime><high value="2016"/></effectiveTime>', "remission"),
    ],
)
def test_status_comes_from_the_observation_then_the_concern(
    status, concern, times, expected, document, section, normalise, one
):
    """Status observation beats the concern act; what has ended, also at an unknown date, is not active (con-4)."""
    act = problem(status=status, concern=concern, times=times)
    condition = one(normalise(document(section("11450-4", act))), "Condition")
    assert codes(condition["clinicalStatus"]) == [expected]


def test_an_unknown_end_is_an_end(document, section, normalise, one):
    """`high` with nullFlavor UNK: abatement with data-absent-reason, not silence."""
    act = problem(times='<effectiveTime><low value="2014"/><high nullFlavor="UNK"/></effectiveTime>')
    condition = one(normalise(document(section("11450-4", act))), "Condition")
    assert condition["_abatementDateTime"]["extension"][0]["valueCode"] == "unknown"


def test_negated_problem_is_refuted(document, section, normalise, one):
    """negationInd on a real problem: verification refuted, the code as stated."""
    condition = one(normalise(document(section("11450-4", problem(negated=True)))), "Condition")
    assert codes(condition["verificationStatus"]) == ["refuted"] and codes(condition["code"]) == ["38341003"]


def test_no_problems_is_the_coded_absence(document, section, normalise, one):
    """A negated 55607006 "Problem" is 160245001, and refutes nothing."""
    act = problem(f'<value xsi:type="CD" code="55607006" {SCT}/>', negated=True)
    condition = one(normalise(document(section("11450-4", act))), "Condition")
    assert codes(condition["code"]) == ["160245001"] and "verificationStatus" not in condition


def test_a_nullified_problem_has_no_clinical_status(document, section, normalise, one):
    """statusCode nullified: entered-in-error, and con-5."""
    condition = one(normalise(document(section("11450-4", problem(inner="nullified")))), "Condition")
    assert (
        codes(condition["verificationStatus"]) == ["entered-in-error"] and "clinicalStatus" not in condition
    )


def test_code_other_keeps_translation_and_words(document, section, normalise, one):
    """nullFlavor OTH: the translation is the coding, originalText the text; never an empty object."""
    value = (
        '<value xsi:type="CD" nullFlavor="OTH"><originalText>High pressure</originalText>'
        '<translation code="I10" codeSystem="2.16.840.1.113883.6.90"/></value>'
    )
    condition = one(normalise(document(section("11450-4", problem(value)))), "Condition")
    assert condition["code"] == {
        "coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10"}],
        "text": "High pressure",
    }


def test_allergy_with_reaction_and_severity(document, section, normalise, one):
    """Substance, type and category from the value, manifestation, severity, onset; active is assumed."""
    act = allergy(
        substance='code="7980" codeSystem="2.16.840.1.113883.6.88" displayName="Penicillin"',
        parts=reaction(severity="24484000"),
    )
    batch = normalise(document(section("48765-2", act)))
    found = one(batch, "AllergyIntolerance")
    assert found["code"]["coding"][0]["system"] == "http://www.nlm.nih.gov/research/umls/rxnorm"
    assert (found["type"], found["category"], found["onsetDateTime"]) == (
        "allergy",
        ["medication"],
        "2014-02",
    )
    assert found["reaction"][0]["severity"] == "severe" and codes(found["clinicalStatus"]) == ["active"]
    assert ("assumed", "status") in [(e.disposition, e.reason) for e in batch.losses.entries]
    assert {"system": "urn:carepact:assumed", "code": "status"} in found["meta"]["tag"]


@pytest.mark.parametrize(("reactions", "expected"), [(1, ["moderate"]), (2, [None, None])])
def test_severity_of_the_allergy_goes_to_an_only_reaction(
    reactions, expected, document, section, normalise, one
):
    """With two reactions nobody knows whose it was."""
    parts = "".join(reaction(c) for c in ("247472004", "39579001")[:reactions]) + severity_part("6736007")
    act = allergy(substance=f'code="1" {SCT}', parts=parts)
    found = one(normalise(document(section("48765-2", act))), "AllergyIntolerance")
    assert [r.get("severity") for r in found["reaction"]] == expected


@pytest.mark.parametrize(
    ("value", "code"),
    [("416098002", "409137002"), ("414285001", "429625007"), ("419199007", "716186003"), ("1", "716186003")],
)
def test_no_known_allergy_is_coded_by_its_kind(value, code, document, section, normalise, one):
    """Negation without substance: drug, food, or any allergy, as a positive statement of absence."""
    act = allergy(negated=True, value=value, substance='nullFlavor="NA"')
    found = one(normalise(document(section("48765-2", act))), "AllergyIntolerance")
    assert codes(found["code"]) == [code]


def test_negated_substance_never_reads_as_an_allergy(document, section, normalise, one):
    """ "Not allergic to X" for an X without coded absence: the exposure-risk extension, and no code."""
    act = allergy(negated=True, substance=f'code="102263004" {SCT} displayName="Eggs"')
    found = one(normalise(document(section("48765-2", act))), "AllergyIntolerance")
    assert "code" not in found
    parts = {p["url"]: p["valueCodeableConcept"] for p in found["extension"][0]["extension"]}
    assert codes(parts["exposureRisk"]) == ["no-known-reaction-risk"] and codes(parts["substance"]) == [
        "102263004"
    ]


def test_a_nullified_allergy(document, section, normalise, one):
    """entered-in-error, and without clinical status (ait-2)."""
    act = allergy(substance=f'code="1" {SCT}', inner="nullified")
    found = one(normalise(document(section("48765-2", act))), "AllergyIntolerance")
    assert codes(found["verificationStatus"]) == ["entered-in-error"] and "clinicalStatus" not in found


def test_masked_values_raise_the_label(document, section, normalise, one):
    """nullFlavor MSK: a value was withheld: labels R and MASKED on the resource."""
    act = problem('<value xsi:type="CD" nullFlavor="MSK"/>')
    condition = one(normalise(document(section("11450-4", act))), "Condition")
    assert {"R", "MASKED"} <= {c["code"] for c in condition["meta"]["security"]}
    assert condition["code"]["extension"][0]["valueCode"] == "masked"


def test_privacy_annotation_marks_its_section(document, section, normalise):
    """DS4P: an annotation that is an entry of its own labels all entries of its section and no other."""
    mark = """<organizer classCode="CLUSTER" moodCode="EVN"><templateId root="2.16.840.1.113883.3.3251.1.4"/>
      <component><observation classCode="OBS" moodCode="EVN"><code code="SECCATOBS" codeSystem="2.16.840.1.113883.1.11"/>
      <value xsi:type="CE" code="PSY" codeSystem="2.16.840.1.113883.5.4"/></observation></component></organizer>"""
    other = problem().replace('extension="problem"', 'extension="other"')
    batch = normalise(document(section("11450-4", mark, problem()), section("11348-0", other)))
    marks = [
        "PSY" in [c["code"] for c in r["meta"]["security"]]
        for r in batch.resources
        if r["resourceType"] == "Condition"
    ]
    assert marks == [True, False]
    assert not [r for r in batch.resources if r["resourceType"] == "Basic"]
