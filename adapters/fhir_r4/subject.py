"""Whose record an answer is, before anything of it enters one (normalisation.md 6)."""

from collections.abc import Iterable, Iterator

from adapters.fhir_r4.record import JSON, Entry
from adapters.identity import is_national, national_number
from adapters.interface import Identifier
from adapters.reading import as_list
from adapters.terminology.tables import system_from_oid

ABOUT = ("subject", "patient", "beneficiary")
"""Members by which a resource says whose it is."""
Pair = tuple[str, str]


def patients(found: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in found if entry.type == "Patient"]


def is_somebody_else(found: list[Entry], asked: tuple[Identifier, ...]) -> bool:
    """Whether an answer speaks of anybody but the person asked for. Nothing asked: nothing to contradict.

    Every Patient must bear an identifier that was asked for and none that contradicts one, and every
    resource about a patient must be about one that is there.
    """
    if not asked:
        return False
    wanted = {pair_of(one.system, one.value) for one in asked}
    systems = {system for system, _ in wanted if is_national(system)}
    mine = patients(found)
    for patient in mine:
        pairs = set(_pairs(patient.resource.get("identifier")))
        if not pairs & wanted or _contradicts(pairs, wanted, systems):
            return True
    known = {name for patient in mine for name in (patient.name, patient.full_url) if name}
    return any(
        (words and words not in known and _tail(words) not in known) or _contradicts(pairs, wanted, systems)
        for words, pairs in _subjects(found)
    )


def patient_references(found: Iterable[Entry]) -> tuple[str, ...]:
    """All words by which resources refer to a Patient, in their order, each once."""
    return tuple(dict.fromkeys(words for words, _ in _subjects(found) if words))


def pair_of(system: str, value: str) -> Pair:
    """An identifier as it is compared: known OIDs as their URI, national numbers without blanks."""
    uri = system_from_oid(system.removeprefix("urn:oid:")) if system.startswith("urn:oid:") else system
    return uri, national_number(uri, value) or value.strip()


def _tail(words: str) -> str:
    return "/".join(words.split("/")[-2:])


def _subjects(found: Iterable[Entry]) -> Iterator[tuple[str, set[Pair]]]:
    """(literal reference to a Patient or empty, identifiers that name her) of each resource."""
    for entry in found:
        for name in ABOUT:
            target = entry.resource.get(name)
            if not isinstance(target, dict):
                continue
            words = target.get("reference")
            literal = isinstance(words, str) and _is_patient(words, target)
            yield (
                (str(words).partition("/_history/")[0] if literal else ""),
                set(_pairs([target.get("identifier")])),
            )


def _is_patient(words: str, target: JSON) -> bool:
    return "Patient" in words.split("/") or target.get("type") == "Patient"


def _contradicts(mine: set[Pair], wanted: set[Pair], systems: set[str]) -> bool:
    """A person has one national number: another one of a system asked for is another person."""
    return any(pair[0] in systems and pair not in wanted for pair in mine)


def _pairs(identifiers: object) -> Iterator[Pair]:
    for entry in as_list(identifiers):
        if isinstance(entry, dict):
            system, value = entry.get("system"), entry.get("value")
            if isinstance(system, str) and isinstance(value, str):
                yield pair_of(system, value)
