"""Medicines handed out, and what documents before C-CDA say of the course of a medicine."""

import pytest

SCT = 'codeSystem="2.16.840.1.113883.6.96"'
PRODUCT = f"""<manufacturedProduct><manufacturedMaterial>
  <code code="321177003" {SCT} displayName="Zopiclone 3.75mg tablets"/></manufacturedMaterial></manufacturedProduct>"""


def supply(*, product="", negated=False, status="completed", template="18"):
    flag = ' negationInd="true"' if negated else ""
    return f"""<supply classCode="SPLY" moodCode="EVN"{flag}>
      <templateId root="2.16.840.1.113883.10.20.22.4.{template}"/><id root="1.2.3.9" extension="d1"/>
      <statusCode code="{status}"/><effectiveTime value="20240105"/><quantity value="28" unit="{{tablet}}"/>
      {product}<performer><assignedEntity><id root="1.2.3.8" extension="pharmacy"/>
        <representedOrganization><id root="1.2.3.8" extension="shop"/><name>Harbour Pharmacy</name>
        </representedOrganization></assignedEntity></performer></supply>"""


def medicine(parts, status="completed"):
    return f"""<substanceAdministration classCode="SBADM" moodCode="INT">
      <templateId root="2.16.840.1.113883.10.20.22.4.16"/><id root="1.2.3" extension="m1"/>
      <statusCode code="{status}"/><consumable>{PRODUCT}</consumable>{parts}</substanceAdministration>"""


def related(act):
    return f'<entryRelationship typeCode="REFR">{act}</entryRelationship>'


def test_what_was_handed_out_points_at_its_order(document, section, normalise, one):
    """Supply of mood EVN: MedicationDispense of the order's product, with amount, day and pharmacy."""
    batch = normalise(document(section("10160-0", medicine(related(supply())))))
    handed, order = one(batch, "MedicationDispense"), one(batch, "MedicationRequest")
    assert handed["authorizingPrescription"] == [{"reference": f"MedicationRequest/{order['id']}"}]
    assert handed["medicationCodeableConcept"]["coding"][0]["code"] == "321177003"
    assert (handed["status"], handed["whenHandedOver"]) == ("completed", "2024-01-05")
    assert (handed["quantity"]["value"], handed["quantity"]["unit"]) == (28, "{tablet}")
    assert handed["performer"][0]["actor"]["display"] == "Harbour Pharmacy"
    assert "dispenseRequest" not in order


def test_a_dispense_alone_is_one(document, section, normalise, one):
    """An entry of its own with a product, with and without the template; without a product it is kept."""
    for template in ("18", "0"):
        act = supply(product=f"<product>{PRODUCT}</product>", template=template)
        batch = normalise(document(section("10160-0", act)))
        assert (
            one(batch, "MedicationDispense")["medicationCodeableConcept"]["coding"][0]["code"] == "321177003"
        )
    batch = normalise(document(section("10160-0", supply())))
    assert "MedicationDispense" not in str(batch.resources) and one(batch, "Basic")


def test_what_was_not_handed_out_is_kept(document, section, normalise, one):
    """A negated supply must never read as one that took place."""
    batch = normalise(document(section("10160-0", medicine(related(supply(negated=True))))))
    assert not [r for r in batch.resources if r["resourceType"] == "MedicationDispense"]
    assert "d1" in str(one(batch, "Basic"))


@pytest.mark.parametrize(
    ("status", "course", "expected"),
    [
        ("completed", "55561003", "active"),
        ("completed", "421139008", "on-hold"),
        ("completed", "73425007", "stopped"),
        ("nonsense", "392521001", "completed"),
        ("aborted", "55561003", "stopped"),
        ("nullified", "55561003", "entered-in-error"),
        ("completed", "999", "completed"),
    ],
)
def test_the_status_observation_says_how_it_stands(
    status, course, expected, document, section, normalise, one
):
    """It is more than an act that is always completed; what was called off or an error stays so."""
    act = f"""<observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.1.47"/>
      <code code="33999-4" codeSystem="2.16.840.1.113883.6.1"/>
      <value xsi:type="CE" code="{course}" {SCT} displayName="Course"/></observation>"""
    batch = normalise(document(section("10160-0", medicine(related(act), status))))
    assert one(batch, "MedicationRequest")["status"] == expected


@pytest.mark.parametrize(("negated", "found"), [(False, 1), (True, 0)])
def test_the_health_status_of_a_problem_points_at_it(negated, found, document, section, normalise):
    """An Observation about the Condition; of a problem that is denied nothing is told."""
    flag = ' negationInd="true"' if negated else ""
    act = f"""<observation classCode="OBS" moodCode="EVN"{flag}>
      <templateId root="2.16.840.1.113883.10.20.22.4.4"/><id root="1.2.3" extension="p"/>
      <code code="55607006" {SCT}/><statusCode code="completed"/>
      <value xsi:type="CD" code="44054006" {SCT}/>
      <entryRelationship typeCode="REFR"><observation classCode="OBS" moodCode="EVN">
        <templateId root="2.16.840.1.113883.10.20.22.4.5"/>
        <code code="11323-3" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>
        <value xsi:type="CD" code="81323004" {SCT} displayName="Alive and well"/>
      </observation></entryRelationship></observation>"""
    resources = normalise(document(section("11450-4", act))).resources
    told = [r for r in resources if r["resourceType"] == "Observation"]
    condition = next(r for r in resources if r["resourceType"] == "Condition")
    assert len(told) == found
    assert all(one["focus"] == [{"reference": f"Condition/{condition['id']}"}] for one in told)
