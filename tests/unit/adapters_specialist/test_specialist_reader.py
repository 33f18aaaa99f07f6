"""The reader: what it refuses, what it repairs, and that it counts every value."""

import pytest

from adapters.specialist.reader import Document

BILLION = (
    '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
    '<ClinicalDocument xmlns="urn:hl7-org:v3"><title>&b;</title></ClinicalDocument>'
)
OUTSIDE = '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><ClinicalDocument xmlns="urn:hl7-org:v3"/>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<ClinicalDocument xmlns='urn:hl7-org:v3'><title></ClinicalDocument>",
        b"<html><body/></html>",
        b"<Bundle xmlns='http://hl7.org/fhir'/>",
        BILLION.encode(),
        OUTSIDE.encode(),
        b"<!-- c -->\n<!DOCTYPE x><ClinicalDocument xmlns='urn:hl7-org:v3'/>",
        b"<?xml version='1.0' encoding='UTF-7'?><ClinicalDocument xmlns='urn:hl7-org:v3'/>",
        b"\xff\xfe<\x00",
        "<ClinicalDocument xmlns='urn:hl7-org:v3'><title>é</title></ClinicalDocument>".encode("latin-1"),
        b"<ClinicalDocument xmlns='urn:hl7-org:v3'><title>&undefined;</title></ClinicalDocument>",
    ],
)
def test_what_is_no_safe_cda_is_unreadable_as_a_whole(body, normalise):
    """Malformed, foreign, with a DTD, in a strange encoding: `unreadable`, never half a document."""
    batch = normalise(body)
    assert batch.quarantine == "unreadable"
    assert (batch.resources, batch.provenance, batch.losses.status) == ((), None, "error")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "utf-8-sig"])
def test_allowed_encodings_give_the_same_words(encoding, document, normalise, one):
    """UTF-8 (also with a mark), UTF-16 and ISO 8859-1 are read as declared."""
    declared = encoding.replace("utf-8-sig", "utf-8").upper()
    text = document().decode().replace("Letter from", "Brïef vom").replace("UTF-8", declared)
    assert one(normalise(text.encode(encoding)), "Composition")["title"] == "Brïef vom the clinic"


def test_a_missing_declaration_is_repaired_and_said(document, normalise, one):
    """Only `xsi` or `sdtc` undeclared: the document is read, with the remark altered/namespace."""
    text = document().decode()
    text = text.replace('xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"', "")
    text = text.replace("<languageCode", '<effectiveTime xsi:type="TS"/><languageCode')
    batch = normalise(text.encode())
    assert one(batch, "Composition")["status"] == "final"
    assert [e.reason for e in batch.losses.entries].count("namespace") == 1


def test_items_are_attributes_and_text_without_scaffolding():
    """The count: no namespaces, no xsi, no templateId or typeId; a section's text is one item."""
    body = b"""<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
      <typeId root="1" extension="2"/><templateId root="3"/>
      <id root="4" extension="5"/><title>six</title>
      <component><structuredBody><component><section>
        <text>seven <content ID="a">still</content> seven<br/></text>
        <entry><observation><value xsi:type="PQ" value="8" unit="9"/><text>ten <b>eleven</b> twelve</text>
        </observation></entry></section></component></structuredBody></component></ClinicalDocument>"""
    assert Document(body).total == 3 + 1 + 2 + 3


def test_positions_are_paths_with_ordinals(document, section, normalise):
    """A line names its place by an XPath in which every step has its ordinal."""
    bad = '<observation classCode="OBS" moodCode="EVN"><code code="1" codeSystem="2.16.840.1.113883.6.1"/>'
    bad += '<statusCode code="completed"/><effectiveTime value="20261399"/></observation>'
    batch = normalise(document(section("10164-2"), section("30954-2", bad)))
    line = next(e for e in batch.losses.entries if e.reason == "bad-date")
    assert line.position == (
        "/ClinicalDocument[1]/component[1]/structuredBody[1]/component[2]/section[1]/entry[1]"
        "/observation[1]/effectiveTime[1]/@value"
    )
    assert line.severity == "error" and batch.losses.status == "partial"
