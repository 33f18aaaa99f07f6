"""The person herself, her proxies, and minors (consent.md 10): she is asked for by no one's leave but the
law's.
"""

from calendar import isleap
from collections.abc import Sequence
from datetime import UTC, date, datetime

from consent.directory import Directory, Proxy
from consent.facts import Facts
from consent.floor import FloorPack
from consent.instants import Micros, datetime_from_micros, interval, micros
from consent.vocabulary import purpose_under, sensitivity_under

_ELDEST = 16
"""No pack lets a parental right last beyond this age."""


def refusal_of_person(
    person: str, purpose: str, at: Micros, facts: Facts, directory: Directory, floor: FloorPack
) -> str | None:
    """Why she may not see it (an L0 code), or None. Every patient named must be herself or one she stands
    for.
    """
    if not purpose_under(purpose, ("PATRQT",)):
        return "proxy-not-authorised"
    others = [patient for patient in facts.patients if patient != person]
    found = [_refusal(person, patient, at, facts, directory, floor) for patient in others]
    for code in ("proxy-not-authorised", "proxy-suspended-age", "proxy-excluded-label"):
        if code in found:
            return code
    return None


def _refusal(
    person: str, patient: str, at: Micros, facts: Facts, directory: Directory, floor: FloorPack
) -> str | None:
    age = age_in_years(directory.births.get(patient), at)
    held = [
        right
        for right in directory.proxies
        if right.proxy == person and right.patient == patient and right.current("view", at)
    ]
    if not held:
        return "proxy-not-authorised"
    live = [right for right in held if _old_enough(right, age, floor.parental_until)]
    if not live:
        return "proxy-suspended-age" if age is not None else "proxy-not-authorised"
    free = any(not _excluded(right, age, facts.labels.sensitivities, floor) for right in live)
    return None if free else "proxy-excluded-label"


def _old_enough(right: Proxy, age: int | None, parental_until: int) -> bool:
    """A parental right needs a child whose age is known and below the limit."""
    return right.kind != "parental" or (age is not None and age < min(parental_until, _ELDEST))


def _excluded(right: Proxy, age: int | None, sensitivities: Sequence[str], floor: FloorPack) -> bool:
    listed = right.exclude_labels
    if listed is None:
        adolescent = right.kind == "parental" and age is not None and age >= 11
        listed = floor.adolescent_exclude if adolescent else frozenset()
    return any(sensitivity_under(code, listed) for code in sensitivities)


def may_consent(proxy: str, patient: str, at: Micros, directory: Directory, parental_until: int) -> bool:
    """Whether this proxy could consent for the patient at that instant."""
    age = age_in_years(directory.births.get(patient), at)
    return any(
        right.proxy == proxy
        and right.patient == patient
        and right.current("consent", at)
        and _old_enough(right, age, parental_until)
        for right in directory.proxies
    )


def comes_of_age(birth: str | None, parental_until: int) -> Micros | None:
    """The first instant at which a parental right no longer holds; None for a birth that is no known date."""
    span = interval(birth) if birth else None
    if span is None:
        return None
    born = datetime_from_micros(span[0]).astimezone(UTC).date()
    year = born.year + min(parental_until, _ELDEST)
    if year > date.max.year:
        return None
    leap = (born.month, born.day) == (2, 29) and not isleap(year)
    day = date(year, 3, 1) if leap else born.replace(year=year)
    return micros(datetime(day.year, day.month, day.day, tzinfo=UTC))


def age_in_years(birth: str | None, at: Micros) -> int | None:
    """Completed years; a partial birth date counts from its first day, an unknown or future one is None."""
    span = interval(birth) if birth else None
    if span is None:
        return None
    born = datetime_from_micros(span[0]).astimezone(UTC).date()
    today: date = datetime_from_micros(at).astimezone(UTC).date()
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return age if age >= 0 else None
