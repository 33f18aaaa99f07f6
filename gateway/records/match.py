"""Whether two Patient resources are one person, by rule (normalisation.md 9b, points 1 and 3). Pure.

Certain, by rule only:
1. `national-number`: the same valid, verified national number, no veto, the birth date equal or one part off,
   and a family or given name in common;
2. `same-source`: the same identifier of the same authority within one source, no veto.
Vetoes beat both. Nothing else is ever linked: what shares a number without being certain is `possible`, for a
person to decide; `score.py` grades the rest, and never as certain.

An identifier that states no verification status counts as verified: the source that issued it as the
patient's own number says so. One that states another status than "present and verified" does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from rapidfuzz.distance import JaroWinkler

from adapters.interface import Identifier
from gateway.records.features import Features as Features
from gateway.records.features import Named as Named
from gateway.records.features import features_from_patient as features_from_patient
from gateway.records.features import is_placeholder as is_placeholder
from gateway.records.features import links as links

Grade = Literal["certain", "probable", "possible", "certainly-not"]
Veto = Literal[
    "two-national-numbers",
    "birth-date-two-parts-and-name",
    "twins",
    "sex-and-given-name",
    "deceased-then-active",
    "placeholder",
    "merged-away",
]
VETOES: Mapping[Veto, Grade] = {
    "two-national-numbers": "certainly-not",
    "birth-date-two-parts-and-name": "certainly-not",
    "twins": "certainly-not",
    "sex-and-given-name": "possible",
    "deceased-then-active": "possible",
    "placeholder": "possible",
    "merged-away": "possible",
}
"""The highest grade that is left under each veto; the first that applies counts."""
NO_CONTRADICTION = frozenset(("merged-away",))
"""Vetoes that keep a record out of a group without speaking against the group."""
CLOSE = 0.92
"""Jaro-Winkler similarity from which two names are spellings of one."""

_PLACEHOLDER_NAMES = frozenset("unknown unk baby babyof newborn notknown unidentified anonymous".split())
_PLACEHOLDER_BIRTH = "1900-01-01"


@dataclass(frozen=True, slots=True)
class Match:
    """How two sets of features compare. `grade` None: no statement, nothing in common."""

    grade: Grade | None
    reason: str
    fields: Mapping[str, str]
    veto: Veto | None = None


def compare(a: Features, b: Features, *, allow_test_patients: bool = False) -> Match:
    """Grade two Patients by rule. Symmetric."""
    national = shared_numbers(a, b, allow_test_patients)
    local = a.source == b.source and bool(_live(a) & _live(b))
    fields = {
        "identifier": "equal" if national or local else "missing",
        "birthDate": _births(a.birth, b.birth),
        "family": _names(a.family, b.family),
        "given": _names(a.given, b.given),
    }
    veto = _veto(a, b, fields, allow_test_patients)
    if veto:
        return Match(VETOES[veto], veto, fields, veto)
    if local:
        return Match("certain", "same-source", fields)
    named = "equal" in (fields["family"], fields["given"])
    if national and named and fields["birthDate"] in ("equal", "one-part"):
        return Match("certain", "national-number", fields)
    return Match("possible" if national else None, "number-alone" if national else "nothing-shared", fields)


def is_somebody_else(held: Features, said: Features) -> bool:
    """Whether what a source says of one record of its own cannot be the person that it said before.

    No name in common and a birth date off in two parts or more. What stood for nobody may become anybody.
    """
    if _stands_for_nobody(held) or _stands_for_nobody(said):
        return False
    names = {_names(held.family, said.family), _names(held.given, said.given)}
    return names == {"differing"} and _births(held.birth, said.birth) == "two-parts"


def has_another_number(held: Features, said: Features) -> bool:
    """Whether a record that bore one national number now bears another of the same kind."""
    before, now = _national(held, True), _national(said, True)
    return any(a.system == b.system and a.value != b.value for a in before for b in now) and not before & now


def shared_numbers(a: Features, b: Features, allow_test: bool) -> set[Identifier]:
    """National numbers that both have and that may link."""
    return _national(a, allow_test) & _national(b, allow_test)


def are_close(a: frozenset[str], b: frozenset[str]) -> bool:
    """Whether any name of one is a spelling, an initial or a short form of a name of the other."""
    return any(_is_spelling(*sorted((x, y), key=lambda name: (len(name), name))) for x in a for y in b)


def _is_spelling(short: str, long: str) -> bool:
    return long.startswith(short) or JaroWinkler.similarity(short, long) >= CLOSE


def _veto(a: Features, b: Features, fields: Mapping[str, str], allow_test: bool) -> Veto | None:
    ours, theirs = _national(a, allow_test), _national(b, allow_test)
    # A number that one of them lists as a former one is no contradiction to the other that still bears it.
    shared = _national(a, allow_test, former=True) & _national(b, allow_test, former=True)
    for system in {n.system for n in ours} & {n.system for n in theirs}:
        if not any(n.system == system for n in shared):
            return "two-national-numbers"
    if fields["birthDate"] == "two-parts" and "differing" in (fields["family"], fields["given"]):
        return "birth-date-two-parts-and-name"
    if fields["given"] == "differing" and not are_close(a.given, b.given):
        if _are_twins(a, b, fields, bool(ours & theirs)):
            return "twins"
        if {a.gender, b.gender} == {"male", "female"}:
            return "sex-and-given-name"
    if _lives_after_death(a, b) or _lives_after_death(b, a):
        return "deceased-then-active"
    if _stands_for_nobody(a) or _stands_for_nobody(b):
        return "placeholder"
    if (a.replaced or b.replaced) and a.source != b.source:
        return "merged-away"
    return None


def _are_twins(a: Features, b: Features, fields: Mapping[str, str], same_number: bool) -> bool:
    """Same family, day of birth and home, another given name.

    Where both bear one national number that is a nickname far more often than a twin under the other's
    number, so then one of them must say that it was a multiple birth.
    """
    alike = fields["family"] == fields["birthDate"] == "equal" and len(a.birth) == len(b.birth) == 10
    stated = {a.multiple, b.multiple}
    likely = True in stated if same_number else False not in stated or True in stated
    return alike and likely and bool(a.homes & b.homes)


def _lives_after_death(dead: Features, living: Features) -> bool:
    return bool(dead.died and living.alive) and dead.died < living.alive


def _stands_for_nobody(one: Features) -> bool:
    return one.birth == _PLACEHOLDER_BIRTH or bool((one.family | one.given) & _PLACEHOLDER_NAMES)


def _national(one: Features, allow_test: bool, *, former: bool = False) -> set[Identifier]:
    named = (replace(n, live=True) if former else n for n in one.identifiers)
    return {n.identifier for n in named if links(n, allow_test_patients=allow_test)}


def _live(one: Features) -> set[Identifier]:
    return {n.identifier for n in one.identifiers if n.live and not is_placeholder(n.identifier)}


def _births(a: str, b: str) -> str:
    """`equal` at the coarser precision, `one-part`, `two-parts`, or `missing`."""
    if not a or not b:
        return "missing"
    pairs = list(zip(a.split("-"), b.split("-"), strict=False))
    off = sum(x != y for x, y in pairs)
    if off == len(pairs):
        return "two-parts"  # a lone year that differs agrees in nothing
    return ("equal", "one-part", "two-parts", "two-parts")[min(off, 3)]


def _names(a: frozenset[str], b: frozenset[str]) -> str:
    if not a or not b:
        return "missing"
    return "equal" if a & b else "differing"
