"""What denies or ends a problem or an allergy from the concern around it, or by its end, is heeded."""

import pytest

SCT = 'codeSystem="2.16.840.1.113883.6.96"'
ACTIVE, UNTOLD = "55561003", ""
HYPERTENSION = f'<value xsi:type="CD" code="38341003" {SCT}/>'


def concern(template, inner, *, status="active", flag=""):
    return (
        f'<act classCode="ACT" moodCode="EVN"{flag}><templateId root="2.16.840.1.113883.10.20.22.4.{template}"/>'
        f'<id root="1.2.5" extension="c"/><code code="CONC"/><statusCode code="{status}"/>'
        f'<entryRelationship typeCode="SUBJ">{inner}</entryRelationship></act>'
    )


def problem(value=HYPERTENSION, flag="", times=""):
    return (
        f'<observation classCode="OBS" moodCode="EVN"{flag}>'
        '<templateId root="2.16.840.1.113883.10.20.22.4.4"/><id root="1.2.5" extension="p"/>'
        f'<code code="ASSERTION"/><statusCode code="completed"/>{times}{value}</observation>'
    )


def allergy(flag="", times='<low value="2010"/>', state=UNTOLD, more=""):
    stated = (
        '<entryRelationship typeCode="REFR"><observation classCode="OBS" moodCode="EVN">'
        '<code code="33999-4" codeSystem="2.16.840.1.113883.6.1"/>'
        f'<value xsi:type="CD" code="{state}" {SCT}/></observation></entryRelationship>'
        if state
        else ""
    )
    return (
        f'<observation classCode="OBS" moodCode="EVN"{flag}>'
        '<templateId root="2.16.840.1.113883.10.20.22.4.7"/><id root="1.2.5" extension="a"/>'
        f'<code code="ASSERTION"/><statusCode code="completed"/><effectiveTime>{times}</effectiveTime>'
        f'<value xsi:type="CD" code="416098002" {SCT}/><participant typeCode="CSM"><participantRole>'
        f'<playingEntity><code code="7980" codeSystem="2.16.840.1.113883.6.88"/></playingEntity>'
        f"</participantRole></participant>{stated}{more}</observation>"
    )


NOT = ' negationInd="true"'


def codes(concept):
    return [c["code"] for c in concept["coding"]]


def test_a_denied_concern_refutes_its_problem(document, section, normalise, one):
    """negationInd on the act around the observation counts for it."""
    batch = normalise(document(section("11450-4", concern("3", problem(), flag=NOT))))
    assert codes(one(batch, "Condition")["verificationStatus"]) == ["refuted"]


def test_a_denied_concern_denies_its_allergy(document, section, normalise, one):
    """It never reads as an allergy to the substance."""
    batch = normalise(document(section("48765-2", concern("30", allergy(), flag=NOT))))
    found = one(batch, "AllergyIntolerance")
    assert "7980" not in codes(found.get("code", {"coding": []}))


@pytest.mark.parametrize(
    ("code", "template", "inner"), [("11450-4", "3", problem(flag=NOT)), ("48765-2", "30", allergy(flag=NOT))]
)
def test_a_denied_denial_is_kept(code, template, inner, document, section, normalise, one):
    """Nobody can say what it means: it becomes neither a problem nor an absence."""
    batch = normalise(document(section(code, concern(template, inner, flag=NOT))))
    assert not {"Condition", "AllergyIntolerance"} & {r["resourceType"] for r in batch.resources}
    assert one(batch, "Basic")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            '<value xsi:type="CD" nullFlavor="OTH"><originalText>chest pain</originalText></value>',
            "chest pain",
        ),
        ('<value xsi:type="CD" nullFlavor="OTH"/>', None),
    ],
)
def test_a_denied_problem_in_words_is_no_empty_list(value, text, document, section, normalise, one):
    """ "No chest pain" is a refuted Condition with those words, not "no current problems"."""
    found = one(normalise(document(section("11450-4", concern("3", problem(value, NOT))))), "Condition")
    assert codes(found["verificationStatus"]) == ["refuted"]
    assert "coding" not in found["code"] and found["code"].get("text") == text


@pytest.mark.parametrize(
    ("status", "times", "state", "expected"),
    [
        ("active", '<low value="2010"/>', UNTOLD, "active"),
        ("completed", '<low value="2010"/>', UNTOLD, "inactive"),
        ("aborted", '<low value="2010"/>', UNTOLD, "inactive"),
        ("suspended", '<low value="2010"/>', UNTOLD, "inactive"),
        ("completed", '<low value="2010"/>', ACTIVE, "active"),
        ("active", '<low value="2010"/><high value="20150315"/>', ACTIVE, "inactive"),
        ("active", '<low value="2010"/><high value="20150315"/>', "413322009", "resolved"),
        ("active", '<low value="2010"/><high value="2030"/>', ACTIVE, "active"),
        ("active", '<low value="2010"/><high nullFlavor="UNK"/>', UNTOLD, "inactive"),
        ("active", '<low value="2010"/><high nullFlavor="UNK"/>', ACTIVE, "active"),
        ("active", '<low value="2010"/><high nullFlavor="NA"/>', UNTOLD, "active"),
    ],
)
def test_an_allergy_ends_as_the_source_says(
    status, times, state, expected, document, section, normalise, one
):
    """Status observation, else the concern; an end before the document's time is one; caution else."""
    act = concern("30", allergy(times=times, state=state), status=status)
    found = one(normalise(document(section("48765-2", act))), "AllergyIntolerance")
    assert codes(found["clinicalStatus"]) == [expected]


def test_when_an_allergy_and_its_reaction_ended_is_said(document, section, normalise, one):
    """R4 has no element for either end: both stand in notes."""
    reaction = (
        '<entryRelationship typeCode="MFST" inversionInd="true"><observation classCode="OBS" moodCode="EVN">'
        '<templateId root="2.16.840.1.113883.10.20.22.4.9"/><effectiveTime><low value="2011"/>'
        f'<high value="2012"/></effectiveTime><value xsi:type="CD" code="247472004" {SCT}/></observation>'
        "</entryRelationship>"
    )
    act = concern("30", allergy(times='<low value="2010"/><high value="20150315"/>', more=reaction))
    found = one(normalise(document(section("48765-2", act))), "AllergyIntolerance")
    assert found["note"] == [{"text": "Ended: 2015-03-15"}]
    assert found["reaction"][0]["note"] == [{"text": "Ended: 2012"}]
