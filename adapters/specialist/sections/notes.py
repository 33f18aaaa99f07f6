"""Note activities, as a DocumentReference with the words (C-CDA on FHIR, CF Notes); images likewise."""

from typing import Any

from adapters.specialist.attachments import attachment
from adapters.specialist.markup import Element, find, find_all, local, peek
from adapters.specialist.people import actor
from adapters.specialist.quantities import time
from adapters.specialist.record import Record, unique
from adapters.specialist.sections.acts import Place, encounter_of, frame, is_negated, is_nullified
from adapters.specialist.values import concept, present
from adapters.specialist.visits import visit_time

JSON = dict[str, Any]
_DOCUMENT = {"active": "preliminary", "completed": "final", "nullified": "entered-in-error"}


def note_documents(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """A note with words, inline or in the narrative; one without any is no document and is kept."""
    if local(act) != "act" or peek(act, "moodCode") not in ("EVN", "") or is_negated(record, act):
        return None
    content = attachment(record, find(act, "text"))
    if content is None:
        return None
    owner = frame(record, "DocumentReference", act)
    authors = [actor(record, find(a, "assignedAuthor"), owner) for a in find_all(act, "author")]
    written = time(record, find(act, "author/time")) or ""
    state = find(act, "statusCode")
    stage = _DOCUMENT.get(peek(state, "code"))
    if stage:
        record.doc.get(state, "code")
    visit = encounter_of(record, act)
    members = present(
        status="entered-in-error" if is_nullified(act) else "current",
        docStatus=stage,
        type=concept(record, find(act, "code")),
        category=[c for c in (concept(record, find(place.section, "code")),) if c],
        subject=record.subject,
        date=written if "T" in written else None,
        author=unique([a for a in authors if a])
        or ([record.document_author] if record.document_author else []),
        content=[{"attachment": content | _created(written)}],
        context=present(
            encounter=[visit] if visit else None, period=visit_time(record, find(act, "effectiveTime"))
        ),
    )
    return [record.add(owner | members, record.key(act, place.code, place.ordinal))]


def media_document(record: Record, media: Element, place: Place) -> list[JSON] | None:
    """An image or recording of a section (observationMedia): no exchange carries Media, so a document."""
    content = attachment(record, find(media, "value"))
    if content is None:
        return None
    owner = frame(record, "DocumentReference", media)
    authors = [actor(record, find(a, "assignedAuthor"), owner) for a in find_all(media, "author")]
    section_kind = concept(record, find(place.section, "code"))
    members = present(
        status="current",
        category=[section_kind] if section_kind else None,
        subject=record.subject,
        author=unique([a for a in authors if a]),
        content=[{"attachment": content}],
    )
    return [record.add(owner | members, record.key(media, place.code, place.ordinal))]


def _created(written: str) -> JSON:
    return {"creation": written} if written else {}
