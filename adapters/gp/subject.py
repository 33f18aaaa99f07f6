"""Whose record an answer is, before anything of it enters one (normalisation.md 5)."""

from collections.abc import Iterable, Iterator
from typing import Any

from adapters.identity import NHS_NUMBER, is_national
from adapters.interface import Identifier
from adapters.terminology.tables import concept_map

_ABOUT = ("subject", "patient", "beneficiary")
"""Members by which a resource says whose it is."""


def patients(resources: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [resource for resource in resources if resource.get("resourceType") == "Patient"]


def identifiers_of(patient: dict[str, Any]) -> frozenset[tuple[str, str]]:
    """(system, value) of each identifier of a Patient, national numbers without blanks."""
    return frozenset(_pairs(patient.get("identifier")))


def is_somebody_else(resources: list[dict[str, Any]], asked: tuple[Identifier, ...]) -> bool:
    """Whether an answer speaks of anybody but the person asked for. Nothing asked: nothing to contradict.

    Every Patient must carry one of the identifiers asked for, and none of its own may contradict one; an
    NHS number stated for a subject counts as much as one in a Patient.
    """
    if not asked:
        return False
    wanted = {(i.system, _plain(i.system, i.value)) for i in asked}
    systems = {system for system, _ in wanted}
    for patient in patients(resources):
        mine = identifiers_of(patient)
        if not mine & wanted or _contradicts(mine, wanted, systems):
            return True
    return any(_contradicts(named, wanted, systems) for named in _named_subjects(resources))


def patient_references(resources: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """All words by which resources refer to a Patient as their subject, in their order, each once."""
    found: dict[str, None] = {}
    for resource in resources:
        for name in _ABOUT:
            target = resource.get(name)
            words = target.get("reference") if isinstance(target, dict) else None
            if isinstance(words, str) and "Patient" in words.split("/"):
                found[words.strip()] = None
    return tuple(found)


def _contradicts(mine: frozenset[tuple[str, str]], wanted: set[tuple[str, str]], systems: set[str]) -> bool:
    """A person has one national number: another one of a system asked for is another person."""
    return any(pair[0] in systems and is_national(pair[0]) and pair not in wanted for pair in mine)


def _named_subjects(resources: Iterable[dict[str, Any]]) -> Iterator[frozenset[tuple[str, str]]]:
    for resource in resources:
        for name in _ABOUT:
            target = resource.get(name)
            if isinstance(target, dict) and isinstance(target.get("identifier"), dict):
                yield frozenset(_pairs([target["identifier"]]))


def _pairs(identifiers: Any) -> Iterator[tuple[str, str]]:
    for entry in identifiers if isinstance(identifiers, list) else ():
        if not isinstance(entry, dict):
            continue
        system, value = entry.get("system"), entry.get("value")
        if isinstance(system, str) and isinstance(value, str):
            known = concept_map("stu3_systems").get(("", system.strip()))
            today = known.system if known else system.strip()
            yield today, _plain(today, value)


def _plain(system: str, value: str) -> str:
    return value.replace(" ", "").replace("-", "") if system == NHS_NUMBER else value.strip()
