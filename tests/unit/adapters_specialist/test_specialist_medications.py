"""Medicines and immunisations: what, how much, how often, since when, and who said so."""

from decimal import Decimal

import pytest

DRUG = '<code code="321177003" codeSystem="2.16.840.1.113883.6.96" displayName="Zopiclone 3.75mg tablets"/>'


def medicine(times="", *, mood="EVN", status="active", drug=DRUG, parts="", negated=False):
    flag = ' negationInd="true"' if negated else ""
    return f"""<substanceAdministration classCode="SBADM" moodCode="{mood}"{flag}>
      <templateId root="2.16.840.1.113883.10.20.22.4.16"/><id root="1.2.3" extension="m1"/>
      <text><reference value="#sig"/></text><statusCode code="{status}"/>{times}
      <routeCode code="C38288" codeSystem="2.16.840.1.113883.3.26.1.1" displayName="ORAL"/>
      <doseQuantity value="1.50" unit="mg"/>
      <consumable><manufacturedProduct><manufacturedMaterial>{drug}</manufacturedMaterial></manufacturedProduct>
      </consumable>{parts}</substanceAdministration>"""


def request(batch):
    return next(r for r in batch.resources if r["resourceType"] == "MedicationRequest")


def run(normalise, document, section, act):
    body = document(section("10160-0", act, text='<paragraph ID="sig">One at night</paragraph>'))
    return request(normalise(body))


def test_drug_dose_route_and_sig(normalise, document, section):
    """Product, dose with the digits of the source, route, the sig by reference; a taken one is a plan."""
    found = run(normalise, document, section, medicine())
    assert found["medicationCodeableConcept"]["coding"][0]["code"] == "321177003"
    dosage = found["dosageInstruction"][0]
    assert dosage["text"] == "One at night"
    dose = dosage["doseAndRate"][0]["doseQuantity"]
    assert str(dose["value"]) == "1.50" and dose["code"] == "mg"
    assert dosage["route"]["coding"][0]["system"].startswith("http://ncicb")
    assert (found["intent"], found["status"]) == ("plan", "active")


def test_ordered_is_an_order(normalise, document, section):
    """mood INT: intent order."""
    assert run(normalise, document, section, medicine(mood="INT"))["intent"] == "order"


@pytest.mark.parametrize(
    ("status", "end", "expected"),
    [
        ("active", "2027", "active"),
        ("completed", "2025", "completed"),
        ("completed", "2027", "active"),
        ("aborted", "2025", "stopped"),
        ("suspended", "2027", "on-hold"),
        ("nullified", "2025", "entered-in-error"),
        ("nonsense", "2025", "unknown"),
    ],
)
def test_status_by_table_and_completed_with_a_future_end_is_active(
    status, end, expected, normalise, document, section
):
    """The future is seen from the document's own time, so that a replay says the same."""
    times = f'<effectiveTime xsi:type="IVL_TS"><low value="2024"/><high value="{end}"/></effectiveTime>'
    assert run(normalise, document, section, medicine(times, status=status))["status"] == expected


@pytest.mark.parametrize(
    ("times", "repeat"),
    [
        (
            '<effectiveTime xsi:type="PIVL_TS" operator="A"><period value="8" unit="h"/></effectiveTime>',
            {"frequency": 1, "period": Decimal(8), "periodUnit": "h"},
        ),
        (
            '<effectiveTime xsi:type="PIVL_TS" institutionSpecified="true"><period value="8" unit="h"/>'
            "</effectiveTime>",
            {"frequency": 3, "period": Decimal(1), "periodUnit": "d"},
        ),
        (
            '<effectiveTime xsi:type="PIVL_TS"><period xsi:type="IVL_PQ"><low value="4" unit="h"/>'
            '<high value="6" unit="h"/></period></effectiveTime>',
            {"frequency": 1, "period": Decimal(4), "periodMax": Decimal(6), "periodUnit": "h"},
        ),
        (
            '<effectiveTime xsi:type="EIVL_TS"><event code="HS"/></effectiveTime>',
            {"when": ["HS"]},
        ),
        (
            '<effectiveTime xsi:type="EIVL_TS"><event code="ACM"/><offset><low value="1" unit="h"/></offset>'
            "</effectiveTime>",
            {"when": ["ACM"], "offset": 60},
        ),
        (
            '<effectiveTime xsi:type="IVL_TS"><low value="20240101"/><high value="20240201"/></effectiveTime>',
            {"boundsPeriod": {"start": "2024-01-01", "end": "2024-02-01"}},
        ),
    ],
)
def test_timing(times, repeat, normalise, document, section):
    """PIVL as frequency or period, EIVL as event, IVL as bounds."""
    found = run(normalise, document, section, medicine(times))
    assert found["dosageInstruction"][0]["timing"]["repeat"] == repeat


def test_repeats_do_not_count_the_first_fill(normalise, document, section):
    """CDA repeatNumber 3 is two repeats in FHIR; the supply's quantity is dispensed."""
    supply = """<entryRelationship typeCode="REFR"><supply classCode="SPLY" moodCode="INT">
      <templateId root="2.16.840.1.113883.10.20.22.4.17"/><statusCode code="completed"/>
      <repeatNumber value="3"/><quantity value="28" unit="{tablet}"/></supply></entryRelationship>"""
    found = run(normalise, document, section, medicine(parts=supply))
    assert found["dispenseRequest"]["numberOfRepeatsAllowed"] == 2
    assert found["dispenseRequest"]["quantity"]["code"] == "{tablet}"


def test_do_not_take_is_not_lost(normalise, document, section):
    """negationInd on a medicine: doNotPerform, never a plain request."""
    assert run(normalise, document, section, medicine(negated=True))["doNotPerform"] is True


def test_a_batch_makes_it_a_contained_medication(normalise, document, section):
    """Lot or maker: Medication inside the request, since CodeableConcept has no place for them."""
    drug = f"{DRUG}<lotNumberText>L-77</lotNumberText>"
    found = run(normalise, document, section, medicine(drug=drug))
    assert found["contained"][0]["batch"] == {"lotNumber": "L-77"}
    assert found["medicationReference"]["reference"] == "#medication"


def test_a_medicine_that_is_only_a_null_says_so(normalise, document, section):
    """Required and absent: data-absent-reason, not a guess."""
    found = run(normalise, document, section, medicine(drug='<code nullFlavor="UNK"/>'))
    assert found["medicationCodeableConcept"]["extension"][0]["valueCode"] == "unknown"


def test_as_needed_for_a_reason(normalise, document, section):
    """precondition: as needed, for the criterion's value."""
    parts = """<precondition typeCode="PRCN"><criterion><code code="ASSERTION"/>
      <value xsi:type="CE" code="56018004" codeSystem="2.16.840.1.113883.6.96"/></criterion></precondition>"""
    dosage = run(normalise, document, section, medicine(parts=parts))["dosageInstruction"][0]
    assert dosage["asNeededCodeableConcept"]["coding"][0]["code"] == "56018004"


def test_a_bad_dose_is_rejected_and_the_rest_stays(normalise, document, section, one):
    """ "two" is no number: rejected/bad-number with its place; drug and status are there."""
    act = medicine().replace('value="1.50"', 'value="two"')
    batch = normalise(document(section("10160-0", act, text='<paragraph ID="sig">x</paragraph>')))
    assert "doseAndRate" not in one(batch, "MedicationRequest")["dosageInstruction"][0]
    line = next(e for e in batch.losses.entries if e.reason == "bad-number")
    assert line.position.endswith("/doseQuantity[1]/@value")


@pytest.mark.parametrize(
    ("flag", "status", "expected"),
    [
        ("", "completed", "completed"),
        (' negationInd="true"', "completed", "not-done"),
        ("", "active", "completed"),
    ],
)
def test_immunisation_given_or_not(flag, status, expected, normalise, document, section, one):
    """Vaccine, day, lot; a refused one is not-done."""
    act = f"""<substanceAdministration classCode="SBADM" moodCode="EVN"{flag}>
      <templateId root="2.16.840.1.113883.10.20.22.4.52"/><id root="1.2.3" extension="i1"/>
      <statusCode code="{status}"/><effectiveTime value="20240105"/>
      <consumable><manufacturedProduct><manufacturedMaterial>
      <code code="141" codeSystem="2.16.840.1.113883.12.292"/><lotNumberText>1</lotNumberText>
      </manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>"""
    found = one(normalise(document(section("11369-6", act))), "Immunization")
    assert (found["status"], found["occurrenceDateTime"], found["lotNumber"]) == (expected, "2024-01-05", "1")
    assert found["vaccineCode"]["coding"][0]["system"] == "http://hl7.org/fhir/sid/cvx"
