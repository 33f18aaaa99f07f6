"""CDA identifiers, codes and words (II, CD, ED) as FHIR ones. Converters take what they used.

Each returns None for a value that is not there: a nullFlavor on an optional element leaves it out, one on a
required element becomes a data-absent-reason (`absent`).
"""

import re
from collections.abc import Sequence
from typing import Any

from adapters.identity import check_digit_holds, local_system, national_number
from adapters.specialist.markup import Element, find, find_all, peek
from adapters.specialist.record import Record
from adapters.terminology.tables import Concept, concept_map, system_from_name, system_from_oid

JSON = dict[str, Any]
DAR = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
HL7 = "http://terminology.hl7.org/CodeSystem/"
DAR_SYSTEM = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
ACT_STATUS = "http://terminology.hl7.org/CodeSystem/v3-ActStatus"

_OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+\Z")
_NUMBER_AND_CHECK = re.compile(r"[0-9]{1,7}-[0-9]")
_NUMBERED = frozenset({HL7 + "v3-Race", HL7 + "v3-Ethnicity"})
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


def present(**members: Any) -> JSON:
    """The members that say something: FHIR knows no null, no empty string, list or object."""
    # What is true goes first: nothing that is left out is.
    return {k: v for k, v in members.items() if v or (v is not None and v != "" and v != [] and v != {})}


def flavor_reason(element: Element | None) -> str:
    """data-absent-reason of an element's nullFlavor; an undefined or absent one reads as unknown."""
    flavor = peek(element, "nullFlavor")
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


def system_uri(record: Record, root: str) -> str | None:
    """URI of an OID or UUID root; of anything else a namespace that only this source knows."""
    if not root:
        return None
    if _OID.match(root):
        return system_from_oid(root)
    if _UUID.match(root):
        return f"urn:uuid:{root.lower()}"
    if root.startswith(("http://", "https://", "urn:")) and " " not in root:
        return root
    return local_system(record.source.custodian, record.source.id, root)


def identifier(record: Record, element: Element) -> JSON | None:
    """II to Identifier, by the eight rows of the CDA guide; None for a nullFlavor or a bare known root."""
    root, extension = peek(element, "root"), peek(element, "extension")
    if not (root or extension):
        return None
    if extension:
        system = system_uri(record, root) or local_system(record.source.custodian, record.source.id, "id")
        value = national_number(system, extension) or extension
        if check_digit_holds(system, value) is False:
            # It must never link two people, so it leaves the national system.
            system = local_system(record.source.custodian, record.source.id, root)
            record.doc.remark(element, "altered", "check-digit")
    elif _UUID.match(root):
        system, value = "urn:ietf:rfc:3986", f"urn:uuid:{root.lower()}"
    elif _OID.match(root) and system_from_oid(root).startswith("urn:oid:"):
        system, value = "urn:ietf:rfc:3986", f"urn:oid:{root}"
    else:
        record.doc.lose(element, "rejected", "bad-id")
        return None
    record.doc.get(element, "root"), record.doc.get(element, "extension")
    assigner = record.doc.get(element, "assigningAuthorityName")
    return present(system=system, value=value, assigner=present(display=assigner))


def identifiers(record: Record, elements: Sequence[Element]) -> list[JSON]:
    """All that are one, each once."""
    found: list[JSON] = []
    for element in elements:
        one = identifier(record, element)
        if one and one not in found:
            found.append(one)
    return found


def coding(record: Record, element: Element) -> JSON | None:
    """The code of a CD without its translations; None if it has none."""
    doc = record.doc
    code = " ".join(peek(element, "code").split())
    if not code:
        return None
    system = system_uri(record, peek(element, "codeSystem"))
    if _is_misplaced(system, code):
        doc.remark(element, "altered", "namespace")
        system = None
    if system is None and peek(element, "codeSystemName"):
        system = system_from_name(doc.get(element, "codeSystemName"))
    for name in ("code", "codeSystem"):
        doc.get(element, name)
    # HL7 defines the displays of its own systems: the source's words for such a code are text, not display.
    display = "" if system and system.startswith(HL7) else doc.get(element, "displayName")
    return present(
        system=system,
        version=doc.get(element, "codeSystemVersion"),
        code=code,
        display=display,
    )


def _is_misplaced(system: str | None, code: str) -> bool:
    """A code of LOINC's form under an HL7 v3 system: they have letters, but for race and ethnicity.

    The system is a slip of the pen then, and stating it would be a code that does not exist.
    """
    letters = system is not None and system.startswith(HL7 + "v3-") and system not in _NUMBERED
    return letters and _NUMBER_AND_CHECK.fullmatch(code) is not None


def concept(record: Record, element: Element | None) -> JSON | None:
    """CD, CE, CV, CS to CodeableConcept: code, translations, original text (references resolved)."""
    if element is None:
        return None
    found = [c for c in (coding(record, e) for e in (element, *find_all(element, "translation"))) if c]
    text = string(record, find(element, "originalText"))
    if not text and not (found and found[0].get("display")):
        text = record.doc.get(element, "displayName")
    if element.children:
        text = _qualified(record, element, text or "", found) or text
    once = found if len(found) < 2 else [c for n, c in enumerate(found) if c not in found[:n]]
    return present(coding=once, text=text) or None


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
        if system_uri(record, peek(element, "codeSystem")) == system:  # else what it says is in its line
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
