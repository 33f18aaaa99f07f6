"""PRB to Condition: an entry of the problem list (HL7 v2 chapter 12; the guide has no map for it)."""

from adapters.hospital.codes import concept_from_cwe
from adapters.hospital.context import Context, Draft
from adapters.hospital.identifiers import identifier_from_ei
from adapters.hospital.labels import labels_of_field
from adapters.hospital.message import Element, Segment
from adapters.hospital.segments.nte import annotation_from_ntes
from adapters.interface import JSON

_CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_STATES = frozenset("active recurrence relapse inactive remission resolved".split())
_CERTAINTIES = frozenset("unconfirmed provisional differential confirmed refuted".split())
_OVER = frozenset({"inactive", "remission", "resolved"})
_DELETED = frozenset({"DE"})
"""PRB-1, table 0287."""
_DELETING_EVENT = "PC3"


def condition_from_prb(
    context: Context, prb: Segment, notes: list[Segment], patient: Draft, encounter: Draft | None
) -> Draft | None:
    """Condition by PRB-4, else patient and problem; None if PRB-3 names none."""
    code = concept_from_cwe(context, prb.first(3))
    if code is None:
        return None
    scratch = context.scratch("Condition")
    number = identifier_from_ei(scratch, prb.first(4))
    name = prb.text(3) or str(code.get("text", "")).casefold()
    draft = context.draft("Condition", number.key if number else f"prb\x1f{patient.id}\x1f{name}")
    draft.tags = scratch.tags
    draft.labels += labels_of_field(prb, 25)
    draft.put("identifier", [number.body] if number else None)
    _statuses(draft, prb)
    draft.append("category", {"coding": [{"system": _CATEGORY, "code": "problem-list-item"}]})
    draft.append("category", concept_from_cwe(context, prb.first(10)))
    draft.put("severity", concept_from_cwe(context, prb.first(26)))
    draft.put("code", code)
    draft.put("subject", patient.link())
    draft.put("encounter", encounter.link() if encounter else None)
    onset = draft.time(prb.first(16), "onsetDateTime")
    draft.put("onsetDateTime", onset)
    if not onset:
        draft.put("onsetString", prb.first(17).take(1))
    draft.put("recordedDate", draft.time(prb.first(7), "recordedDate"))
    draft.append("note", annotation_from_ntes(draft, notes))
    return context.add(draft)


def _statuses(draft: Draft, prb: Segment) -> None:
    """PRB-14 and PRB-13 where they speak FHIR's words; a resolution (PRB-9) demands a status (con-4)."""
    action = prb.first(1).text(1).upper()
    if action in _DELETED:
        prb.first(1).take(1)
    if action in _DELETED or draft.context.event == _DELETING_EVENT:
        draft.put("verificationStatus", _coded(_VERIFICATION, "entered-in-error"))
        return
    clinical = _word(prb.first(14), _STATES)
    certainty = _word(prb.first(13), _CERTAINTIES)
    ended = draft.time(prb.first(9), "abatementDateTime")
    if ended and clinical not in _OVER:
        clinical = "resolved"
        draft.assume(f"{prb.position}-14", "status", clinical)
    draft.put("abatementDateTime", ended)
    draft.put("clinicalStatus", _coded(_CLINICAL, clinical) if clinical else None)
    draft.put("verificationStatus", _coded(_VERIFICATION, certainty) if certainty else None)


def _coded(system: str, code: str) -> JSON:
    return {"coding": [{"system": system, "code": code}]}


def _word(element: Element, known: frozenset[str]) -> str:
    """The word of a user-defined table that is one of FHIR's; any other stays unsaid."""
    for comp in (1, 2):
        word = element.text(comp).lower()
        if word in known:
            element.take(comp)
            return word
    return ""
