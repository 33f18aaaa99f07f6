"""What is no fact about the patient, by its mood or its subject, never reads as one."""

import pytest

SCT = 'codeSystem="2.16.840.1.113883.6.96"'
LOINC = 'codeSystem="2.16.840.1.113883.6.1"'
MOTHER = (
    '<subject><relatedSubject classCode="PRS"><code code="MTH" codeSystem="2.16.840.1.113883.5.111"/>'
    "</relatedSubject></subject>"
)
SELF = MOTHER.replace("MTH", "ONESELF")


def reading(mood="EVN", subject="", extension="one", value="6.5"):
    return (
        f'<observation classCode="OBS" moodCode="{mood}"><templateId root="2.16.840.1.113883.10.20.22.4.2"/>'
        f'<id root="1.2.4" extension="{extension}"/><code code="2345-7" {LOINC} displayName="Glucose"/>'
        f'<statusCode code="completed"/><effectiveTime value="20250101"/>'
        f'<value xsi:type="PQ" value="{value}" unit="mmol/L"/>{subject}</observation>'
    )


def organizer(*parts, template="1", more=""):
    inner = "".join(f"<component>{p}</component>" for p in parts)
    return (
        f'<organizer classCode="BATTERY" moodCode="EVN">'
        f'<templateId root="2.16.840.1.113883.10.20.22.4.{template}"/><id root="1.2.4" extension="group"/>'
        f'<code code="24323-8" {LOINC}/><statusCode code="completed"/>{more}{inner}</organizer>'
    )


def diagnosis(mood="EVN", subject="", extension="p"):
    return (
        f'<observation classCode="OBS" moodCode="{mood}"><templateId root="2.16.840.1.113883.10.20.22.4.4"/>'
        f'<id root="1.2.4" extension="{extension}"/><code code="ASSERTION"/><statusCode code="completed"/>'
        f'<value xsi:type="CD" code="44054006" {SCT}/>{subject}</observation>'
    )


def concern(*parts):
    inner = "".join(f'<entryRelationship typeCode="SUBJ">{p}</entryRelationship>' for p in parts)
    return (
        '<act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.3"/>'
        f'<id root="1.2.4" extension="concern"/><code code="CONC"/><statusCode code="active"/>{inner}</act>'
    )


def kinds(batch):
    return [r["resourceType"] for r in batch.resources]


def is_kept(batch):
    return any(e.disposition == "kept" for e in batch.losses.entries)


MOODS = ["GOL", "RQO", "INT", "PRMS", "PRP", "DEF", "RSK", "EVN.CRT", "nonsense"]


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize(("code", "template"), [("30954-2", "1"), ("8716-3", "26")])
def test_only_the_event_of_a_panel_is_an_observation(mood, code, template, document, section, normalise, one):
    """Beside a reading that was made, one of another mood is kept as it came, with a line."""
    act = organizer(reading(), reading(mood, extension="two", value="5.1"), template=template)
    batch = normalise(document(section(code, act)))
    valued = [r for r in batch.resources if "valueQuantity" in r]
    assert [str(r["valueQuantity"]["value"]) for r in valued] == ["6.5"]
    assert one(batch, "Basic") and is_kept(batch)


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize(("code", "template"), [("30954-2", "1"), ("8716-3", "26")])
def test_a_panel_of_goals_alone_is_no_report(mood, code, template, document, section, normalise, one):
    """Nothing was measured: no DiagnosticReport, no Observation, the whole entry kept."""
    batch = normalise(document(section(code, organizer(reading(mood), template=template))))
    assert not {"Observation", "DiagnosticReport"} & set(kinds(batch))
    assert one(batch, "Basic") and is_kept(batch)


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("code", ["30954-2", "8716-3", "29762-2", "47420-5"])
def test_an_observation_alone_of_another_mood_is_none(mood, code, document, section, normalise):
    """It is a request where the mood says so, else kept; never an Observation."""
    batch = normalise(document(section(code, reading(mood))))
    assert "Observation" not in kinds(batch)
    assert {"ServiceRequest", "Basic"} & set(kinds(batch))


@pytest.mark.parametrize("mood", MOODS)
def test_a_risk_is_no_condition(mood, document, section, normalise, one):
    """A problem observation of another mood is kept, alone in its concern and beside a real one."""
    alone = normalise(document(section("11450-4", concern(diagnosis(mood)))))
    assert "Condition" not in kinds(alone) and is_kept(alone)
    both = normalise(document(section("11450-4", concern(diagnosis(), diagnosis(mood, extension="q")))))
    assert one(both, "Condition")["identifier"][0]["value"] == "p" and one(both, "Basic")


@pytest.mark.parametrize(
    ("code", "act"),
    [
        ("11450-4", concern(diagnosis(subject=MOTHER))),
        ("30954-2", reading(subject=MOTHER)),
        ("30954-2", organizer(reading(subject=MOTHER))),
        ("30954-2", organizer(reading(), more=MOTHER)),
        ("8716-3", organizer(reading(subject=MOTHER), template="26")),
        ("47519-4", f'<procedure classCode="PROC" moodCode="EVN"><code code="1" {SCT}/>{MOTHER}</procedure>'),
        ("18776-5", f'<procedure classCode="PROC" moodCode="RQO"><code code="1" {SCT}/>{MOTHER}</procedure>'),
    ],
)
def test_what_a_relative_has_is_not_the_patients(code, act, document, section, normalise):
    """A statement whose subject is the mother is kept with a line, never told of the patient."""
    batch = normalise(document(section(code, act)))
    told = {"Condition", "Observation", "DiagnosticReport", "Procedure", "ServiceRequest"}
    assert not told & set(kinds(batch))
    assert "Basic" in kinds(batch) and is_kept(batch)


def test_a_problem_of_a_relative_is_family_history(document, section, normalise, one):
    """A coded problem whose subject is the mother, alone or beside the patient's own: hers, and no Condition."""
    alone = normalise(document(section("11450-4", diagnosis(subject=MOTHER))))
    assert "Condition" not in kinds(alone)
    history = one(alone, "FamilyMemberHistory")
    assert history["relationship"]["coding"][0]["code"] == "MTH" and len(history["condition"]) == 1
    act = concern(diagnosis(), diagnosis(subject=MOTHER, extension="q"))
    both = normalise(document(section("11450-4", act)))
    assert one(both, "Condition")["identifier"][0]["value"] == "p"
    assert one(both, "FamilyMemberHistory")["identifier"][0]["value"] == "q"


def test_a_section_about_a_relative_tells_nothing_of_the_patient(document, section, normalise):
    """The subject of a section holds for all its entries."""
    batch = normalise(document(section("30954-2", reading(), more=MOTHER)))
    assert "Observation" not in kinds(batch) and is_kept(batch)


def test_a_subject_that_is_the_patient_changes_nothing(document, section, normalise, one):
    """relatedSubject ONESELF is the patient."""
    assert one(normalise(document(section("30954-2", reading(subject=SELF)))), "Observation")
