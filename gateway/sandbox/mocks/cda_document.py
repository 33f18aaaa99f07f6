"""A specialist's letter as a C-CDA R2.1 Consultation Note."""

from gateway.sandbox.mocks import cda
from gateway.sandbox.mocks.cda import CLINIC_OID, NHS_NUMBER_OID, Element, el
from gateway.sandbox.mocks.cda_sections import sections_of
from gateway.sandbox.mocks.facts import Letter, Person

MRN_OID = f"{CLINIC_OID}.1"
_GENDER = {"female": "F", "male": "M"}


def document_id(person: Person, letter: Letter) -> str:
    """The id of a letter: extension of the document's id, and its address at the document server."""
    return f"{person.serial:05d}-{letter.key}"


def document_of(person: Person, letter: Letter) -> bytes:
    """The letter as XML, UTF-8."""
    root = el(
        "ClinicalDocument",
        el("realmCode", code="US"),
        el("typeId", root="2.16.840.1.113883.1.3", extension="POCD_HD000040"),
        *cda.template("1.1"),
        *cda.template("1.4"),
        el("id", root=CLINIC_OID, extension=document_id(person, letter)),
        cda.code("code", letter.kind),
        el("title", letter.title),
        cda.moment("effectiveTime", letter.at),
        cda.confidentiality(letter.marks),
        el("languageCode", code="en-GB"),
        el("setId", root=CLINIC_OID, extension=f"{document_id(person, letter)}-set"),
        el("versionNumber", value="1"),
        _record_target(person),
        _author(letter),
        el("custodian", el("assignedCustodian", _organization("representedCustodianOrganization"))),
        el(
            "component",
            el("structuredBody", *(el("component", part) for part in sections_of(letter, person.serial))),
        ),
    )
    root.set("xmlns", "urn:hl7-org:v3")
    root.set("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
    root.set("xmlns:sdtc", "urn:hl7-org:sdtc")
    return cda.serialise(root)


def _record_target(person: Person) -> Element:
    name = el(
        "name", el("prefix", person.prefix), el("given", person.given), el("family", person.family), use="L"
    )
    address = el(
        "addr",
        el("streetAddressLine", person.street),
        el("city", person.city),
        el("postalCode", person.postcode),
        el("country", "GB"),
        use="HP",
    )
    patient = el(
        "patient",
        name,
        el("administrativeGenderCode", code=_GENDER[person.gender], codeSystem="2.16.840.1.113883.5.1"),
        cda.moment("birthTime", person.born),
        el("maritalStatusCode", nullFlavor="UNK"),
        el("raceCode", nullFlavor="NASK"),
        el("ethnicGroupCode", nullFlavor="NASK"),
    )
    return el(
        "recordTarget",
        el(
            "patientRole",
            el("id", root=NHS_NUMBER_OID, extension=person.nhs_number),
            el("id", root=MRN_OID, extension=person.mrn),
            address,
            el("telecom", value=f"tel:{person.phone.replace(' ', '-')}", use="HP"),
            patient,
            _organization("providerOrganization"),
        ),
    )


def _author(letter: Letter) -> Element:
    doctor = el("name", el("prefix", "Dr"), el("given", "Ilsabet"), el("family", "Corvane"))
    return el(
        "author",
        cda.moment("time", letter.at),
        el(
            "assignedAuthor",
            el("id", root=f"{CLINIC_OID}.2", extension="C9999982"),
            el("addr", nullFlavor="UNK"),
            el("telecom", nullFlavor="UNK"),
            el("assignedPerson", doctor),
            _organization("representedOrganization"),
        ),
    )


def _organization(tag: str) -> Element:
    return el(
        tag,
        el("id", root="2.16.840.1.113883.2.1.3.2.4.18.48", extension="RHB99"),
        el("name", "Harbour Clinic"),
        el("telecom", nullFlavor="UNK"),
        el("addr", nullFlavor="UNK"),
    )
