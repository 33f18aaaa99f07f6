"""What the entries of all sections share: their parts, keys, authors, comments and narrative."""

from dataclasses import dataclass
from typing import Any

from adapters.specialist.labels import labels_from_code
from adapters.specialist.marks import is_security, label_from_coding, masked_labels
from adapters.specialist.markup import Element, find, find_all, local, peek, templates
from adapters.specialist.narrative import plain
from adapters.specialist.people import actor, author
from adapters.specialist.quantities import time
from adapters.specialist.record import Record
from adapters.specialist.strays import is_stray
from adapters.specialist.tree import ACTS
from adapters.specialist.values import coding, concept, identifiers, present, string

JSON = dict[str, Any]
SCT = "http://snomed.info/sct"
_ANNOTATION = "2.16.840.1.113883.3.3251.1.4"
_INDICATION = "2.16.840.1.113883.10.20.22.4.19"
INSTRUCTION = "2.16.840.1.113883.10.20.22.4.20"
_MARKINGS = "2.16.840.1.113883.3.3251.1.5"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands: its section, the section's LOINC code, and its ordinal in it from 1."""

    section: Element
    code: str
    ordinal: int


def act_of(holder: Element) -> Element | None:
    """The clinical statement inside an entry, component or entryRelationship."""
    for child in holder.children:
        if child.name in ACTS:
            return child
    return None


def relations(act: Element) -> tuple[tuple[str, Element], ...]:
    """(typeCode, act) of every entryRelationship whose act may be told of the patient."""
    known = act.related
    if known is None:
        stated = find_all(act, "entryRelationship")
        if not stated:
            act.related = ()
            return ()
        held = [(peek(one, "typeCode"), act_of(one)) for one in stated]
        known = tuple([(kind, inner) for kind, inner in held if inner is not None and not is_stray(inner)])
        act.related = known
    return known


def members(organizer: Element) -> list[Element]:
    """The acts of an organizer's components; how sensitive it is is a label, no finding."""
    found = (act_of(c) for c in find_all(organizer, "component"))
    return [a for a in found if a is not None and not is_security(a) and not is_stray(a)]


def related(act: Element, *, template: str, code: str = "") -> Element | None:
    """First related act of a template, or else of a code."""
    found = relations(act)
    for _, inner in found:
        if template in templates(inner):
            return inner
    for _, inner in found if code else ():
        if peek(find(inner, "code"), "code") == code:
            return inner
    return None


def is_negated(record: Record, act: Element) -> bool:
    return record.doc.get(act, "negationInd") in ("true", "1")


def is_twice_negated(act: Element, concern: Element | None) -> bool:
    """Whether a concern denies what is itself a denial: nobody can say what that means."""
    return concern is not None and is_denied(concern) and is_denied(act)


def is_denied(act: Element) -> bool:
    """The same without taking it: a denied observation is kept whole."""
    return peek(act, "negationInd") in ("true", "1")


def is_nullified(*acts: Element | None) -> bool:
    return any(peek(find(a, "statusCode"), "code") == "nullified" for a in acts)


def frame(record: Record, resource_type: str, act: Element) -> JSON:
    """A resource with the identifiers of an act, and the narrative that the act points at."""
    found: JSON = {"resourceType": resource_type}
    text = find(act, "text")
    narrative = _narrative(record, text) if text is not None else None
    if narrative:
        found["text"] = narrative
    ids = identifiers(record, find_all(act, "id"))
    if ids:
        found["identifier"] = ids
    return found


def _narrative(record: Record, text: Element) -> JSON | None:
    """The passage that a text points at, else its words."""
    reference = find(text, "reference")
    target = peek(reference, "value")
    if reference is not None and target:
        narrative = record.narratives.passage(target)
        if narrative:
            record.doc.get(reference, "value")
            return narrative
        if not text.text.strip():
            record.doc.lose(reference, "rejected", "bad-reference", "value")
    words = string(record, text)
    return plain(words) if words else None


def authorship(
    record: Record, place: Place, owner: JSON, *acts: Element | None
) -> tuple[JSON | None, str | None]:
    """Who wrote an entry: the author of the act, of what holds it, of the section, of the document.

    The time is only that of the entry's own author: a document's is when it was assembled.
    """
    for act in acts:
        who, at = author(record, act, owner)
        if who or at:
            return who, at
    who, _ = author(record, place.section, owner)
    return who or record.document_author or None, None


def person_only(reference: JSON | None) -> JSON | None:
    """A recorder is a person: a device or an organisation that assembled the document is none."""
    if reference and reference["reference"].startswith(("Practitioner/", "#practitioner")):
        return reference
    return None


def performers(record: Record, act: Element, owner: JSON) -> list[JSON]:
    found = [actor(record, find(p, "assignedEntity"), owner) for p in find_all(act, "performer")]
    return [p for n, p in enumerate(found) if p and p not in found[:n]]


def performers_or_author(record: Record, act: Element, owner: JSON) -> list[JSON]:
    """Who did it, else who wrote it down: losing the one name that there is would be worse."""
    found = performers(record, act, owner)
    if found:
        return found
    who, _ = author(record, act, owner)
    return [who] if who and not who["reference"].startswith(("Device/", "#device")) else []


def notes(record: Record, act: Element) -> list[JSON]:
    """Comment activities (LOINC 48767-8) as annotations."""
    found = []
    for _, inner in relations(act):
        if peek(find(inner, "code"), "code") != "48767-8":
            continue
        words = string(record, find(inner, "text"))
        if words:
            code = find(inner, "code")
            if code is not None:
                record.doc.lose(code, "not-mapped", "structural")
            found.append(present(text=words, time=time(record, find(inner, "author/time"))))
    return found


def reasons(record: Record, act: Element) -> list[JSON]:
    """Why: the values of its indications (template, or relation RSON)."""
    found = [
        concept(record, find(inner, "value"))
        for kind, inner in relations(act)
        if _INDICATION in templates(inner) or kind == "RSON"
    ]
    return [c for c in found if c]


def encounter_of(record: Record, act: Element) -> JSON | None:
    """The visit that an entry was part of, by the id that a bare encounter inside it repeats."""
    for _, inner in relations(act):
        if local(inner) == "encounter":
            found = record.link("Encounter", inner)
            if found:
                return found
    return None


def first_words(record: Record, act: Element, template: str) -> str | None:
    """Text of the first related act of a template (free-text sig, instruction)."""
    for _, inner in relations(act):
        if template in templates(inner):
            return string(record, find(inner, "text"))
    return None


def is_privacy_annotation(act: Element | None) -> bool:
    """An organizer of DS4P that only says how sensitive what it stands in is."""
    return act is not None and _ANNOTATION in templates(act)


def section_labels(record: Record, section: Element) -> list[JSON]:
    """Privacy annotations that stand in a section as entries of their own mark all of it."""
    entries = [e for e in find_all(section, "entry") if is_privacy_annotation(act_of(e))]
    return [label for entry in entries for label in entry_labels(record, entry)]


def document_labels(record: Record) -> list[JSON]:
    """What a section of privacy markings says lies on the whole document."""
    sections = find_all(record.doc.root, "component/structuredBody/component/section")
    marking = [s for s in sections if _MARKINGS in templates(s)]
    return [label for s in marking for label in section_labels(record, s)]


def entry_labels(record: Record, entry: Element) -> list[JSON]:
    """Security observations (DS4P), confidentiality codes and masked values of an entry, as coded."""
    labels: list[JSON] = []
    marks = record.marks_in(entry)
    for element in marks:
        if local(element) == "confidentialityCode":
            labels += labels_from_code(record, element)
        elif local(element) == "observation":
            value = find(element, "value")
            stated = coding(record, value) if value is not None else None
            labels += [label_from_coding(stated)] if stated else []
    masked = any(element.get("nullFlavor") == "MSK" for element in marks)
    return labels + (masked_labels() if masked else [])
