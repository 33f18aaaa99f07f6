"""Sections and entries without their document: readable, never part of a record."""

import pytest

ENTRY = """<observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.2"/>
<code code="718-7" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>
<value xsi:type="INT" value="7"/></observation>"""


@pytest.mark.parametrize(
    "fragment",
    [
        ENTRY,
        f"<entry>{ENTRY}</entry>",
        f'<section><code code="30954-2" codeSystem="2.16.840.1.113883.6.1"/><text>x</text><entry>{ENTRY}</entry></section>',
        f"<component><section><text>x</text><entry>{ENTRY}</entry></section></component>",
    ],
)
def test_a_fragment_is_mapped_about_a_stub(fragment, normalise, one):
    """Its Observation is there, about a patient who is only assumed; partial, and quarantined."""
    batch = normalise(fragment.encode())
    assert one(batch, "Observation")["valueInteger"] == 7
    assert "identifier" not in one(batch, "Patient")
    assert (batch.losses.status, batch.quarantine) == ("partial", "no-patient")
    reasons = [(e.disposition, e.reason) for e in batch.losses.entries]
    assert ("failed", "fragment") in reasons and ("altered", "namespace") in reasons


def test_a_record_target_alone_is_a_patient(normalise, one):
    """The patient of a recordTarget that came without its document."""
    fragment = b"""<recordTarget><patientRole><id root="1.2.3" extension="7"/>
    <patient><name><family>Alone</family></name></patient></patientRole></recordTarget>"""
    batch = normalise(fragment)
    assert one(batch, "Patient")["name"] == [{"family": "Alone"}]
    assert batch.quarantine == "no-patient"


def test_anything_else_is_kept_whole(normalise, one):
    """A part that no mapping knows: one Basic with its XML."""
    batch = normalise(b'<participant typeCode="LOC"><time value="2020"/></participant>')
    assert 'value="2020"' in one(batch, "Basic")["extension"][0]["extension"][1]["valueString"]
