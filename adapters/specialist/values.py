"""CDA identifiers, codes and words (II, CD, ED) as FHIR ones. Converters take what they used.

Each returns None for a value that is not there: a nullFlavor on an optional element leaves it out, one on a
required element becomes a data-absent-reason (`absent`).
"""

from collections.abc import Sequence
from typing import Any

from adapters.identity import check_digit_holds, is_national, local_system, national_number
from adapters.specialist.codes import HL7 as HL7
from adapters.specialist.codes import OID, UUID
from adapters.specialist.codes import coding as coding
from adapters.specialist.codes import present as present
from adapters.specialist.codes import said_coding as said_coding
from adapters.specialist.codes import system_uri as system_uri
from adapters.specialist.markup import Element, find, find_all, peek
from adapters.specialist.record import Record
from adapters.terminology.tables import Concept, concept_map, system_from_oid

JSON = dict[str, Any]
DAR = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
DAR_SYSTEM = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
ACT_STATUS = "http://terminology.hl7.org/CodeSystem/v3-ActStatus"


def flavor_reason(element: Element | None) -> str:
    """data-absent-reason of an element's nullFlavor, or of one in place of its code; an undefined or absent
    one reads as unknown."""
    flavor = peek(element, "nullFlavor") or peek(element, "code").upper()
    known = concept_map("cda_null_flavor").get((NULL_FLAVOR, flavor))
    return known.code if known else "unknown"


def absent(record: Record, element: Element | None) -> JSON:
    """What stands in for a required value: `{extension: [data-absent-reason]}`."""
    record.doc.get(element, "nullFlavor")
    return {"extension": [{"url": DAR, "valueCode": flavor_reason(element)}]}


def reason_concept(record: Record, element: Element | None) -> JSON:
    """dataAbsentReason of an Observation."""
    record.doc.get(element, "nullFlavor")
    return {"coding": [{"system": DAR_SYSTEM, "code": flavor_reason(element)}]}


def identifier(record: Record, element: Element) -> JSON | None:
    """II to Identifier, by the eight rows of the CDA guide; None for a nullFlavor or a bare known root."""
    root, extension = peek(element, "root"), peek(element, "extension")
    if not (root or extension):
        return None
    if extension:
        system, value = _issued(record, element, root, extension)
    elif UUID.match(root):
        system, value = "urn:ietf:rfc:3986", f"urn:uuid:{root.lower()}"
    elif OID.match(root) and system_from_oid(root).startswith("urn:oid:"):
        system, value = "urn:ietf:rfc:3986", f"urn:oid:{root}"
    else:
        record.doc.lose(element, "rejected", "bad-id")
        return None
    record.doc.take(element, _IDENTIFIER)
    assigner = peek(element, "assigningAuthorityName")
    return {"system": system, "value": value} | ({"assigner": {"display": assigner}} if assigner else {})


def _issued(record: Record, element: Element, root: str, extension: str) -> tuple[str, str]:
    """(system, value). A national number with a wrong check digit leaves its system: it must never link two
    people."""
    system = system_uri(record.owner, root) or local_system(*record.owner, "id")
    if not is_national(system):
        return system, extension
    value = national_number(system, extension) or extension
    if check_digit_holds(system, value) is False:
        record.doc.remark(element, "altered", "check-digit")
        return local_system(*record.owner, root), value
    return system, value


_IDENTIFIER = ("root", "extension", "assigningAuthorityName")


def identifiers(record: Record, elements: Sequence[Element]) -> list[JSON]:
    """All that are one, each once."""
    found: list[JSON] = []
    for element in elements:
        one = identifier(record, element)
        if one and one not in found:
            found.append(one)
    return found


def concept(record: Record, element: Element | None) -> JSON | None:
    """CD, CE, CV, CS to CodeableConcept: code, translations, original text (references resolved)."""
    if element is None:
        return None
    first = said_coding(record, element)
    if not element.children:
        if first and "display" in first:
            return {"coding": [first]}
        words = record.doc.get(element, "displayName")
        return present(coding=[first] if first else None, text=words) or None
    others = (said_coding(record, e) for e in find_all(element, "translation"))
    found = [c for c in (first, *others) if c]
    text = string(record, find(element, "originalText"))
    if not text and not (found and found[0].get("display")):
        text = record.doc.get(element, "displayName")
    text = _qualified(record, element, text or "", found) or text
    return present(coding=[c for n, c in enumerate(found) if c not in found[:n]], text=text) or None


def _qualified(record: Record, element: Element, text: str, found: list[JSON]) -> str | None:
    """The words of a code with its qualifiers (which side, how bad): R4 has no place for them but text."""
    stated = [words for words in (_qualifier(record, one) for one in find_all(element, "qualifier")) if words]
    if not stated:
        return None
    said = text or next((one.get("display") or one["code"] for one in found), "")
    return f"{said} ({', '.join(stated)})".strip()


def _qualifier(record: Record, element: Element) -> str:
    name, value = (_words_of(record, find(element, part)) for part in ("name", "value"))
    return f"{name}: {value}" if name and value else value


def _words_of(record: Record, code: Element | None) -> str:
    """What a code is called, else the code; taken."""
    if code is None:
        return ""
    words = record.doc.get(code, "displayName") or string(record, find(code, "originalText"))
    stated = record.doc.get(code, "code")
    record.doc.get(code, "codeSystem")
    return words or stated


def material_concept(record: Record, material: Element | None) -> JSON | None:
    """What a product is: its code, with its name as words where the code brings none."""
    code = concept(record, find(material, "code")) or {}
    if "text" not in code and not any(c.get("display") for c in code.get("coding", [])[:1]):
        code |= present(text=string(record, find(material, "name")))
    return code or None


def required_concept(record: Record, element: Element | None) -> JSON:
    """A CodeableConcept where FHIR demands one."""
    return concept(record, element) or absent(record, element)


def mapped(
    record: Record, table: str, system: str, element: Element | None, *, closed: bool = True
) -> Concept | None:
    """The target of an element's code in a concept map, the code taken; None without target.

    `closed`: the source's value set has no other codes than the table, so another is `bad-code`.
    """
    code = peek(element, "code")
    if element is None or not code:
        return None
    target = concept_map(table).get((system, code))
    if target and target.code:
        for attribute in ("code", "displayName"):
            record.doc.get(element, attribute)
        if (
            system_uri(record.owner, peek(element, "codeSystem")) == system
        ):  # else what it says is in its line
            record.doc.get(element, "codeSystem")
        return target
    if target is None and closed:
        record.doc.lose(element, "rejected", "bad-code", "code")
    return None


def string(record: Record, element: Element | None) -> str | None:
    """ST or ED: its text, or the narrative text that its reference points at."""
    if element is None:
        return None
    reference = find(element, "reference")
    if reference is not None and peek(reference, "value"):
        referred = record.referred(peek(reference, "value"))
        if referred:
            record.doc.get(reference, "value")
        elif not "".join(element.words()).strip():
            record.doc.lose(reference, "rejected", "bad-reference", "value")
        if referred:
            return record.doc.text(element) or referred
    if peek(element, "representation") == "B64":
        return None
    return record.doc.text(element) or None
