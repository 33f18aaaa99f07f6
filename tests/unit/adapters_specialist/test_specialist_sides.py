"""Which side, where, and how sure: said of a problem, a procedure and an observation."""

import pytest

SCT = 'codeSystem="2.16.840.1.113883.6.96"'
LEFT = (
    f'<qualifier><name code="272741003" {SCT} displayName="Laterality"/>'
    f'<value code="7771000" {SCT} displayName="Left"/></qualifier>'
)
SITE = f'<targetSiteCode code="72696002" {SCT} displayName="Knee">{LEFT}</targetSiteCode>'
ARTHRITIS = f'<value xsi:type="CD" code="3723001" {SCT} displayName="Arthritis">{LEFT}</value>'
PROBLEM = f"""<observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.4"/>
  <id root="1.2.10" extension="p"/><code code="ASSERTION"/><statusCode code="completed"/>{ARTHRITIS}{SITE}
  </observation>"""
PROCEDURE = f"""<procedure classCode="PROC" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.14"/>
  <id root="1.2.10" extension="q"/><code code="179344006" {SCT} displayName="Replacement">{LEFT}</code>
  <statusCode code="completed"/>{SITE}</procedure>"""
READING = f"""<observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.2"/>
  <id root="1.2.10" extension="r"/><code code="1" {SCT} displayName="Swelling">{LEFT}</code>
  <statusCode code="completed"/>{ARTHRITIS}{SITE}</observation>"""


@pytest.mark.parametrize(
    ("code", "act", "kind", "said"),
    [
        ("11450-4", PROBLEM, "Condition", "Arthritis (Laterality: Left)"),
        ("47519-4", PROCEDURE, "Procedure", "Replacement (Laterality: Left)"),
        ("30954-2", READING, "Observation", "Swelling (Laterality: Left)"),
    ],
)
def test_the_side_is_never_lost(code, act, kind, said, document, section, normalise, one):
    """A qualifier of the code, the value or the target site stands in the words of the concept."""
    batch = normalise(document(section(code, act)))
    found = one(batch, kind)
    sites = found["bodySite"] if isinstance(found["bodySite"], list) else [found["bodySite"]]
    assert found["code"]["text"] == said
    assert [s["text"] for s in sites] == ["Knee (Laterality: Left)"]
    assert sites[0]["coding"][0]["code"] == "72696002"
    lost = [e.position for e in batch.losses.entries if e.reason != "structural"]
    assert not [position for position in lost if "qualifier" in position]


def test_a_doubted_problem_is_provisional(document, section, normalise, one):
    """uncertaintyCode U is no certainty."""
    doubt = '<uncertaintyCode code="U" codeSystem="2.16.840.1.113883.5.1053"/>'
    act = PROBLEM.replace("<statusCode", doubt + "<statusCode")
    found = one(normalise(document(section("11450-4", act))), "Condition")
    assert found["verificationStatus"]["coding"][0]["code"] == "provisional"
