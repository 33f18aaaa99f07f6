"""A null flavor in the place of a code is no code: the words stay, the rest is in the ledger."""

import pytest

ROLE = "2.16.840.1.113883.5.111"
LOINC = "2.16.840.1.113883.6.1"
SNOMED = "2.16.840.1.113883.6.96"
DAR = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def kin(code):
    return f"""<participant typeCode="IND"><associatedEntity classCode="NOK">{code}<associatedPerson>
      <name><given>Next</given><family>Of-Kin</family></name></associatedPerson></associatedEntity></participant>"""


def rejected(batch, ending="/@code"):
    lines = [e for e in batch.losses.entries if e.reason == "bad-code"]
    return [(e.disposition, e.items) for e in lines if e.position.endswith(ending)]


@pytest.mark.parametrize("code", ["NOTCHECKED", "UNK", "unk", " NI ", "OTH", "UNKNOWN"])
def test_an_unchecked_relationship_goes_out_as_text(document, normalise, one, code):
    """The displayName is what the source knew; a Coding of it would be a code that no system defines."""
    header = kin(f'<code code="{code}" codeSystem="{ROLE}" displayName="Mother"/>')
    batch = normalise(document(header=header))
    assert one(batch, "RelatedPerson")["relationship"] == [{"text": "Mother"}]
    assert rejected(batch) == [("rejected", 1)]


def test_an_unchecked_relationship_without_words_is_left_out(document, normalise, one):
    """Nothing is known of it, and R4 does not demand it: no member, one line."""
    batch = normalise(document(header=kin(f'<code code="UNK" codeSystem="{ROLE}"/>')))
    assert "relationship" not in one(batch, "RelatedPerson")
    assert rejected(batch) == [("rejected", 1)]


@pytest.mark.parametrize(
    ("code", "system"),
    [("MTH", ROLE), ("INV", ROLE), ("UNK", "2.16.840.1.113883.5.1008"), ("UNK", "1.2.826.0.1.99.9")],
)
def test_codes_of_their_system_stay(document, normalise, one, code, system):
    """A code that its system has, or may have, is none of our business: also UNK of NullFlavor, or private."""
    batch = normalise(document(header=kin(f'<code code="{code}" codeSystem="{system}"/>')))
    assert one(batch, "RelatedPerson")["relationship"][0]["coding"][0]["code"] == code
    assert rejected(batch) == []


def test_a_translation_takes_the_place_of_no_code(document, normalise, one):
    """What a translation says stays a Coding beside it."""
    code = f'<code code="UNK" codeSystem="{ROLE}"><translation code="72705000" codeSystem="{SNOMED}"/></code>'
    batch = normalise(document(header=kin(code)))
    codings = one(batch, "RelatedPerson")["relationship"][0]["coding"]
    assert [c["code"] for c in codings] == ["72705000"] and rejected(batch) == [("rejected", 1)]


@pytest.mark.parametrize(("flavor", "reason"), [("ASKU", "asked-unknown"), ("NASK", "not-asked")])
def test_a_required_code_that_is_none_says_why(document, section, normalise, one, flavor, reason):
    """`ASKU` as a LOINC code: the required code is absent for the reason that the flavor gives."""
    act = f"""<observation classCode="OBS" moodCode="EVN"><id root="1.2.826.0.1.99" extension="o1"/>
      <code code="{flavor}" codeSystem="{LOINC}"/><statusCode code="completed"/>
      <effectiveTime value="20260310"/><value xsi:type="ST">words</value></observation>"""
    organizer = f"""<organizer classCode="CLUSTER" moodCode="EVN"><id root="1.2.826.0.1.99" extension="g1"/>
      <code code="24320-4" codeSystem="{LOINC}"/><statusCode code="completed"/>
      <component>{act}</component></organizer>"""
    batch = normalise(document(section("30954-2", organizer)))
    assert one(batch, "Observation")["code"] == {"extension": [{"url": DAR, "valueCode": reason}]}
    assert rejected(batch) == [("rejected", 1)]


def test_a_mark_of_no_code_still_restricts(document, normalise):
    """A confidentialityCode that is a null flavor was put for a reason: restricted, as any that is unreadable."""
    batch = normalise(document(confidentiality="UNK"))
    codes = {label["code"] for r in batch.resources for label in r["meta"].get("security", [])}
    assert codes == {"R"}
