"""Documents of our own about invented patients, and the normaliser that reads them."""

import json
from datetime import UTC, datetime

import pytest
from fhir.resources.R4B import get_fhir_model_class

from adapters.codec import encode
from adapters.interface import Identifier, Original, Source
from adapters.specialist.normaliser import SpecialistNormaliser

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NHS = "2.16.840.1.113883.2.1.4.1"
HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="2.16.840.1.113883.10.20.22.1.1"/>
  <id root="1.2.826.0.1.99" extension="letter-1"/>
  <code code="11488-4" codeSystem="2.16.840.1.113883.6.1" displayName="Consult note"/>
  <title>Letter from the clinic</title>
  <effectiveTime value="20260310143000+0000"/>
  <confidentialityCode code="{confidentiality}" codeSystem="2.16.840.1.113883.5.25"/>
  <languageCode code="en-GB"/>
  <setId root="1.2.826.0.1.99" extension="letters"/>
  <versionNumber value="2"/>
  {patient}
  <author>
    <time value="20260310143000+0000"/>
    <assignedAuthor>
      <id root="1.2.826.0.1.99.7" extension="C1"/>
      <assignedPerson><name><given>Ida</given><family>Author</family></name></assignedPerson>
    </assignedAuthor>
  </author>
  <custodian><assignedCustodian><representedCustodianOrganization>
    <id root="1.2.826.0.1.99.8" extension="clinic"/><name>Harbour Clinic</name>
  </representedCustodianOrganization></assignedCustodian></custodian>
  {header}
  <component>{body}</component>
</ClinicalDocument>"""
PATIENT = """<recordTarget><patientRole>
    <id root="2.16.840.1.113883.2.1.4.1" extension="9990000018"/>
    <id root="1.2.826.0.1.99.1" extension="MRN7"/>
    <addr use="HP"><streetAddressLine>1 Test Street</streetAddressLine><city>Testham</city>
      <postalCode>XX1 1XX</postalCode></addr>
    <telecom use="HP" value="tel:01632-960001"/>
    <patient>
      <name use="L"><given>Letter</given><family>Patient-With</family></name>
      <administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/>
      <birthTime value="19700102"/>
    </patient></patientRole></recordTarget>"""


@pytest.fixture
def document():
    """Builds a document: sections as XML, and what else is to be in its header."""

    def build(*sections, patient=PATIENT, confidentiality="N", header="", body=None):
        parts = "".join(f"<component>{s}</component>" for s in sections)
        inner = body if body is not None else f"<structuredBody>{parts}</structuredBody>"
        text = HEADER.format(patient=patient, confidentiality=confidentiality, header=header, body=inner)
        return text.encode("utf-8")

    return build


@pytest.fixture
def section():
    """Builds a section from its LOINC code, entries (acts) and narrative."""

    def build(code, *acts, text="<paragraph>Words of the section</paragraph>", more=""):
        entries = "".join(f"<entry>{a}</entry>" for a in acts)
        return (
            f'<section><code code="{code}" codeSystem="2.16.840.1.113883.6.1"/><title>Part</title>{more}'
            f"<text>{text}</text>{entries}</section>"
        )

    return build


@pytest.fixture
def normalise():
    """Runs the normaliser and checks what must hold for every input: the law, R4 shape, closed references."""

    def run(body, *, asked=(), zone=None, check=True):
        source = Source("letters", "specialist", "clinic.example", b"k" * 32, zone=zone)
        original = Original(body, "text/xml", tuple(Identifier(*a) for a in asked), intake="intake-1")
        batch = SpecialistNormaliser().normalise(original, source, AT)
        assert batch.losses.balanced
        if check:
            check_batch(batch)
        return batch

    return run


@pytest.fixture
def one():
    """The only resource of a type in a batch."""

    def pick(batch, resource_type):
        found = [r for r in batch.resources if r["resourceType"] == resource_type]
        assert len(found) == 1, [r["resourceType"] for r in batch.resources]
        return found[0]

    return pick


def check_batch(batch):
    everything = [*batch.resources, *([batch.provenance] if batch.provenance else [])]
    known = {f"{r['resourceType']}/{r['id']}" for r in everything}
    for resource in everything:
        get_fhir_model_class(resource["resourceType"]).model_validate(json.loads(encode(resource)))
        held = {f"#{c['id']}" for c in resource.get("contained", [])}
        for reference in references(resource):
            assert reference in known | held, reference
        assert not any(empty(v) for v in leaves(resource))


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def leaves(value):
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from leaves(inner)


def empty(value):
    return value is None or value == "" or value == [] or value == {}
