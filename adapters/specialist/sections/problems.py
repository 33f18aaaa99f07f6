"""Problems and diagnoses: one Condition for each Problem Observation (C-CDA on FHIR, CF Problem)."""

from typing import Any

from adapters.specialist.markup import Element, find, local, peek, templates
from adapters.specialist.quantities import aged, period, time
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import (
    SCT,
    Place,
    authorship,
    encounter_of,
    frame,
    is_denied,
    is_negated,
    is_nullified,
    is_twice_negated,
    notes,
    person_only,
    related,
    relations,
)
from adapters.specialist.sections.observations import concepts
from adapters.specialist.sections.observations import observation as finding
from adapters.specialist.values import (
    ACT_STATUS,
    absent,
    concept,
    flavor_reason,
    mapped,
    present,
    required_concept,
)
from adapters.terminology.tables import concept_map

JSON = dict[str, Any]
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_OBSERVATION = "2.16.840.1.113883.10.20.22.4.4"
_STATUS = "2.16.840.1.113883.10.20.22.4.6"
_SEVERITY = "2.16.840.1.113883.10.20.22.4.8"
_AGE = "2.16.840.1.113883.10.20.22.4.31"
_HEALTH = "2.16.840.1.113883.10.20.22.4.5"
_DIAGNOSED = "2.16.840.1.113883.10.20.22.4.502"
_ASSERTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
_ENDED = frozenset({"inactive", "resolved", "remission"})
_NO_PROBLEM = {"system": SCT, "code": "160245001", "display": "No current problems or disability"}


def problems(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """A concern or diagnosis act with its observations, or one alone; each with its health status."""
    if local(act) == "observation":
        return _stated(record, act, None, place) if find(act, "value") is not None else None
    found = [inner for kind, inner in relations(act) if _is_problem(kind, inner)]
    if any(is_twice_negated(inner, act) for inner in found):
        return None
    return [one for inner in found for one in _stated(record, inner, act, place)] or None


def _is_problem(kind: str, inner: Element) -> bool:
    if local(inner) != "observation":
        return False
    return _OBSERVATION in templates(inner) or (kind == "SUBJ" and find(inner, "value") is not None)


def _stated(record: Record, act: Element, concern: Element | None, place: Place) -> list[JSON]:
    """A Condition, and how the patient is in respect of it as an Observation that points at it."""
    condition = _condition(record, act, concern, place)
    health = related(act, template=_HEALTH, code="11323-3")
    told = health is not None and find(health, "value") is not None and not is_denied(health)
    if health is None or not told or is_denied(act) or is_nullified(act, concern):
        return [condition]
    return [condition, finding(record, health, place, None, [condition])]


def _condition(record: Record, observation: Element, concern: Element | None, place: Place) -> JSON:
    owner = frame(record, "Condition", observation)
    negated = is_negated(record, observation) or (concern is not None and is_negated(record, concern))
    wrong = is_nullified(observation, concern)
    code, refuted = _code(record, find(observation, "value"), negated)
    doubted = "provisional" if _is_doubted(record, observation) else None
    onset, abatement = _course(record, observation)
    clinical = None if wrong else _clinical(record, observation, concern, bool(abatement))
    recorder, recorded = authorship(record, place, owner, observation, concern)
    severity = related(observation, template=_SEVERITY, code="SEV")
    diagnosed = time(record, find(related(observation, template=_DIAGNOSED, code="77975-1"), "effectiveTime"))
    members = present(
        extension=[{"url": _ASSERTED, "valueDateTime": diagnosed}] if diagnosed else None,
        clinicalStatus=_status(CLINICAL, clinical),
        verificationStatus=_status(VERIFICATION, "entered-in-error" if wrong else refuted or doubted),
        category=_category(record, observation, place),
        severity=concept(record, find(severity, "value")),
        code=code,
        bodySite=concepts(record, observation, "targetSiteCode"),
        subject=record.subject,
        encounter=encounter_of(record, observation),
        recordedDate=recorded,
        recorder=person_only(recorder),
        note=notes(record, observation),
    )
    key = record.key(observation, place.code, place.ordinal)
    return record.add(owner | members | onset | abatement, key)


def _status(system: str, code: str | None) -> JSON | None:
    return {"coding": [{"system": system, "code": code}]} if code else None


def _code(record: Record, value: Element | None, negated: bool) -> tuple[JSON, str | None]:
    """(code, verification): a negated "Problem" is the coded absence, any other negation refutes."""
    code = required_concept(record, value)
    if not negated:
        return code, None
    unsaid = not code.keys() & {"coding", "text"} and "OTH" not in (
        peek(value, "nullFlavor"),
        peek(value, "code"),
    )
    if peek(value, "code") == "55607006" or unsaid:
        return {"coding": [_NO_PROBLEM]} | present(text=code.get("text")), None
    return code, "refuted"


def _is_doubted(record: Record, observation: Element) -> bool:
    """uncertaintyCode U (v3-ActUncertainty): stated with doubt; any other value stays for the ledger."""
    doubt = find(observation, "uncertaintyCode")
    return peek(doubt, "code") == "U" and record.doc.get(doubt, "code") == "U"


def _course(record: Record, observation: Element) -> tuple[JSON, JSON]:
    """Onset and abatement; an end that is known to be without a known date is a data-absent-reason."""
    effective = find(observation, "effectiveTime")
    span = period(record, effective) or {}
    start = span.get("start") or time(record, effective)
    onset = {"onsetDateTime": start} if start else {}
    age = aged(record, find(related(observation, template=_AGE, code="445518008"), "value"), "onset")
    onset = onset or age
    high = find(effective, "high")
    if span.get("end"):
        return onset, {"abatementDateTime": span["end"]}
    if high is not None and peek(high, "nullFlavor") and flavor_reason(high) != "not-applicable":
        return onset, {"_abatementDateTime": absent(record, high)}
    return onset, {}


def _clinical(record: Record, observation: Element, concern: Element | None, ended: bool) -> str | None:
    """The status observation, else the concern act; one that has ended is not active (con-4)."""
    own = mapped(
        record,
        "cda_problem_status",
        SCT,
        find(related(observation, template=_STATUS, code="33999-4"), "value"),
    )
    target = own or mapped(record, "cda_concern_status", ACT_STATUS, find(concern, "statusCode"))
    if ended and (target is None or target.code not in _ENDED):
        record.assume(observation, "status")
        return "inactive"
    return target.code if target else None


def _category(record: Record, observation: Element, place: Place) -> list[JSON]:
    """Which list it stands in, and what kind of problem the source calls it."""
    target = concept_map("cda_problem_category").get(("http://loinc.org", place.code))
    found: list[JSON] = [{"coding": [target.coding()]}] if target else []
    code = find(observation, "code")
    kind = concept(record, code) if peek(code, "code") != "ASSERTION" else None
    return found + ([kind] if kind else [])
