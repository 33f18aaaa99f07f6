"""CDA data types as FHIR ones: II, CD, PQ, TS, IVL and their kin. Converters take what they used.

Each returns None for a value that is not there: a nullFlavor on an optional element leaves it out, one on a
required element becomes a data-absent-reason (`absent`).
"""

import re
from decimal import Decimal
from typing import Any

from adapters.identity import check_digit_holds, local_system
from adapters.specialist.markup import Element, find, find_all, local, peek, type_of
from adapters.specialist.record import Record
from adapters.terminology.tables import Concept, concept_map, system_from_name, system_from_oid
from adapters.times import parse_compact, utc_key

JSON = dict[str, Any]
DAR = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
DAR_SYSTEM = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
ACT_STATUS = "http://terminology.hl7.org/CodeSystem/v3-ActStatus"
UCUM = "http://unitsofmeasure.org"

_OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+\Z")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_NUMBER = re.compile(r"([+-]?)(\d*)(\.\d+|\.)?([eE][+-]?\d{1,3})?\Z")


def present(**members: Any) -> JSON:
    """The members that say something: FHIR knows no null, no empty string, list or object."""
    return {k: v for k, v in members.items() if v is not None and v != "" and v != [] and v != {}}


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


def says_more(element: Element | None) -> bool:
    """Whether a nullFlavor says more than that nobody knows."""
    return peek(element, "nullFlavor") in ("NASK", "ASKU", "NAV", "NA", "MSK", "OTH")


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
        if check_digit_holds(system, extension) is False:
            # It must never link two people, so it leaves the national system.
            system = local_system(record.source.custodian, record.source.id, root)
            record.doc.remark(element, "altered", "check-digit")
        value = extension
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


def identifiers(record: Record, elements: list[Element]) -> list[JSON]:
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
    if system is None and peek(element, "codeSystemName"):
        system = system_from_name(doc.get(element, "codeSystemName"))
    for name in ("code", "codeSystem"):
        doc.get(element, name)
    return present(
        system=system,
        version=doc.get(element, "codeSystemVersion"),
        code=code,
        display=doc.get(element, "displayName"),
    )


def concept(record: Record, element: Element | None) -> JSON | None:
    """CD, CE, CV, CS to CodeableConcept: code, translations, original text (references resolved)."""
    if element is None:
        return None
    found = [c for c in (coding(record, e) for e in (element, *find_all(element, "translation"))) if c]
    text = string(record, find(element, "originalText"))
    if not found:
        text = text or record.doc.get(element, "displayName")
    return present(coding=[c for n, c in enumerate(found) if c not in found[:n]], text=text) or None


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
        for attribute in ("code", "codeSystem", "displayName"):
            record.doc.get(element, attribute)
        return target
    if target is None and closed:
        record.doc.lose(element, "rejected", "bad-code", "@code")
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
        elif "".join(str(t) for t in element.itertext()).strip() == "":
            record.doc.lose(reference, "rejected", "bad-reference", "@value")
        if referred:
            return record.doc.text(element) or referred
    if peek(element, "representation") == "B64":
        return None
    return record.doc.text(element) or None


def number(record: Record, element: Element | None, name: str = "value") -> Decimal | None:
    """A decimal with the digits of the source; None (and a line) if it is none."""
    text = peek(element, name)
    if element is None or not text:
        return None
    found = _NUMBER.match(text)
    if not found or not (found.group(2) or (found.group(3) or "").strip(".")) or len(text) > 40:
        record.doc.lose(element, "rejected", "bad-number", f"@{name}")
        return None
    if text[0] in "+." or text.startswith("-.") or found.group(3) == "." or re.match(r"[+-]?0\d", text):
        record.doc.remark(element, "altered", "number")
    record.doc.get(element, name)
    return Decimal(text)


def integer(record: Record, element: Element | None) -> int | None:
    """A whole number, or None."""
    text = peek(element, "value")
    if element is None or not text:
        return None
    if not re.fullmatch(r"[+-]?\d{1,9}", text):
        record.doc.lose(element, "rejected", "bad-number", "@value")
        return None
    return int(record.doc.get(element, "value"))


def quantity(record: Record, element: Element | None) -> JSON | None:
    """PQ to Quantity. CDA defines `unit` as UCUM; one that cannot be is kept as the written unit alone."""
    value = number(record, element)
    if value is None or element is None:
        return None
    unit = record.doc.get(element, "unit")
    coded = bool(unit) and re.fullmatch(r"[!-~]+", unit) is not None
    return present(value=value, unit=unit) | (present(system=UCUM, code=unit) if coded else {})


def ranged(record: Record, element: Element | None) -> JSON | None:
    """IVL_PQ to Range."""
    low, high = (quantity(record, find(element, side)) for side in ("low", "high"))
    return present(low=low, high=high) or None


def time(record: Record, element: Element | None) -> str | None:
    """TS to dateTime; a bad one is a line, a zone that we filled in a remark."""
    text = peek(element, "value")
    if element is None or not text:
        return None
    found = parse_compact(text, zone=record.source.zone, default_offset=record.offset)
    if found is None:
        record.doc.lose(element, "rejected", "bad-date", "@value")
        return None
    record.doc.get(element, "value")
    if found.altered:
        record.doc.remark(element, "altered", "precision")
    if found.assumed:
        record.assume_zone(element)
    return found.text


def day(record: Record, element: Element | None) -> str | None:
    """TS to date: what a FHIR `date` can hold of it."""
    whole = time(record, element)
    if whole and len(whole) > 10 and element is not None:
        record.doc.remark(element, "altered", "precision")
    return whole[:10] if whole else None


def period(record: Record, element: Element | None) -> JSON | None:
    """IVL_TS to Period; an end before the start is rejected (per-1)."""
    low, high = find(element, "low"), find(element, "high")
    start, end = time(record, low), time(record, high)
    if start and end and high is not None and _precedes(end, start):
        record.doc.lose(high, "rejected", "bad-date", "@value")
        end = None
    return present(start=start, end=end) or None


def _precedes(end: str, start: str) -> bool:
    """Whether `end` is before `start` at the precision that both have."""
    shared = min(len(end), len(start))
    return end[:shared] < start[:shared] if shared <= 10 else utc_key(end) < utc_key(start)


def when(record: Record, element: Element | None, prefix: str) -> JSON:
    """effectiveTime to `<prefix>DateTime` or `<prefix>Period`."""
    point = time(record, element) or time(record, find(element, "center"))
    if point:
        return {f"{prefix}DateTime": point}
    span = period(record, element)
    return {f"{prefix}Period": span} if span else {}


def kind_of(element: Element) -> str:
    """The CDA data type of a `value`: its xsi:type, else what its shape says."""
    declared = type_of(element)
    if declared:
        return declared
    if find(element, "low") is not None or find(element, "high") is not None:
        return "IVL_PQ"
    if "code" in element.attrib:
        return "CD"
    if "unit" in element.attrib:
        return "PQ"
    return "ST" if local(element) == "value" and (element.text or "").strip() else ""
