"""How often a medicine is taken is said whole or in the source's own words, never in part."""

import pytest


def medicine(times):
    return f"""<substanceAdministration classCode="SBADM" moodCode="EVN">
      <templateId root="2.16.840.1.113883.10.20.22.4.16"/><id root="1.2.8" extension="m"/>
      <statusCode code="active"/>{times}<doseQuantity value="5" unit="mg"/><consumable><manufacturedProduct>
      <manufacturedMaterial><code code="1" codeSystem="2.16.840.1.113883.6.88" displayName="Tablets"/>
      </manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>"""


def each(value, unit):
    return f'<effectiveTime xsi:type="PIVL_TS" operator="A"><period value="{value}" unit="{unit}"/></effectiveTime>'


BEDTIME = '<effectiveTime xsi:type="EIVL_TS" operator="A"><event code="HS"/></effectiveTime>'
OWN_EVENT = '<effectiveTime xsi:type="EIVL_TS"><event code="TEATIME"/></effectiveTime>'


def dosage(batch, one):
    return one(batch, "MedicationRequest")["dosageInstruction"][0]


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (each(2, "d") + each(12, "h"), "Timing: every 2 d and every 12 h"),
        (each(2, "d") + BEDTIME, "Timing: every 2 d and HS"),
        (each(1, "week"), "Timing: every 1 week"),
        (each(0, "d"), "Timing: every 0 d"),
        (each(-8, "h"), "Timing: every -8 h"),
        (OWN_EVENT, "Timing: TEATIME"),
    ],
)
def test_a_rhythm_that_a_timing_cannot_say_stands_in_words(times, words, document, section, normalise, one):
    """Two rhythms, an unknown unit or event, a period that is none: the text has it, no repeat claims another."""
    stated = dosage(normalise(document(section("10160-0", medicine(times)))), one)
    assert stated["text"] == words and "repeat" not in stated.get("timing", {})


@pytest.mark.parametrize(
    ("times", "reason"),
    [(each(1, "week"), "bad-code"), (each(0, "d"), "bad-number"), (each(-8, "h"), "bad-number")],
)
def test_a_bad_period_is_a_line(times, reason, document, section, normalise):
    """Its reader is told what was wrong with it."""
    batch = normalise(document(section("10160-0", medicine(times))))
    assert ("rejected", reason) in [(e.disposition, e.reason) for e in batch.losses.entries]


def test_the_bounds_of_two_rhythms_stay(document, section, normalise, one):
    """From when to when is no matter of how often."""
    bounds = '<effectiveTime xsi:type="IVL_TS"><low value="20250101"/></effectiveTime>'
    stated = dosage(normalise(document(section("10160-0", medicine(bounds + each(2, "d") + BEDTIME)))), one)
    assert stated["timing"]["repeat"] == {"boundsPeriod": {"start": "2025-01-01"}}
