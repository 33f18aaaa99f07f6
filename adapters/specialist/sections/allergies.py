"""Allergies and intolerances, also their coded absence (C-CDA on FHIR, CF Allergy)."""

from typing import Any

from adapters.specialist.markup import Element, find, local, peek, templates
from adapters.specialist.quantities import period, time
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import (
    SCT,
    Place,
    authorship,
    encounter_of,
    frame,
    is_negated,
    is_nullified,
    is_twice_negated,
    notes,
    person_only,
    related,
    relations,
)
from adapters.specialist.values import ACT_STATUS, concept, mapped, present, required_concept, string
from adapters.terminology.tables import concept_map
from adapters.times import utc_key

JSON = dict[str, Any]
CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
_OBSERVATION = "2.16.840.1.113883.10.20.22.4.7"
_STATUS = "2.16.840.1.113883.10.20.22.4.28"
_SEVERITY = "2.16.840.1.113883.10.20.22.4.8"
_CRITICALITY = "2.16.840.1.113883.10.20.22.4.145"
_REACTION = "2.16.840.1.113883.10.20.22.4.9"
_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
_EXPOSURE = "http://hl7.org/fhir/StructureDefinition/allergyintolerance-substanceExposureRisk"
_NO_RISK = {
    "system": "http://terminology.hl7.org/CodeSystem/allerg-intol-substance-exp-risk",
    "code": "no-known-reaction-risk",
    "display": "No Known Reaction Risk",
}
_NONE_KNOWN = {"system": SCT, "code": "716186003", "display": "No known allergy"}


def allergies(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """A concern act with its observations, or an observation alone."""
    if local(act) == "observation":
        return [_allergy(record, act, None, place)] if _is_allergy("SUBJ", act) else None
    found = [inner for kind, inner in relations(act) if _is_allergy(kind, inner)]
    if any(is_twice_negated(inner, act) for inner in found):
        return None
    return [_allergy(record, inner, act, place) for inner in found] or None


def _is_allergy(kind: str, inner: Element) -> bool:
    if local(inner) != "observation":
        return False
    bears = find(inner, "participant") is not None or find(inner, "value") is not None
    return _OBSERVATION in templates(inner) or (kind == "SUBJ" and bears)


def _allergy(record: Record, observation: Element, concern: Element | None, place: Place) -> JSON:
    owner = frame(record, "AllergyIntolerance", observation)
    wrong = is_nullified(observation, concern)
    negated = is_negated(record, observation) or (concern is not None and is_negated(record, concern))
    onset, end = _course(record, observation)
    value = find(observation, "value")
    kind = mapped(record, "cda_allergy_type", SCT, value, closed=False)
    category = mapped(record, "cda_allergy_category", SCT, value, closed=False)
    recorder, recorded = authorship(record, place, owner, observation, concern)
    criticality = related(observation, template=_CRITICALITY, code="82606-5")
    risk = mapped(record, "cda_criticality", _VALUE, find(criticality, "value"))
    members = present(
        clinicalStatus=None if wrong else _clinical(record, observation, concern, end),
        verificationStatus=_coded(VERIFICATION, "entered-in-error") if wrong else None,
        type=kind.code if kind else None,
        category=[category.code] if category else None,
        criticality=risk.code if risk else None,
        patient=record.subject,
        encounter=encounter_of(record, observation),
        recordedDate=recorded,
        recorder=person_only(recorder),
        reaction=_reactions(record, observation),
        note=notes(record, observation) + _severity_note(record, observation) + _ended(end),
    )
    content = owner | _substance(record, observation, value, negated) | members
    content |= {"onsetDateTime": onset} if onset else {}
    return record.add(content, record.key(observation, place.code, place.ordinal))


def _coded(system: str, code: str) -> JSON:
    return {"coding": [{"system": system, "code": code}]}


def _clinical(record: Record, observation: Element, concern: Element | None, end: str | None) -> JSON:
    """The status observation, else the concern act, else active: ait-1 demands a status, and caution does.

    What has ended by the time of the document is not active.
    """
    status = related(observation, template=_STATUS, code="33999-4")
    own = mapped(record, "cda_allergy_status", SCT, find(status, "value"))
    # The codes of that table are those of allergies too.
    target = own or mapped(record, "cda_concern_status", ACT_STATUS, find(concern, "statusCode"))
    code = target.code if target else "active"
    unknown_end = own is None and peek(find(observation, "effectiveTime/high"), "nullFlavor") == "UNK"
    if code == "active" and (unknown_end or (end and not _is_to_come(record, end))):
        code = "inactive"
    if own is None or own.code != code:
        record.assume(observation, "status")
    return _coded(CLINICAL, code)


def _is_to_come(record: Record, end: str) -> bool:
    return utc_key(end) > utc_key(record.document_time) > ""


def _course(record: Record, act: Element) -> tuple[str | None, str | None]:
    """(onset, end) of an allergy or a reaction."""
    effective = find(act, "effectiveTime")
    span = period(record, effective) or {}
    return time(record, effective) or span.get("start"), span.get("end")


def _ended(end: str | None) -> list[JSON]:
    """R4 has no element for when an allergy or a reaction ended: it is said in words."""
    return [{"text": f"Ended: {end}"}] if end else []


def _substance(record: Record, observation: Element, value: Element | None, negated: bool) -> JSON:
    """`code`, or what is known not to be a risk."""
    entity = find(observation, "participant/participantRole/playingEntity")
    code = find(entity, "code")
    named = concept(record, code)
    if named is None and entity is not None:
        words = string(record, find(entity, "name"))
        named = {"text": words} if words else None
    if not negated:
        stated = named or concept(record, value)
        return {"code": stated} if stated else {}
    if named is None:
        known = concept_map("cda_no_known_allergy").get((SCT, peek(value, "code")))
        if known:
            concept(record, value)
        return {"code": {"coding": [known.coding() if known else _NONE_KNOWN]}}
    absent = concept_map("cda_no_known_substance").get((SCT, peek(code, "code")))
    if absent:
        return {"code": {"coding": [absent.coding()]}}
    parts = [
        {"url": "substance", "valueCodeableConcept": named},
        {"url": "exposureRisk", "valueCodeableConcept": {"coding": [_NO_RISK]}},
    ]
    return {"extension": [{"url": _EXPOSURE, "extension": parts}]}


def _reactions(record: Record, observation: Element) -> list[JSON]:
    """Manifestations; a severity of the allergy itself goes to its only reaction."""
    found = [
        _reaction(record, inner)
        for kind, inner in relations(observation)
        if _REACTION in templates(inner) or (kind == "MFST" and local(inner) == "observation")
    ]
    if len(found) == 1 and "severity" not in found[0]:
        found[0] |= present(severity=_severity(record, observation))
    return found


def _reaction(record: Record, reaction: Element) -> JSON:
    value = find(reaction, "value")
    onset, end = _course(record, reaction)
    manifestation = required_concept(record, value)
    words = string(record, find(reaction, "text"))
    return present(
        manifestation=[manifestation],
        description=words if words and words != manifestation.get("text") else None,
        onset=onset,
        severity=_severity(record, reaction),
        note=_ended(end),
    )


def _severity_note(record: Record, observation: Element) -> list[JSON]:
    """A severity of the allergy that went to no reaction has no element in R4: it is said in words."""
    value = find(related(observation, template=_SEVERITY, code="SEV"), "value")
    if value is None or not record.doc.is_open(value, "code"):
        return []
    stated = concept(record, value) or {}
    words = stated.get("text") or next((c.get("display") for c in stated.get("coding", [])), None)
    return [{"text": f"Severity: {words}"}] if words else []


def _severity(record: Record, act: Element) -> str | None:
    severity = related(act, template=_SEVERITY, code="SEV")
    target = mapped(record, "cda_severity", SCT, find(severity, "value"), closed=False)
    return target.code if target else None
