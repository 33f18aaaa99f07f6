"""A CDA document inside OBX-5: what it is called, and handing it on as an original of its own.

The document is not read here (no kind of adapter knows another): only its id is, so that the
DocumentReference of the message can name the one that comes of the document.
"""

import base64
import hashlib
import re

from lxml import etree

from adapters.hospital.context import Context
from adapters.identity import local_system
from adapters.interface import JSON, Identifier, Original
from adapters.terminology.tables import system_from_oid

MEDIA_TYPE = "text/xml"
_HEAD = 4096
_SPACE = "{urn:hl7-org:v3}"
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_OID = re.compile(r"[0-2](\.\d+)+\Z")


def is_cda(data: bytes) -> bool:
    """Whether bytes begin as an HL7 v3 ClinicalDocument."""
    head = data[:_HEAD]
    return b"ClinicalDocument" in head and b"urn:hl7-org:v3" in head


def handed_on(context: Context, data: bytes, asked: tuple[Identifier, ...]) -> JSON:
    """Hand the document on, and the attachment that stands in its place: never inlined, because inlined it
    would carry sections that a rule withholds."""
    context.handed_on.append(Original(data, MEDIA_TYPE, asked, context.intake))
    digest = hashlib.sha1(data, usedforsecurity=False).digest()
    hash_text = base64.b64encode(digest).decode("ascii")
    return {"contentType": MEDIA_TYPE, "size": len(data), "hash": hash_text}


def relation_to(context: Context, data: bytes) -> JSON | None:
    """`relatesTo` by the document's own identifier; None if it has none or cannot be read."""
    root, extension = _id_of(data)
    if extension:
        source = context.source
        system = system_from_oid(root) if _OID.match(root) else ""
        system = system or local_system(source.custodian, source.id, "id")
        identifier = {"system": system, "value": extension}
    elif _UUID.match(root) or _OID.match(root):
        kind = "uuid" if _UUID.match(root) else "oid"
        identifier = {"system": "urn:ietf:rfc:3986", "value": f"urn:{kind}:{root.lower()}"}
    else:
        return None
    return {"code": "transforms", "target": {"type": "DocumentReference", "identifier": identifier}}


def _id_of(data: bytes) -> tuple[str, str]:
    """Root and extension of ClinicalDocument/id. Entities stay unresolved, a DOCTYPE is refused."""
    if b"<!DOCTYPE" in data[:_HEAD]:
        return "", ""
    parser = etree.XMLPullParser(("start",), resolve_entities=False, no_network=True, load_dtd=False)
    try:
        for at in range(0, len(data), _HEAD):
            parser.feed(data[at : at + _HEAD])
            for _, element in parser.read_events():
                if isinstance(element, etree._Element) and _is_own_id(element):
                    return element.get("root", ""), element.get("extension", "")
    except etree.XMLSyntaxError:
        pass
    return "", ""


def _is_own_id(element: etree._Element) -> bool:
    parent = element.getparent()
    return element.tag == f"{_SPACE}id" and parent is not None and parent.getparent() is None
