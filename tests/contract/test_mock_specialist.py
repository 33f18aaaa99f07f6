"""The specialist mock against IHE MHD (ITI-67, ITI-68) and C-CDA R2.1, over a real socket."""

import asyncio
import base64
import hashlib
from datetime import date

import httpx
import pytest
from lxml import etree

from gateway.sandbox.mocks.population import Population
from gateway.sandbox.mocks.specialist import SpecialistMock

NHS = "https://fhir.nhs.uk/Id/nhs-number"
V3 = {"c": "urn:hl7-org:v3"}
POPULATION = Population(7, date(2026, 11, 22))


def fetch(number, *, system=NHS, files=(), faults=(), method="POST", **more):
    """The searchset, and the bytes of each document that it names."""

    async def run():
        mock = SpecialistMock(POPULATION, files=files)
        mock.faults.replace(list(faults))
        async with mock, httpx.AsyncClient(timeout=5) as client:
            query = {"patient.identifier": f"{system}|{number}", "status": "current", **more}
            if method == "POST":
                found = await client.post(f"{mock.url}/DocumentReference/_search", data=query)
            else:
                found = await client.get(f"{mock.url}/DocumentReference", params=query)
            if found.status_code != 200:
                return found, []
            entries = found.json().get("entry", [])
            urls = [entry["resource"]["content"][0]["attachment"]["url"] for entry in entries]
            return found, [(await client.get(url)).content for url in urls]

    return asyncio.run(run())


def documents(label):
    return [etree.fromstring(body) for body in fetch(POPULATION.find(label).person.nhs_number)[1]]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_search_gives_references_with_true_size_and_hash(method):
    """ITI-67 by GET and by form: a searchset whose size and SHA-1 are those of the retrieved bytes."""
    found, bodies = fetch("9990000018", method=method)
    bundle = found.json()
    assert (bundle["type"], bundle["total"], len(bodies)) == ("searchset", 2, 2)
    for entry, body in zip(bundle["entry"], bodies, strict=True):
        attachment = entry["resource"]["content"][0]["attachment"]
        assert attachment["size"] == len(body)
        assert attachment["hash"] == base64.b64encode(hashlib.sha1(body).digest()).decode()
        assert entry["resource"]["status"] == "current" and entry["search"] == {"mode": "match"}


def test_nobody_and_another_status_are_an_empty_searchset():
    """No entry, no error: the search says nothing about why."""
    for found, _ in (
        fetch("9990000026"),
        fetch("9990000018", status="superseded"),
        fetch("1", system="urn:x"),
    ):
        assert found.status_code == 200
        assert found.json()["total"] == 0 and "entry" not in found.json()


def test_paging_leads_through_every_document_once():
    """_count 1 gives one document and a next link; following it ends after the second."""

    async def run():
        async with SpecialistMock(POPULATION) as mock, httpx.AsyncClient() as client:
            query = {"patient.identifier": f"{NHS}|9990000018", "status": "current", "_count": "1"}
            page = (await client.post(f"{mock.url}/DocumentReference/_search", data=query)).json()
            seen = []
            while True:
                seen += [entry["resource"]["id"] for entry in page["entry"]]
                further = [link["url"] for link in page["link"] if link["relation"] == "next"]
                if not further:
                    return seen
                page = (await client.get(further[0])).json()

    seen = asyncio.run(run())
    assert len(seen) == len(set(seen)) == 2


@pytest.mark.parametrize("query", [{}, {"patient.identifier": "9990000018"}, {"patient.identifier": "x|"}])
def test_a_search_without_a_whole_identifier_is_refused(query):
    """system|value is required: never everybody's documents."""

    async def run():
        async with SpecialistMock(POPULATION) as mock, httpx.AsyncClient() as client:
            return await client.get(f"{mock.url}/DocumentReference", params=query)

    reply = asyncio.run(run())
    assert reply.status_code == 400 and reply.json()["resourceType"] == "OperationOutcome"


def test_a_document_has_the_ccda_header():
    """Type id, header template, ids, confidentiality, patient with his NHS number by OID, custodian."""
    document = documents("patient_with_full_record")[0]
    person = POPULATION.find("patient_with_full_record").person
    assert document.tag == "{urn:hl7-org:v3}ClinicalDocument"
    assert document.xpath("string(c:typeId/@extension)", namespaces=V3) == "POCD_HD000040"
    roots = document.xpath("c:templateId/@root", namespaces=V3)
    assert "2.16.840.1.113883.10.20.22.1.1" in roots and "2.16.840.1.113883.10.20.22.1.4" in roots
    numbers = document.xpath(
        "c:recordTarget/c:patientRole/c:id[@root='2.16.840.1.113883.2.1.4.1']/@extension", namespaces=V3
    )
    assert numbers == [person.nhs_number]
    assert document.xpath("string(//c:patient/c:name/c:family)", namespaces=V3) == person.family
    assert document.xpath("string(c:confidentialityCode/@code)", namespaces=V3) == "N"


def test_each_reference_into_the_narrative_finds_its_text():
    """Every #id of an entry is an ID of the narrative of its own section."""
    for patient in POPULATION.known_to("specialist"):
        for document in documents(patient.label):
            for section in document.xpath("//c:section", namespaces=V3):
                anchors = set(section.xpath("c:text//@ID", namespaces=V3))
                wanted = {v[1:] for v in section.xpath(".//c:reference/@value", namespaces=V3)}
                assert wanted <= anchors


def test_a_letter_has_sections_entries_and_narrative_alone():
    """Problems, allergies, medications and results have entries; the assessment is narrative alone."""
    document = documents("patient_with_full_record")[0]
    entries = {
        section.xpath("string(c:code/@code)", namespaces=V3): len(section.xpath("c:entry", namespaces=V3))
        for section in document.xpath("//c:section", namespaces=V3)
    }
    assert entries == {"11450-4": 2, "48765-2": 1, "10160-0": 2, "30954-2": 1, "51847-2": 0, "47519-4": 0}
    assert "Pulse irregular" in document.xpath(
        "string(//c:section[c:code/@code='51847-2']/c:text)", namespaces=V3
    )


def test_null_flavours_say_what_is_not_known():
    """An unknown dose, a section without information and a race not asked are null flavours."""
    document = documents("patient_with_full_record")[0]
    assert document.xpath("//c:doseQuantity/@nullFlavor", namespaces=V3) == ["UNK"]
    assert document.xpath("//c:section[@nullFlavor='NI']/c:code/@code", namespaces=V3) == ["47519-4"]
    assert document.xpath("//c:raceCode/@nullFlavor", namespaces=V3) == ["NASK"]


def test_the_psychiatric_letter_is_marked_at_every_level():
    """confidentialityCode R of document and sections; DS4P observation PSY in every clinical entry."""
    plain, marked = documents("patient_with_full_record")
    assert not plain.xpath("//c:observation[c:code/@code='SECCATOBS']", namespaces=V3)
    assert marked.xpath("string(c:confidentialityCode/@code)", namespaces=V3) == "R"
    assert set(marked.xpath("//c:section/c:confidentialityCode/@code", namespaces=V3)) == {"R"}
    for entry in marked.xpath("//c:entry", namespaces=V3):
        values = entry.xpath(".//c:observation[c:code/@code='SECCATOBS']/c:value/@code", namespaces=V3)
        assert set(values) == {"PSY"}


def test_exact_numbers_and_partial_dates_survive():
    """1.10 is value="1.10"; 1991-04 is 199104."""
    exact = documents("patient_with_exact_decimals")[0]
    assert "1.10" in exact.xpath("//c:value/@value", namespaces=V3)
    partial = documents("patient_with_partial_dates")[0]
    lows = partial.xpath("//c:observation/c:effectiveTime/c:low/@value", namespaces=V3)
    assert lows[:2] == ["1975", "199104"]


def test_hostile_text_stays_text():
    """Markup in a name makes no element, and the name reads back as it was."""
    document = documents("patient_with_hostile_text")[0]
    person = POPULATION.find("patient_with_hostile_text").person
    name = document.xpath("//c:patient/c:name", namespaces=V3)[0]
    assert [etree.QName(part).localname for part in name] == ["prefix", "given", "family"]
    assert (name[1].text, name[2].text) == (person.given, person.family)


def test_absent_allergies_are_a_negated_observation():
    """negationInd and no substance: the assertion, not silence."""
    document = documents("patient_with_no_known_allergies")[0]
    observation = document.xpath("//c:observation[@negationInd='true']", namespaces=V3)[0]
    assert observation.xpath("string(.//c:playingEntity/c:code/@nullFlavor)", namespaces=V3) == "NA"


@pytest.mark.parametrize("disguised", [False, True])
def test_the_wrong_patients_document_stands_at_the_right_address(disguised):
    """The fault gives another's document for the asked one; disguised, it even has her number."""
    fault = {"kind": "wrong_patient", "disguised": disguised, "match": {"method": "GET"}}
    _, bodies = fetch("9990000018", faults=[fault])
    own = POPULATION.find("patient_with_full_record").person
    for body in bodies:
        document = etree.fromstring(body)
        assert document.xpath("string(//c:patient/c:name/c:family)", namespaces=V3) != own.family
        number = document.xpath("string(//c:patientRole/c:id[1]/@extension)", namespaces=V3)
        assert (number == own.nhs_number) is disguised


def test_given_documents_are_served_byte_for_byte(tmp_path):
    """By the identifier inside, unchanged, even without XML declaration; a fragment is named and left out."""
    body = b'<ClinicalDocument xmlns="urn:hl7-org:v3"><recordTarget><patientRole>'
    body += b'<id root="1.2.3" extension="A7"/></patientRole></recordTarget></ClinicalDocument>\n\n'
    good, bad = tmp_path / "good.xml", tmp_path / "bad.xml"
    good.write_bytes(body)
    bad.write_bytes(b"<section/>")
    found, bodies = fetch("A7", system="urn:oid:1.2.3", files=[bad, good])
    assert found.json()["total"] == 1 and bodies == [body]
    assert fetch("9990000018", files=[bad, good])[0].json()["total"] == 0
