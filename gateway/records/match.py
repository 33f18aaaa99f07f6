"""Whether two Patient resources are one person (normalisation.md 9b). Pure.

Certain, by rule only:
1. `national-number`: the same valid, verified national number, no veto, the birth date equal or one part off,
   and a family or given name in common;
2. `same-source`: the same identifier of the same authority within one source, no veto.
Vetoes beat both. Nothing else is ever linked: what shares a number without being certain is `possible`, for a
person to decide.

An identifier that states no verification status counts as verified: the source that issued it as the
patient's own number says so. One that states another status than "present and verified" does not.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from adapters.identity import (
    CHI_NUMBER,
    HSC_NUMBER,
    NHI_NUMBER,
    NHS_NUMBER,
    check_digit_holds,
    is_national,
)
from adapters.interface import Identifier

Grade = Literal["certain", "possible", "certainly-not"]
Veto = Literal["two-national-numbers", "birth-date-two-parts-and-name", "placeholder"]

_TEST_RANGES = {
    NHS_NUMBER: re.compile(r"999"),
    CHI_NUMBER: re.compile(r"999"),
    HSC_NUMBER: re.compile(r"999"),
    NHI_NUMBER: re.compile(r"Z"),
}
_PLACEHOLDER_NAMES = frozenset("unknown unk baby babyof newborn notknown unidentified anonymous".split())
_PLACEHOLDER_BIRTH = "1900-01-01"
_VERIFIED_EXTENSION = "NHSNumberVerificationStatus"
_VERIFIED_CODES = frozenset(("01", "number-present-and-verified"))


@dataclass(frozen=True, slots=True)
class Named:
    """An identifier as far as matching cares. `live`: of a use that may link (neither `old` nor `temp`)."""

    system: str
    value: str
    verified: bool = True
    live: bool = True

    @property
    def identifier(self) -> Identifier:
        return Identifier(self.system, self.value)


@dataclass(frozen=True, slots=True)
class Features:
    """What matching knows of one Patient resource. Names are folded; `birth` at its own precision."""

    source: str
    identifiers: tuple[Named, ...]
    family: frozenset[str]
    given: frozenset[str]
    birth: str


@dataclass(frozen=True, slots=True)
class Match:
    """How two sets of features compare. `grade` None: no statement, nothing in common."""

    grade: Grade | None
    reason: str
    fields: Mapping[str, str]
    veto: Veto | None = None


def features_from_patient(patient: Mapping[str, Any], *, custodian: str, source: str) -> Features:
    """Features of a FHIR R4 Patient. Never raises on data: what has a wrong shape is not there."""
    names = [name for name in _list(patient.get("name")) if isinstance(name, Mapping)]
    birth = patient.get("birthDate")
    return Features(
        source=f"{custodian}\x1f{source}",
        identifiers=tuple(dict.fromkeys(_named(patient.get("identifier")))),
        family=_folded(name.get("family") for name in names),
        given=_folded(given for name in names for given in _list(name.get("given"))),
        birth=birth if isinstance(birth, str) else "",
    )


def links(identifier: Named, *, allow_test_patients: bool) -> bool:
    """Whether this identifier may link records of different sources: national, valid, verified, in use."""
    system, value = identifier.system, identifier.value
    return (
        identifier.live
        and identifier.verified
        and is_national(system)
        and check_digit_holds(system, value) is True
        and not is_placeholder(identifier.identifier)
        and (allow_test_patients or system not in _TEST_RANGES or not _TEST_RANGES[system].match(value))
    )


def is_placeholder(identifier: Identifier) -> bool:
    """A value that stands for "no number": one character repeated four times or more, or none at all."""
    characters = re.sub(r"[\s-]", "", identifier.value)
    return not characters or (len(characters) >= 4 and len(set(characters)) == 1)


def compare(a: Features, b: Features, *, allow_test_patients: bool = False) -> Match:
    """Grade two Patients. Symmetric."""
    national = _national(a, allow_test_patients) & _national(b, allow_test_patients)
    local = a.source == b.source and bool(_live(a) & _live(b))
    fields = {
        "identifier": "equal" if national or local else "missing",
        "birthDate": _births(a.birth, b.birth),
        "family": _names(a.family, b.family),
        "given": _names(a.given, b.given),
    }
    veto = _veto(a, b, fields, allow_test_patients)
    if veto:
        return Match("possible" if veto == "placeholder" else "certainly-not", veto, fields, veto)
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


def partition(people: Sequence[Features], *, allow_test_patients: bool = False) -> list[list[int]]:
    """Groups of indexes that are one person each: joined by certain matches, however far.

    A group in which any two are vetoed is no group: each stands alone until a person decides. So the result
    depends on who is there, never on who came first.
    """
    group = list(range(len(people)))
    vetoed: list[tuple[int, int]] = []
    for i, one in enumerate(people):
        for j in range(i):
            found = compare(one, people[j], allow_test_patients=allow_test_patients)
            if found.grade == "certain":
                old, new = group[i], group[j]
                group = [new if label == old else label for label in group]
            elif found.veto:
                vetoed.append((i, j))
    broken = {group[i] for i, j in vetoed if group[i] == group[j]}
    groups: dict[tuple[int, int], list[int]] = {}
    for i, label in enumerate(group):
        groups.setdefault((label, i if label in broken else -1), []).append(i)
    return list(groups.values())


def _veto(a: Features, b: Features, fields: Mapping[str, str], allow_test: bool) -> Veto | None:
    ours, theirs = _national(a, allow_test), _national(b, allow_test)
    for system in {n.system for n in ours} & {n.system for n in theirs}:
        if not any(n.system == system for n in ours & theirs):
            return "two-national-numbers"
    if fields["birthDate"] == "two-parts" and "differing" in (fields["family"], fields["given"]):
        return "birth-date-two-parts-and-name"
    if _stands_for_nobody(a) or _stands_for_nobody(b):
        return "placeholder"
    return None


def _stands_for_nobody(one: Features) -> bool:
    return one.birth == _PLACEHOLDER_BIRTH or bool((one.family | one.given) & _PLACEHOLDER_NAMES)


def _national(one: Features, allow_test: bool) -> set[Identifier]:
    return {n.identifier for n in one.identifiers if links(n, allow_test_patients=allow_test)}


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


def _named(value: Any) -> Iterable[Named]:
    for item in _list(value):
        if not isinstance(item, Mapping):
            continue
        system, number = item.get("system"), item.get("value")
        if isinstance(system, str) and isinstance(number, str) and system and number:
            yield Named(system, number, _verified(item), item.get("use") not in ("old", "temp"))


def _verified(identifier: Mapping[str, Any]) -> bool:
    for extension in _list(identifier.get("extension")):
        if not isinstance(extension, Mapping) or _VERIFIED_EXTENSION not in str(extension.get("url")):
            continue
        concept = extension.get("valueCodeableConcept")
        codings = _list(concept.get("coding")) if isinstance(concept, Mapping) else []
        return any(isinstance(c, Mapping) and c.get("code") in _VERIFIED_CODES for c in codings)
    return True


def _folded(names: Iterable[Any]) -> frozenset[str]:
    """NFKD, case-folded, marks and punctuation dropped."""
    found = set()
    for name in names:
        if isinstance(name, str):
            plain = unicodedata.normalize("NFKD", name).casefold()
            found.add("".join(c for c in plain if unicodedata.category(c)[0] in "LN"))
    return frozenset(found - {""})


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
