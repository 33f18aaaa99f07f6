"""Family history: one FamilyMemberHistory for each relative, with what the relative had.

No guide maps these. A denied condition ("the father had no asthma") has no place in R4 and is kept as it
came: it must never read as a condition that was there.
"""

from typing import Any

from adapters.specialist.markup import Element, find, local, peek, templates
from adapters.specialist.patient import GENDER
from adapters.specialist.quantities import aged, day, time, when
from adapters.specialist.record import Record, sdtc
from adapters.specialist.sections.acts import Place, frame, is_negated, members, notes, related, relations
from adapters.specialist.sections.kept import keep
from adapters.specialist.sections.observed import kind_of
from adapters.specialist.values import ACT_STATUS, concept, mapped, present, required_concept, string

JSON = dict[str, Any]
_DEATH = "2.16.840.1.113883.10.20.22.4.47"
_AGE = "2.16.840.1.113883.10.20.22.4.31"
_AGE_CODE = "445518008"
_SECTION = "10157-6"
_ORGANIZER = "2.16.840.1.113883.10.20.22.4.45"
_PROBLEMS = frozenset({"2.16.840.1.113883.10.20.22.4.4", "2.16.840.1.113883.10.20.22.4.46"})
_KINDS = frozenset("55607006 64572001 282291009 404684003 418799008 409586006 248536006 29308-4".split())
"""Kinds of problem (value set Problem Type): the value of such an observation is what somebody has."""
_CODED = frozenset({"CD", "CE", "CV", "CO", "CS", "ST", "ED", ""})
_ADMINISTRATIVE = "http://hl7.org/fhir/administrative-gender"


def families(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """An organizer about one relative, or one condition of a relative, in whichever section it stands.

    What is measured of a relative is no condition, and is kept.
    """
    relative = find(act, "subject/relatedSubject")
    if relative is None or not _is_family(act, place):
        return None
    stated = [m for m in members(act) if local(m) == "observation"] if local(act) == "organizer" else [act]
    told = [m for m in stated if _is_coded(m) and not is_negated(record, m)]
    if not told and stated == [act]:
        return None
    owner = frame(record, "FamilyMemberHistory", act)
    conditions = [_condition(record, m) for m in told]
    content = present(
        status=_status(record, act),
        patient=record.subject,
        date=time(record, find(act, "effectiveTime")) if stated != [act] else None,
        relationship=required_concept(record, find(relative, "code")),
        condition=conditions,
        note=notes(record, act) if stated != [act] else None,
    )
    content |= _person(record, find(relative, "subject")) | _death(record, relative, told)
    key = record.key(act, place.code, place.ordinal)
    return [record.add(owner | content, key), *(keep(record, m, place) for m in stated if m not in told)]


def _is_family(act: Element, place: Place) -> bool:
    """Whether an act is of the shape of this section, or, elsewhere, states a problem and no result."""
    if place.code == _SECTION or _ORGANIZER in templates(act):
        return local(act) in ("organizer", "observation")
    stated = bool(templates(act) & _PROBLEMS) or peek(find(act, "code"), "code") in _KINDS
    return stated and local(act) == "observation"


def _is_coded(observation: Element) -> bool:
    """Whether its value is a code or words; a number is no condition."""
    value = find(observation, "value")
    return value is None or kind_of(value) in _CODED


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
        age = aged(record, find(related(death, template=_AGE, code=_AGE_CODE), "value"), "deceased")
        if age:
            return age
    flag = record.doc.get(sdtc(subject, "deceasedInd"), "value")
    if flag in ("true", "false") and not died:
        return {"deceasedBoolean": flag == "true"}
    return {"deceasedBoolean": True} if died else {}


def _condition(record: Record, observation: Element) -> JSON:
    age = aged(record, find(related(observation, template=_AGE, code=_AGE_CODE), "value"), "onset")
    onset = age or when(record, find(observation, "effectiveTime"), "onset")
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
