"""Marks of confidentiality as they come, and documents that name several patients."""

import pytest

LEVEL = 'codeSystem="2.16.840.1.113883.5.25"'
ACT = (
    '<observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.2"/>'
    '<id root="1.2.6" extension="one"/><code code="2345-7" codeSystem="2.16.840.1.113883.6.1"/>'
    '<statusCode code="completed"/><value xsi:type="PQ" value="6.5" unit="mmol/L"/>{mark}</observation>'
)
MARKS = [
    (f'<confidentialityCode nullFlavor="OTH"><translation code="V" {LEVEL}/></confidentialityCode>', {"V"}),
    (
        f'<confidentialityCode code="X1" codeSystem="1.2.7"><translation code="V" {LEVEL}/></confidentialityCode>',
        {"X1", "V"},
    ),
    ('<confidentialityCode nullFlavor="UNK"/>', {"R"}),
    ('<confidentialityCode nullFlavor="OTH"/>', {"R"}),
    ("<confidentialityCode/>", {"R"}),
    ('<confidentialityCode code="SECRET" codeSystem="1.2.7"/>', {"SECRET", "R"}),
    (f'<confidentialityCode code="v" {LEVEL}/>', {"v", "R"}),
    (f'<confidentialityCode code=" V " {LEVEL}/>', {"V"}),
    ('<confidentialityCode code="V"/>', {"V"}),
    (f'<confidentialityCode code="N" {LEVEL}/>', {"N"}),
]


def levels(resource):
    return {s["code"] for s in resource["meta"].get("security", [])}


@pytest.mark.parametrize(("mark", "expected"), MARKS)
def test_a_mark_counts_wherever_it_stands(mark, expected, document, section, normalise, one):
    """On a section and on an entry alike: the translation counts, and what nobody can read restricts."""
    around = normalise(document(section("30954-2", ACT.format(mark=""), more=mark)))
    inside = normalise(document(section("30954-2", ACT.format(mark=mark))))
    for batch in (around, inside):
        assert levels(one(batch, "Observation")) - {"N"} == expected - {"N"}
        unread = any(
            "confidentialityCode" in e.position for e in batch.losses.entries if e.reason == "bad-code"
        )
        assert unread == ("nullFlavor" in mark and expected == {"R"})


@pytest.mark.parametrize(("mark", "expected"), MARKS)
def test_a_mark_of_the_document_lies_on_all(mark, expected, document, section, normalise):
    """Every resource about the patient bears it."""
    body = document(section("30954-2", ACT.format(mark="")))
    body = body.replace(f'<confidentialityCode code="N" {LEVEL}/>'.encode(), mark.encode())
    batch = normalise(body)
    told = [r for r in batch.resources if r["resourceType"] in ("Observation", "Composition")]
    assert len(told) == 2 and all(levels(r) == expected for r in told)


def target(*numbers):
    ids = "".join(f'<id root="{root}" extension="{value}"/>' for root, value in numbers)
    return f"<recordTarget><patientRole>{ids}<patient><name><family>One</family></name></patient></patientRole></recordTarget>"


NHS, LOCAL = "2.16.840.1.113883.2.1.4.1", "1.2.826.0.1.99.1"


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ([[(NHS, "9990000018")], [(NHS, "9990000026")]], "wrong-patient"),
        ([[(NHS, "9990000018"), (LOCAL, "7")], [(NHS, "9990000026"), (LOCAL, "7")]], "wrong-patient"),
        ([[(NHS, "9990000018")], [(LOCAL, "8")]], "wrong-patient"),
        ([[(NHS, "9990000018")], []], "wrong-patient"),
        ([[(NHS, "9990000018")], [(NHS, "999 000 0018"), (LOCAL, "7")]], None),
    ],
)
def test_a_document_about_several_people_is_nobodys(targets, expected, document, section, normalise):
    """Unless a shared number says that its patients are one, it is quarantined whole, nothing told of anybody."""
    body = document(section("30954-2", ACT.format(mark="")), patient="".join(target(*t) for t in targets))
    batch = normalise(body, asked=[("https://fhir.nhs.uk/Id/nhs-number", "9990000018")])
    assert batch.quarantine == expected and bool(batch.resources) == (expected is None)
