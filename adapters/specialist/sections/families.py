"""Family history: one FamilyMemberHistory for each relative, with what the relative had.

No guide maps these. A denied condition ("the father had no asthma") has no place in R4 and is kept as it
came: it must never read as a condition that was there.
"""

from typing import Any

from adapters.specialist.markup import Element, find, local, templates
from adapters.specialist.patient import GENDER
from adapters.specialist.quantities import day, quantity, time, when
from adapters.specialist.record import Record, sdtc
from adapters.specialist.sections.acts import Place, frame, is_negated, members, notes, related, relations
from adapters.specialist.sections.kept import keep
from adapters.specialist.values import ACT_STATUS, concept, mapped, present, required_concept, string

JSON = dict[str, Any]
_DEATH = "2.16.840.1.113883.10.20.22.4.47"
_AGE = "2.16.840.1.113883.10.20.22.4.31"
_AGE_CODE = "445518008"
_ADMINISTRATIVE = "http://hl7.org/fhir/administrative-gender"


def families(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """An organizer about one relative."""
    relative = find(act, "subject/relatedSubject")
    if local(act) != "organizer" or relative is None:
        return None
    owner = frame(record, "FamilyMemberHistory", act)
    stated = [m for m in members(act) if local(m) == "observation"]
    denied = [m for m in stated if is_negated(record, m)]
    conditions = [_condition(record, m) for m in stated if m not in denied]
    content = present(
        status=_status(record, act),
        patient=record.subject,
        date=time(record, find(act, "effectiveTime")),
        relationship=required_concept(record, find(relative, "code")),
        condition=conditions,
        note=notes(record, act),
    )
    content |= _person(record, find(relative, "subject")) | _death(record, relative, stated)
    key = record.key(act, place.code, place.ordinal)
    return [record.add(owner | content, key), *(keep(record, m, place) for m in denied)]


def _status(record: Record, act: Element) -> str:
    target = mapped(record, "cda_family_status", ACT_STATUS, find(act, "statusCode"))
    if target is None:
        record.assume(act, "status")
    return target.code if target else "health-unknown"


def _person(record: Record, subject: Element | None) -> JSON:
    gender = mapped(record, "cda_gender", GENDER, find(subject, "administrativeGenderCode"))
    sex = {"coding": [{"system": _ADMINISTRATIVE, "code": gender.code}]} if gender else None
    names = " ".join((string(record, find(subject, "name")) or "").split())
    return present(name=names, sex=sex, bornDate=day(record, find(subject, "birthTime")))


def _death(record: Record, relative: Element, stated: list[Element]) -> JSON:
    """Dead when, at which age, or merely dead; a death observation of a condition says so too."""
    subject = find(relative, "subject")
    on = day(record, sdtc(subject, "deceasedTime"))
    if on:
        return {"deceasedDate": on}
    died = [d for d in (related(m, template=_DEATH) for m in stated) if d is not None]
    for death in died:
        age = quantity(record, find(related(death, template=_AGE, code=_AGE_CODE), "value"))
        if age:
            return {"deceasedAge": age}
    flag = record.doc.get(sdtc(subject, "deceasedInd"), "value")
    if flag in ("true", "false") and not died:
        return {"deceasedBoolean": flag == "true"}
    return {"deceasedBoolean": True} if died else {}


def _condition(record: Record, observation: Element) -> JSON:
    age = quantity(record, find(related(observation, template=_AGE, code=_AGE_CODE), "value"))
    onset = {"onsetAge": age} if age else when(record, find(observation, "effectiveTime"), "onset")
    if "onsetDateTime" in onset:
        onset = {"onsetString": onset["onsetDateTime"]}
    fatal = any(_DEATH in templates(inner) for _, inner in relations(observation))
    for _, inner in relations(observation):
        if _DEATH in templates(inner):
            concept(record, find(inner, "value"))
    return (
        present(
            code=required_concept(record, find(observation, "value")),
            contributedToDeath=True if fatal else None,
            note=notes(record, observation),
        )
        | onset
    )
