"""What has not happened yet never reads as done."""

import pytest

PLAN = """<{kind} classCode="X" moodCode="{mood}">{template}
  <id root="1.2.826.0.1.99.30" extension="p1"/>
  <code code="73761001" codeSystem="2.16.840.1.113883.6.96" displayName="Colonoscopy"/>
  <statusCode code="active"/><effectiveTime value="20260601"/>
  <priorityCode code="UR" codeSystem="2.16.840.1.113883.5.7"/></{kind}>"""


@pytest.mark.parametrize("kind", ["procedure", "observation", "act"])
@pytest.mark.parametrize(
    ("mood", "intent"),
    [("INT", "plan"), ("RQO", "order"), ("PRP", "proposal"), ("PRMS", "plan"), ("ARQ", "order")],
)
def test_an_intended_act_is_a_request_by_its_mood(kind, mood, intent, document, section, normalise, one):
    """Whatever the section: never a Procedure or an Observation."""
    for code in ("18776-5", "47519-4", "30954-2", "29762-2"):
        batch = normalise(document(section(code, PLAN.format(kind=kind, mood=mood, template=""))))
        request = one(batch, "ServiceRequest")
        assert (request["intent"], request["status"], request["priority"]) == (intent, "active", "urgent")
        assert request["occurrenceDateTime"] == "2026-06-01"
        assert not {"Procedure", "Observation"} & {r["resourceType"] for r in batch.resources}


def test_a_denied_plan_is_a_request_not_to(document, section, normalise, one):
    """negationInd: doNotPerform, never the plan itself."""
    act = PLAN.format(kind="procedure", mood="INT", template="").replace(
        'moodCode="INT"', 'moodCode="INT" negationInd="true"'
    )
    assert one(normalise(document(section("18776-5", act))), "ServiceRequest")["doNotPerform"] is True


def test_a_medicine_to_come_is_an_order(document, section, normalise, one):
    """Also in the section of immunisations: a vaccine to be given was not given."""
    act = """<substanceAdministration classCode="SBADM" moodCode="INT"><statusCode code="active"/>
      <consumable><manufacturedProduct><manufacturedMaterial>
        <code code="88" codeSystem="2.16.840.1.113883.12.292" displayName="Influenza vaccine"/>
      </manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>"""
    batch = normalise(document(section("11369-6", act)))
    assert one(batch, "MedicationRequest")["intent"] == "order"
    assert "Immunization" not in [r["resourceType"] for r in batch.resources]


def test_a_visit_to_come_is_an_appointment(document, section, normalise, one):
    """Booked needs the mood and both ends (app-3); all else is proposed for a period."""
    exact = '<effectiveTime><low value="202606011000+0000"/><high value="202606011030+0000"/></effectiveTime>'
    day = '<effectiveTime value="20260601"/>'
    for mood, time, status in (
        ("APT", exact, "booked"),
        ("INT", exact, "proposed"),
        ("APT", day, "proposed"),
    ):
        act = f"""<encounter classCode="ENC" moodCode="{mood}">
          <code code="185349003" codeSystem="2.16.840.1.113883.6.96"/>{time}</encounter>"""
        batch = normalise(document(section("18776-5", act)))
        appointment = one(batch, "Appointment")
        assert appointment["status"] == status
        assert ("start" in appointment) == (status == "booked")
        assert "Encounter" not in [r["resourceType"] for r in batch.resources]


def test_a_goal_is_kept(document, section, normalise, one):
    """No exchange carries goals: kept as it came, type-not-carried."""
    batch = normalise(document(section("61146-7", PLAN.format(kind="observation", mood="GOL", template=""))))
    assert one(batch, "Basic")
    assert "type-not-carried" in [e.reason for e in batch.losses.entries if e.disposition == "kept"]


def test_an_intention_in_an_unknown_section_is_kept(document, section, normalise, one):
    """Neither a known template nor a known section: nobody knows what is asked for."""
    batch = normalise(document(section("48768-6", PLAN.format(kind="act", mood="RQO", template=""))))
    assert one(batch, "Basic")
