"""The document itself as a DocumentReference: where its bytes are, by hash, and a body that is no XML."""

import base64
import hashlib
from typing import Any

from adapters.interface import Original
from adapters.specialist.attachments import attachment
from adapters.specialist.markup import find, find_all, peek
from adapters.specialist.people import authors_of, custodian_of
from adapters.specialist.record import Record, own_key
from adapters.specialist.values import absent, concept, identifier, present

JSON = dict[str, Any]


def document_reference(record: Record, shared: JSON, original: Original, encounter: JSON | None) -> JSON:
    """The original by its hash: inlined it would carry sections that a rule withholds."""
    root = record.doc.root
    owner: JSON = {"resourceType": "DocumentReference"}
    authors = authors_of(record, owner)
    record.assume(root, "status")
    attachment = present(
        contentType="text/xml",
        language=peek(find(root, "languageCode"), "code"),
        url=f"urn:carepact:intake:{original.intake}" if original.intake else None,
        size=len(original.body),
        hash=base64.b64encode(hashlib.sha1(original.body, usedforsecurity=False).digest()).decode("ascii"),
        title=shared["title"],
        creation=record.document_time,
    )
    members = present(
        masterIdentifier=shared["id"],
        identifier=[shared["series"]] if shared["series"] else None,
        status="current",
        type=shared["type"],
        subject=record.subject,
        date=record.document_time if "T" in record.document_time else None,
        author=authors,
        custodian=custodian_of(record, owner),
        relatesTo=[{"code": c, "target": {"identifier": t}} for c, t in shared["related"]],
        securityLabel=[{"coding": [label]} for label in record.all_labels],
        content=[{"attachment": attachment}, *_body_attachment(record)],
        context=present(encounter=[encounter] if encounter else None),
    )
    return owner | members


def add_replaced(record: Record, shared: JSON) -> None:
    """What this document replaces (RPLC) is superseded, whichever of the two arrives first (S27).

    The stub has the key of the replaced document and this document's later time, so in the fold it is the
    newer contribution to that resource; the words of the old one stay in its history.
    """
    for related in find_all(record.doc.root, "relatedDocument"):
        parent = find(related, "parentDocument")
        key = own_key(parent) if parent is not None else ""
        if peek(related, "typeCode") != "RPLC" or not key or key == own_key(record.doc.root):
            continue
        stub = {"resourceType": "DocumentReference"} | present(
            masterIdentifier=identifier(record, next(iter(find_all(parent, "id")))),
            status="superseded",
            type=concept(record, find(parent, "code")) or shared["type"],
            subject=record.subject,
            content=[{"attachment": absent(record, None)}],
        )
        record.add(stub, key)


def _body_attachment(record: Record) -> list[JSON]:
    """The decoded body of a document that is not XML inside (nonXMLBody)."""
    found = attachment(record, find(record.doc.root, "component/nonXMLBody/text"))
    return [{"attachment": found}] if found else []
