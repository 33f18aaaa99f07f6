"""TXA to DocumentReference (v2-to-FHIR TXA[DocumentReference])."""

from adapters.hospital.codes import concept_from_cwe, table
from adapters.hospital.context import ABSENT, Context, Draft
from adapters.hospital.identifiers import identifier_from_ei
from adapters.hospital.labels import labels_from_code
from adapters.hospital.message import Segment
from adapters.hospital.people import practitioner_from_xcn
from adapters.interface import JSON

_ALTERNATE = "http://hl7.org/fhir/StructureDefinition/alternate-codes"
_RELATIONS = {"T05": "appends", "T06": "appends", "T09": "replaces", "T10": "replaces"}
"""What the event makes of TXA-13, the parent document."""
_CANCEL = "T11"
_MEDIA = {"TX": "text/plain", "TEXT": "text/plain", "FT": "text/plain"}


def document_from_txa(context: Context, txa: Segment, patient: Draft) -> Draft:
    """DocumentReference by TXA-12, else the message (`no-key`); `content` is the caller's, adding it too."""
    scratch = context.scratch("DocumentReference")
    number = identifier_from_ei(scratch, txa.first(12))
    if number is None:
        context.assume(f"{txa.position}-12", "no-key", "", "default")
    key = number.key if number else f"no-key\x1f{context.fallback_key}\x1f{txa.ordinal}"
    draft = context.draft("DocumentReference", key)
    draft.tags = scratch.tags
    draft.put("masterIdentifier", number.body if number else None)
    file_name = txa.first(16).take(1)
    draft.append("identifier", {"value": file_name} if file_name else None)
    _status(draft, txa)
    draft.put("docStatus", draft.code(txa.first(17), "v2_document_completion", "docStatus"))
    draft.put("type", concept_from_cwe(context, txa.first(2), table("0270")))
    draft.put("subject", patient.link())
    _people(draft, txa)
    _relation(draft, txa)
    draft.put("description", txa.first(25).take(1))
    for label in labels_from_code(txa.first(18)):
        draft.labels.append(label)
        draft.append("securityLabel", {"coding": [label]})
    return draft


def originated(draft: Draft, txa: Segment) -> str | None:
    """TXA-6 as `date` if it is an instant, and for the attachments at its own precision."""
    made = draft.context.time(txa.first(6), "DocumentReference.date", 1, draft.tags)
    if made is not None and made.is_instant:
        draft.put("date", made.text)
    return made.text if made else None


def attachment_of_notice(txa: Segment, created: str | None) -> JSON:
    """The attachment of a notification without content: its type, its file, and that it did not come."""
    kind = _MEDIA.get(txa.text(3).upper())
    said = {"contentType": kind, "title": txa.text(16), "creation": created}
    if kind:
        txa.first(3).take(1)
    absent = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
    return absent | {name: value for name, value in said.items() if value}


def _status(draft: Draft, txa: Segment) -> None:
    """A cancelling event, then TXA-19, else `current`; a code without target stays beside it."""
    context, said = draft.context, txa.first(19)
    code = said.text(1).upper()
    status = draft.code(said, "v2_document_availability", "status")
    if context.event == _CANCEL:
        status = "entered-in-error"
    if status is None:
        status = "current"
        draft.assume(f"{txa.position}-19", "status", status)
    if code == "UN":
        concept = {"coding": [{"system": table("0273"), "code": code}]}
        draft.put("_status", {"extension": [{"url": _ALTERNATE, "valueCodeableConcept": concept}]})
    draft.put("status", status)


def _people(draft: Draft, txa: Segment) -> None:
    """TXA-9, else TXA-5, is the author; the authenticator is TXA-10, else the first of TXA-22."""
    for field in (9, 5):
        for element in txa.all(field) if "author" not in draft.body or field == 9 else ():
            draft.append("author", practitioner_from_xcn(draft, element, "author"))
    for field in (10, 22):
        for element in txa.all(field):
            who = practitioner_from_xcn(draft, element, "authenticator")
            if who and "authenticator" not in draft.body:
                draft.put("authenticator", who)


def _relation(draft: Draft, txa: Segment) -> None:
    parent = identifier_from_ei(draft, txa.first(13))
    code = _RELATIONS.get(draft.context.event)
    if parent and code:
        target = {"type": "DocumentReference", "identifier": parent.body}
        draft.append("relatesTo", {"code": code, "target": target})
    elif parent:
        related = {"type": "DocumentReference", "identifier": parent.body}
        draft.put("context", {"related": [related]})
