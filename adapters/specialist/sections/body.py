"""The body of a document: every section with its narrative, every entry to its mapping or kept as it came.

What no mapping accepts becomes a Basic with its XML.
"""

import traceback
from typing import Any

from adapters.specialist.header import confidentiality
from adapters.specialist.marks import masked_labels
from adapters.specialist.markup import Element, find, find_all, local, peek
from adapters.specialist.narrative import plain
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import (
    Place,
    act_of,
    document_labels,
    entry_labels,
    is_privacy_annotation,
    section_labels,
)
from adapters.specialist.sections.catalogue import GOAL, mapping_of
from adapters.specialist.sections.families import families
from adapters.specialist.sections.kept import keep
from adapters.specialist.strays import names_relative
from adapters.specialist.values import concept, present, string

JSON = dict[str, Any]
_EMPTY = "http://terminology.hl7.org/CodeSystem/list-empty-reason"


def sections_from_body(record: Record) -> list[JSON]:
    """Composition.section of every section of the structured body, in order."""
    sections = find_all(record.doc.root, "component/structuredBody/component/section")
    with record.under(document_labels(record)):
        return [section(record, s) for s in sections]


def section(record: Record, element: Element) -> JSON:
    """One section: title, code, narrative, references to what its entries became, sub-sections."""
    masked = element.get("nullFlavor") == "MSK"
    labels = confidentiality(record, element) + section_labels(record, element)
    with record.under(labels + (masked_labels() if masked else [])):
        code = find(element, "code")
        title = string(record, find(element, "title"))
        narrative = record.narratives.section(find(element, "text"))
        kind = concept(record, code)
        loinc = peek(code, "code")
        entries = [
            reference
            for ordinal, entry in enumerate(find_all(element, "entry"), 1)
            for reference in entry_resources(record, entry, Place(element, loinc, ordinal))
        ]
        inner = [section(record, s) for s in find_all(element, "component/section")]
    found = present(title=title, code=kind, text=narrative, entry=entries, section=inner)
    if not (narrative or entries or inner):
        # cmp-1 wants something to read; the words say no more than that there is nothing.
        record.doc.get(element, "nullFlavor")
        words = plain("No human-readable text provided in this case") | {"status": "empty"}
        reason = {"coding": [{"system": _EMPTY, "code": "withheld" if masked else "unavailable"}]}
        found |= {"text": words, "emptyReason": reason}
    return found


def entry_resources(record: Record, entry: Element, place: Place) -> list[JSON]:
    """One entry is one unit: it becomes resources, is kept, or fails alone."""
    act = act_of(entry)
    if act is None:
        act = next((e for e in entry.children if local(e) not in ("templateId", "realmCode", "typeId")), None)
    if act is None:
        return []
    if is_privacy_annotation(act):
        record.doc.lose(act, "not-mapped", "structural")
        return []
    try:
        labels = entry_labels(record, entry)
        with record.under(labels):
            return act_resources(record, act, place)
    except Exception as error:
        record.rollback()
        record.failed_units += 1
        record.doc.lose(entry, "failed", "mapping-defect", target=_where(error))
        return []


def act_resources(record: Record, act: Element, place: Place) -> list[JSON]:
    """The mapping's resources of an act, else a Basic that keeps it."""
    mapping = mapping_of(act, place)
    if mapping is not None:
        record.begin()
        found = mapping(record, act, place)
        if found is not None:
            found += [one for stray in record.strays_in(act) for one in _stray(record, stray, place)]
            record.commit()
            return found
        record.rollback()
    carried = "type-not-carried" if peek(act, "moodCode") == GOAL else "unknown-template"
    return [keep(record, act, place, carried)]


def _stray(record: Record, stray: Element, place: Place) -> list[JSON]:
    """A statement inside of another that is no fact about the patient: a relative's condition, else kept."""
    told = families(record, stray, place) if names_relative(stray) else None
    return told or [keep(record, stray, place)]


def _where(error: Exception) -> str:
    """File and line of ours; never the words of the exception, which may quote the input."""
    ours = [f for f in traceback.extract_tb(error.__traceback__) if "/adapters/" in f.filename]
    return f"{ours[-1].filename.rpartition('/adapters/')[2]}:{ours[-1].lineno}" if ours else ""
