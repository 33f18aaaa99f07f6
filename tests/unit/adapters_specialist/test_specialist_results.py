"""Results, vital signs, procedures, and what no mapping knows."""

import json
from decimal import Decimal

import pytest

LOINC = 'codeSystem="2.16.840.1.113883.6.1"'


def result(value, *, code="718-7", more="", status="completed", extension="o1", negated=False):
    flag = ' negationInd="true"' if negated else ""
    return f"""<observation classCode="OBS" moodCode="EVN"{flag}><templateId root="2.16.840.1.113883.10.20.22.4.2"/>
      <id root="1.2.3" extension="{extension}"/><code code="{code}" {LOINC}/><statusCode code="{status}"/>
      <effectiveTime value="20240102030405-0500"/>{value}{more}</observation>"""


def organizer(*observations, template="1", code="58410-2", more=""):
    parts = "".join(f"<component>{o}</component>" for o in observations)
    return f"""<organizer classCode="BATTERY" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.{template}"/>
      <id root="1.2.3" extension="report"/><code code="{code}" {LOINC}/><statusCode code="completed"/>{more}{parts}
      </organizer>"""


def written(value):
    """A value with its decimals as their text."""
    return json.dumps(value, sort_keys=True, default=str)


UCUM = {"system": "http://unitsofmeasure.org"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            '<value xsi:type="PQ" value="13.20" unit="g/dL"/>',
            {"valueQuantity": {"value": Decimal("13.20"), "unit": "g/dL", "code": "g/dL"} | UCUM},
        ),
        (
            '<value xsi:type="PQ" value="3" unit="two words"/>',
            {"valueQuantity": {"value": Decimal(3), "unit": "two words"}},
        ),
        (
            '<value xsi:type="IVL_PQ"><low value="5" unit="mg" inclusive="false"/></value>',
            {"valueQuantity": {"value": Decimal(5), "comparator": ">", "unit": "mg", "code": "mg"} | UCUM},
        ),
        (
            '<value xsi:type="IVL_PQ"><high value="5"/></value>',
            {"valueQuantity": {"value": Decimal(5), "comparator": "<="}},
        ),
        (
            '<value xsi:type="IVL_PQ"><low value="1"/><high value="2"/></value>',
            {"valueRange": {"low": {"value": Decimal(1)}, "high": {"value": Decimal(2)}}},
        ),
        (
            '<value xsi:type="CD" code="260385009" codeSystem="2.16.840.1.113883.6.96"/>',
            {"valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "260385009"}]}},
        ),
        ('<value xsi:type="ST"> Clear </value>', {"valueString": "Clear"}),
        ('<value xsi:type="ED">Long words</value>', {"valueString": "Long words"}),
        ('<value xsi:type="INT" value="7"/>', {"valueInteger": 7}),
        ('<value xsi:type="REAL" value="7.0"/>', {"valueQuantity": {"value": Decimal("7.0")}}),
        ('<value xsi:type="TS" value="201401"/>', {"valueDateTime": "2014-01"}),
        ('<value xsi:type="BL" value="false"/>', {"valueBoolean": False}),
        (
            '<value xsi:type="RTO_PQ_PQ"><numerator value="1"/><denominator value="128"/></value>',
            {"valueRatio": {"numerator": {"value": Decimal(1)}, "denominator": {"value": Decimal(128)}}},
        ),
    ],
)
def test_every_value_type(value, expected, document, section, normalise, one):
    """Each CDA type to its FHIR one, digit by digit."""
    observation = one(normalise(document(section("30954-2", result(value)))), "Observation")
    found = {k: v for k, v in observation.items() if k.startswith("value")}
    assert found == expected
    assert written(found) == written(expected)  # 7.0 equals 7, but is not the same statement
    assert observation["effectiveDateTime"] == "2024-01-02T03:04:05-05:00"


def test_a_null_value_says_why(document, section, normalise, one):
    """No value but a nullFlavor: dataAbsentReason, and no value beside it (obs-6)."""
    act = result('<value xsi:type="PQ" nullFlavor="NASK"/>')
    observation = one(normalise(document(section("30954-2", act))), "Observation")
    assert observation["dataAbsentReason"]["coding"][0]["code"] == "not-asked"
    assert not [k for k in observation if k.startswith("value")]


def test_two_values_are_components(document, section, normalise, one):
    """Several values of one observation: components of the same code, none is dropped (obs-7)."""
    act = result('<value xsi:type="INT" value="1"/><value xsi:type="INT" value="2"/>')
    observation = one(normalise(document(section("30954-2", act))), "Observation")
    assert [c["valueInteger"] for c in observation["component"]] == [1, 2]


def test_a_report_lists_its_observations(document, section, normalise, one):
    """An organizer is one DiagnosticReport with its results; the section refers to both."""
    act = organizer(result('<value xsi:type="INT" value="1"/>'), result("", extension="o2"))
    batch = normalise(document(section("30954-2", act)))
    report = one(batch, "DiagnosticReport")
    observations = [f"Observation/{r['id']}" for r in batch.resources if r["resourceType"] == "Observation"]
    assert [r["reference"] for r in report["result"]] == observations and len(observations) == 2
    entries = [e["reference"] for e in one(batch, "Composition")["section"][0]["entry"]]
    assert entries == [f"DiagnosticReport/{report['id']}", *observations]


def test_only_normal_ranges_are_reference_ranges(document, section, normalise, one):
    """Interpretation N or none: a reference range; a "high" range is none."""
    more = "".join(
        f"""<referenceRange><observationRange><value xsi:type="IVL_PQ"><low value="{low}" unit="g"/></value>
        {code}</observationRange></referenceRange>"""
        for low, code in (
            (1, '<interpretationCode code="N" codeSystem="2.16.840.1.113883.5.83"/>'),
            (2, ""),
            (3, '<interpretationCode code="H" codeSystem="2.16.840.1.113883.5.83"/>'),
        )
    )
    act = result('<value xsi:type="PQ" value="2" unit="g"/>', more=more)
    observation = one(normalise(document(section("30954-2", act))), "Observation")
    assert [r["low"]["value"] for r in observation["referenceRange"]] == [1, 2]


def test_a_negated_observation_never_reads_as_positive(document, section, normalise, one):
    """FHIR has no "not" for a result: it is kept as it came, beside the report and not in it."""
    act = organizer(
        result("", extension="a"), result('<value xsi:type="INT" value="1"/>', negated=True, extension="b")
    )
    batch = normalise(document(section("30954-2", act)))
    assert len(one(batch, "DiagnosticReport")["result"]) == 1
    assert 'negationInd="true"' in one(batch, "Basic")["extension"][0]["extension"][1]["valueString"]


def test_blood_pressure_halves_are_one_observation(document, section, normalise):
    """8480-6 and 8462-4 of one organizer: 85354-9 with components, member of the panel."""
    act = organizer(
        result('<value xsi:type="PQ" value="120" unit="mm[Hg]"/>', code="8480-6", extension="s"),
        result('<value xsi:type="PQ" value="80" unit="mm[Hg]"/>', code="8462-4", extension="d"),
        result('<value xsi:type="PQ" value="70" unit="kg"/>', code="29463-7", extension="w"),
        template="26",
        code="46680005",
    )
    batch = normalise(document(section("8716-3", act)))
    found = {r["code"]["coding"][0]["code"]: r for r in batch.resources if r["resourceType"] == "Observation"}
    assert set(found) == {"85353-1", "85354-9", "29463-7"}
    pressure = {
        c["code"]["coding"][0]["code"]: c["valueQuantity"]["value"] for c in found["85354-9"]["component"]
    }
    assert pressure == {"8480-6": 120, "8462-4": 80}
    assert len(found["85353-1"]["hasMember"]) == 2


def test_a_missing_half_is_absent(document, section, normalise):
    """Only a systolic: the diastolic component is there, with the reason unknown."""
    act = organizer(result('<value xsi:type="PQ" value="120" unit="mm[Hg]"/>', code="8480-6"), template="26")
    batch = normalise(document(section("8716-3", act)))
    pressure = next(r for r in batch.resources if r["resourceType"] == "Observation" and "component" in r)
    assert pressure["component"][1]["dataAbsentReason"]["coding"][0]["code"] == "unknown"


def test_procedure_done_and_not_done(document, section, normalise):
    """Code, day, status by table; negation is not-done."""
    acts = [
        f"""<procedure classCode="PROC" moodCode="EVN"{flag}><templateId root="2.16.840.1.113883.10.20.22.4.14"/>
        <id root="1.2.3" extension="{n}"/><code code="80146002" codeSystem="2.16.840.1.113883.6.96"/>
        <statusCode code="completed"/><effectiveTime value="20200101"/></procedure>"""
        for n, flag in (("p1", ""), ("p2", ' negationInd="true"'))
    ]
    batch = normalise(document(section("47519-4", *acts)))
    found = [
        (r["status"], r["performedDateTime"]) for r in batch.resources if r["resourceType"] == "Procedure"
    ]
    assert found == [("completed", "2020-01-01"), ("not-done", "2020-01-01")]


def test_an_unknown_entry_is_kept_as_it_came(document, section, normalise, one):
    """No mapping: a Basic with position and XML, labelled R, kept/unknown-template; the narrative stays."""
    act = (
        '<act classCode="ACT" moodCode="RQO"><code code="1" codeSystem="1.2.3"/><text>Come back</text></act>'
    )
    batch = normalise(document(section("48768-6", act)))
    basic = one(batch, "Basic")
    parts = {p["url"]: p["valueString"] for p in basic["extension"][0]["extension"]}
    assert "Come back" in parts["value"] and parts["position"].endswith("/entry[1]/act[1]")
    assert "R" in [c["code"] for c in basic["meta"]["security"]]
    line = next(e for e in batch.losses.entries if e.disposition == "kept")
    assert (line.reason, line.resource) == ("unknown-template", f"Basic/{basic['id']}")
    assert batch.losses.status == "partial"


def test_a_section_code_maps_what_has_no_template(document, section, normalise, one):
    """A document of another country: the section's LOINC code and the shape are enough."""
    act = result('<value xsi:type="INT" value="4"/>').replace("2.16.840.1.113883.10.20.22.4.2", "1.2.250.1")
    assert one(normalise(document(section("30954-2", act))), "Observation")["valueInteger"] == 4


def test_one_id_on_two_acts_gives_two_resources(document, section, normalise):
    """A sender that repeats an id loses nothing: both stay, with ids of their own."""
    acts = [result(f'<value xsi:type="INT" value="{n}"/>', extension="same") for n in (1, 2)]
    batch = normalise(document(section("30954-2", *acts)))
    found = [r for r in batch.resources if r["resourceType"] == "Observation"]
    assert sorted(r["valueInteger"] for r in found) == [1, 2] and len({r["id"] for r in found}) == 2


@pytest.mark.parametrize(
    ("zone", "expected", "reason"),
    [("Europe/London", "2024-07-01T10:00:00+01:00", "zone"), (None, "2024-07-01T10:00:00+00:00", "zone")],
)
def test_a_time_without_offset_takes_the_feed_then_the_document(
    zone, expected, reason, document, section, normalise, one
):
    """The configured zone with its daylight rules, else the offset of the document's effectiveTime; both said."""
    act = result('<value xsi:type="INT" value="4"/>').replace("20240102030405-0500", "202407011000")
    batch = normalise(document(section("30954-2", act)), zone=zone)
    observation = one(batch, "Observation")
    assert observation["effectiveDateTime"] == expected
    assert {"system": "urn:carepact:assumed", "code": reason} in observation["meta"]["tag"]
    assumed = {p["url"]: p for p in batch.provenance["extension"][0]["extension"]}
    assert assumed["basis"]["valueCode"] == ("feed" if zone else "document")


def test_a_defect_of_ours_costs_one_entry(document, section, normalise, one, monkeypatch):
    """An exception inside an entry: failed/mapping-defect with our file and line; its sibling is mapped."""
    from adapters.specialist.sections import observed

    real = observed.integer

    def broken(record, element):
        if element.get("value") == "1":
            raise KeyError("9990000018")
        return real(record, element)

    monkeypatch.setattr(observed, "integer", broken)
    acts = [result(f'<value xsi:type="INT" value="{n}"/>', extension=f"o{n}") for n in (1, 2)]
    batch = normalise(document(section("30954-2", *acts)))
    assert one(batch, "Observation")["valueInteger"] == 2
    line = next(e for e in batch.losses.entries if e.reason == "mapping-defect")
    assert line.position.endswith("/entry[1]") and line.target.startswith("specialist/sections/")
    assert "9990000018" not in repr(batch.losses)
    tags = one(batch, "Composition")["meta"]["tag"]
    assert {"system": "urn:carepact:incomplete", "code": "section-failed"} in tags
