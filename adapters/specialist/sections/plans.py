"""What is planned, proposed or ordered, by mood: Appointment for a visit, ServiceRequest for the rest.

Neither guide nor standard maps these; the mood says how far an intention has come, and nothing of it may read
as done.
"""

from typing import Any

from adapters.specialist.markup import Element, find, find_all, local, peek
from adapters.specialist.quantities import time, when
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import (
    INSTRUCTION,
    Place,
    authorship,
    encounter_of,
    first_words,
    frame,
    is_negated,
    is_nullified,
    notes,
    performers,
    reasons,
)
from adapters.specialist.strays import INTENDED
from adapters.specialist.values import ACT_STATUS, HL7, concept, mapped, present, string
from adapters.specialist.visits import visit_time
from adapters.terminology.tables import concept_map

JSON = dict[str, Any]
_MOOD = HL7 + "v3-ActMood"
_PRIORITY = HL7 + "v3-ActPriority"
_KINDS = frozenset({"act", "observation", "procedure", "supply"})


def plans(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """An act of a mood that has not happened; a substance has its own mapping."""
    if peek(act, "moodCode") not in INTENDED:
        return None
    if local(act) == "encounter":
        return None if is_negated(record, act) else [_appointment(record, act, place)]
    if local(act) not in _KINDS or _subject_of(record, act) is None:
        return None
    return [_request(record, act, place)]


def _subject_of(record: Record, act: Element) -> JSON | None:
    """What is asked for: the act's code, else the product of a supply."""
    product = find(act, "product/manufacturedProduct/manufacturedMaterial/code")
    device = find(act, "participant/participantRole/playingDevice/code")
    for element in (find(act, "code"), product, device):
        found = concept(record, element)
        if found:
            return found
    words = string(record, find(act, "text"))
    return {"text": words} if words else None


def _request(record: Record, act: Element, place: Place) -> JSON:
    owner = frame(record, "ServiceRequest", act)
    requester, authored = authorship(record, place, owner, act)
    priority = mapped(record, "cda_request_priority", _PRIORITY, find(act, "priorityCode"), closed=False)
    sites = [concept(record, e) for e in find_all(act, "targetSiteCode")]
    members = present(
        status=_status(record, act),
        intent=_intent(record, act),
        priority=priority.code if priority else None,
        doNotPerform=True if is_negated(record, act) else None,
        code=_subject_of(record, act),
        subject=record.subject,
        encounter=encounter_of(record, act),
        authoredOn=authored,
        requester=requester,
        performer=performers(record, act, owner),
        reasonCode=reasons(record, act),
        bodySite=[s for s in sites if s],
        note=notes(record, act),
        patientInstruction=first_words(record, act, INSTRUCTION),
    )
    moment = when(record, find(act, "effectiveTime"), "occurrence")
    return record.add(owner | members | moment, record.key(act, place.code, place.ordinal))


def _status(record: Record, act: Element) -> str:
    target = mapped(record, "cda_request_status", ACT_STATUS, find(act, "statusCode"))
    if target is None:
        record.assume(act, "status")
    return target.code if target else "unknown"


def _intent(record: Record, act: Element) -> str:
    target = concept_map("cda_request_intent")[_MOOD, record.doc.get(act, "moodCode")]
    return target.code


def _appointment(record: Record, act: Element, place: Place) -> JSON:
    """A visit to come. Booked only if it says so with both its ends (app-3), else proposed."""
    owner = frame(record, "Appointment", act)
    span = visit_time(record, find(act, "effectiveTime"))
    exact = {k: v for k, v in span.items() if "T" in v}
    wrong = is_nullified(act)
    booked = len(exact) == 2 and record.doc.get(act, "moodCode") == "APT"
    kind = concept(record, find(act, "code"))
    people = performers(record, act, owner)
    actors = [
        record.subject,
        *(p for p in people if p["reference"].startswith(("Practitioner/", "#practitioner"))),
    ]
    members = present(
        status="entered-in-error" if wrong else "booked" if booked else "proposed",
        serviceType=[kind] if kind else None,
        reasonCode=reasons(record, act),
        start=span["start"] if booked else None,
        end=span["end"] if booked else None,
        created=time(record, find(act, "author/time")),
        participant=[{"actor": a, "status": "accepted" if booked else "tentative"} for a in actors],
        requestedPeriod=[span] if span and not booked else None,
        comment=" ".join(n["text"] for n in notes(record, act)),
    )
    return record.add(owner | members, record.key(act, place.code, place.ordinal))
