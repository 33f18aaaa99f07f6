"""The header of a document: who it is about, who wrote it, when, under which confidentiality.

`open_document` sets what everything below needs (keys, labels, subject); `close_document` adds what needs
the sections: Encounter, Composition, DocumentReference.
"""

import hashlib
from typing import Any

from adapters.interface import Original
from adapters.specialist.labels import labels_from_code
from adapters.specialist.markup import Element, find, find_all, local, peek
from adapters.specialist.original import add_replaced, document_reference
from adapters.specialist.patient import patient_from_role, related_person
from adapters.specialist.people import actor, authors_of, custodian_of
from adapters.specialist.quantities import period, time
from adapters.specialist.record import Record, own_key
from adapters.specialist.values import absent, concept, identifier, present, required_concept, string
from adapters.specialist.visits import header_encounter

JSON = dict[str, Any]
_RELATES = {"RPLC": "replaces", "APND": "appends", "XFRM": "transforms"}
_VERSION = "http://hl7.org/fhir/StructureDefinition/composition-clinicaldocument-versionNumber"
_ATTESTERS = (("legalAuthenticator", "legal"), ("authenticator", "professional"))
_ADMINISTRATIVE = (
    "realmCode dataEnterer informant informationRecipient inFulfillmentOf authorization participant "
    "documentationOf componentOf copyTime completionCode"
).split()


def open_document(record: Record, original: Original) -> None:
    """Key, time, labels and patient of the document (or of a fragment that is a recordTarget)."""
    root = record.doc.root
    ids = [peek(find(root, name), a) for name in ("setId", "id") for a in ("root", "extension")]
    record.document_key = "|".join(ids[:2]) if ids[0] else "|".join(ids[2:])
    if not record.document_key.strip("|"):
        record.document_key = hashlib.sha256(original.body).hexdigest()
    record.labels = record.all_labels = confidentiality(record, root)
    record.language = record.doc.get(find(root, "languageCode"), "code")
    record.document_time = time(record, find(root, "effectiveTime")) or ""
    role = find(root, "patientRole" if local(root) == "recordTarget" else "recordTarget/patientRole")
    patient_from_role(record, role, original)
    reference = actor(record, find(root, "author/assignedAuthor"), {})
    if reference and not reference["reference"].startswith("#"):
        record.document_author = reference


def confidentiality(record: Record, element: Element) -> list[JSON]:
    """Labels of an element's own `confidentialityCode`."""
    return [
        label for code in find_all(element, "confidentialityCode") for label in labels_from_code(record, code)
    ]


def close_document(record: Record, original: Original, sections: list[JSON]) -> None:
    """Encounter, related people, Composition and DocumentReference."""
    root = record.doc.root
    record.labels = record.all_labels  # both hold what every section says
    for participant in find_all(root, "participant"):
        related_person(record, participant)
    encounter = header_encounter(record)
    shared = _shared(record)
    composition = _composition(record, shared, sections, encounter)
    record.add(composition, _own_key(root, original))
    if local(root) == "ClinicalDocument":
        reference = document_reference(record, shared, original, encounter)
        record.add(reference, _own_key(root, original))
        add_replaced(record, shared)
    record.settle_links()
    for name in _ADMINISTRATIVE:
        for element in find_all(root, name):
            record.doc.lose(element, "not-mapped", "administrative")


def _own_key(root: Element, original: Original) -> str:
    """A document is keyed by its own id: so whoever replaces it can name it."""
    return own_key(root) or hashlib.sha256(original.body).hexdigest()


def _shared(record: Record) -> JSON:
    """What Composition and DocumentReference both say."""
    root = record.doc.root
    own, series = find(root, "id"), find(root, "setId")
    return {
        "id": identifier(record, own) if own is not None else None,
        "series": identifier(record, series) if series is not None else None,
        "type": required_concept(record, find(root, "code")),
        "title": string(record, find(root, "title")),
        "version": record.doc.get(find(root, "versionNumber"), "value"),
        "related": _related(record),
        "confidentiality": record.doc.get(find(root, "confidentialityCode"), "code"),
    }


def _related(record: Record) -> list[tuple[str, JSON]]:
    found = []
    for related in find_all(record.doc.root, "relatedDocument"):
        code, parent = _RELATES.get(peek(related, "typeCode")), find(related, "parentDocument/id")
        target = identifier(record, parent) if parent is not None else None
        if code and target:
            record.doc.get(related, "typeCode")
            found.append((code, target))
    return found


def _composition(record: Record, shared: JSON, sections: list[JSON], encounter: JSON | None) -> JSON:
    root = record.doc.root
    record.assume(root, "status")
    owner: JSON = {"resourceType": "Composition"}
    authors = authors_of(record, owner) or [absent(record, find(root, "author"))]
    attesters = [a for name, mode in _ATTESTERS for a in _attesters(record, name, mode, owner)]
    members = present(
        language=record.language,
        extension=[{"url": _VERSION, "valueString": shared["version"]}] if shared["version"] else None,
        identifier=shared["series"] or shared["id"],
        status="final",
        type=shared["type"],
        subject=record.subject,
        encounter=encounter,
        date=record.document_time,
        _date=None if record.document_time else absent(record, find(root, "effectiveTime")),
        author=authors,
        title=shared["title"],
        _title=None if shared["title"] else absent(record, find(root, "title")),
        confidentiality=shared["confidentiality"] if shared["confidentiality"] in set("ULMNRV") else None,
        attester=attesters,
        custodian=custodian_of(record, owner),
        relatesTo=[{"code": c, "targetIdentifier": t} for c, t in shared["related"]],
        event=[e for e in (_event(record, s) for s in find_all(root, "documentationOf/serviceEvent")) if e],
        section=sections,
    )
    return owner | members


def _attesters(record: Record, name: str, mode: str, owner: JSON) -> list[JSON]:
    found = []
    for element in find_all(record.doc.root, name):
        party = actor(record, find(element, "assignedEntity"), owner)
        at = time(record, find(element, "time"))
        if party or at:
            found.append(present(mode=mode, time=at, party=party))
    return found


def _event(record: Record, service: Element) -> JSON:
    code = concept(record, find(service, "code"))
    span = period(record, find(service, "effectiveTime"))
    return present(code=[code] if code else None, period=span)
