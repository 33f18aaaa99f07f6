"""MDM: each TXA a DocumentReference with what its OBX hold; orders before it are what it is about.

ED and RP are attachments, TX FT ST one text; any other OBX is an Observation that the document relates to.
"""

import base64
from functools import partial

from adapters.hospital.context import Context, Draft
from adapters.hospital.embedded import handed_on, is_cda, relation_to
from adapters.hospital.groups import Noted, Person
from adapters.hospital.message import Segment
from adapters.hospital.messages.adt import SEGMENTS as PATIENT_SEGMENTS
from adapters.hospital.messages.adt import map_facts
from adapters.hospital.messages.order import map_orders
from adapters.hospital.messages.orders import map_order
from adapters.hospital.messages.person import Known, attempt_in
from adapters.hospital.segments.obx import Setting, observation_from_obx
from adapters.hospital.segments.txa import attachment_of_notice, document_from_txa, originated
from adapters.hospital.values import attachment_from_ed, attachment_from_rp
from adapters.identity import is_national
from adapters.interface import JSON, Identifier

SEGMENTS = PATIENT_SEGMENTS | {"ORC", "OBR", "NTE", "TXA", "TQ1"}
_TEXT = frozenset({"TX", "FT", "ST"})


def map_documents(context: Context, person: Person, known: Known) -> None:
    """Orders, then the documents of a patient, each a unit."""
    map_facts(context, person, known)
    before = set(context.drafts)
    map_orders(context, person, known, map_order)
    orders = [
        one for ref, one in context.drafts.items() if ref not in before and one.type == "ServiceRequest"
    ]
    documents = person.all("TXA")
    for number, txa in enumerate(documents):
        last = documents[number + 1].index if number + 1 < len(documents) else None
        results = [
            one
            for one in person.results
            if one.segment.index > txa.index and (last is None or one.segment.index < last)
        ]
        build = partial(_document, context, txa, results, known, orders)
        attempt_in(context, known.patient, txa, build)


def _document(
    context: Context, txa: Segment, results: list[Noted], known: Known, orders: list[Draft]
) -> Draft:
    draft = document_from_txa(context, txa, known.patient)
    created = originated(draft, txa)
    content = [*_attachments(draft, results, known.patient), *_texts(results)]
    content = [{"creation": created} | one if created else one for one in content]
    draft.put("content", [{"attachment": one} for one in content or [attachment_of_notice(txa, created)]])
    related = [*orders, *_observations(context, draft, results, known)]
    about = draft.body.get("context", {})
    about["encounter"] = [known.encounter.link()] if known.encounter else []
    about["related"] = [*about.get("related", ()), *(one.link() for one in related)]
    draft.put("context", {name: value for name, value in about.items() if value})
    return context.add(draft)


def _attachments(draft: Draft, results: list[Noted], patient: Draft) -> list[JSON]:
    found = []
    for result in results:
        obx = result.segment
        kind = obx.text(2).upper()
        if kind not in ("ED", "RP"):
            continue
        title = obx.first(3).take(2) or obx.first(3).take(1)
        for element in obx.all(5):
            read = (
                attachment_from_ed(draft, element, "content") if kind == "ED" else attachment_from_rp(element)
            )
            if read:
                made = _unless_cda(draft, read, patient)
                found.append(made | ({"title": title} if title else {}))
    return found


def _unless_cda(draft: Draft, attachment: JSON, patient: Draft) -> JSON:
    """A CDA document is handed on, and the reference says what came of it."""
    data = base64.b64decode(attachment.get("data", ""))
    if not is_cda(data):
        return attachment
    draft.append("relatesTo", relation_to(draft.context, data))
    return handed_on(draft.context, data, _asked(patient))


def _asked(patient: Draft) -> tuple[Identifier, ...]:
    """Whom a document inside the message must be about: one of the patient's identifiers, national first."""
    listed = [
        Identifier(one["system"], one["value"])
        for one in patient.body.get("identifier", ())
        if "system" in one
    ]
    return tuple(sorted(listed, key=lambda one: not is_national(one.system)))


def _texts(results: list[Noted]) -> list[JSON]:
    """All text of the document as one text/plain, lines and paragraphs in order."""
    lines: list[str] = []
    for result in results:
        if (result.segment.text(2).upper() or "ST") in _TEXT:
            lines += [element.words("") for element in result.segment.all(5)]
        lines += [element.take(1) for note in result.notes for element in note.all(3)]
    text = "\n".join(lines).strip()
    if not text:
        return []
    return [{"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode("ascii")}]


def _observations(context: Context, draft: Draft, results: list[Noted], known: Known) -> list[Draft]:
    made = []
    setting = Setting(known.patient, known.encounter, draft.id)
    for result in results:
        kind = result.segment.text(2).upper() or "ST"
        if kind in _TEXT or kind in ("ED", "RP"):
            continue
        build = partial(observation_from_obx, context, Noted(result.segment), setting, result.segment.ordinal)
        observation = attempt_in(context, draft, result.segment, build)
        if observation is not None:
            made.append(observation)
    return made
