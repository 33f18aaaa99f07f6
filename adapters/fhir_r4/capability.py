"""What a server says of itself, and the searches that follow from it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from adapters.fhir_r4.record import CARRIED
from adapters.reading import as_list

_BY = ("patient", "subject", "beneficiary")
_WANTED = frozenset(
    "practitioner performer requester recorder asserter author participant medication specimen location "
    "organization encounter result device".split()
)
"""Search parameters whose targets belong to a record: included where a server offers to."""
_SHARED = frozenset(
    "Binary Device Location Medication Organization Patient Practitioner PractitionerRole Provenance".split()
)
"""Types that are not searched by patient: they come by reference."""


@dataclass(frozen=True, slots=True)
class Search:
    """One search of a patient's record: `parameter` names her, `includes` are what comes with the matches."""

    type: str
    parameter: str
    includes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Capability:
    """`speaks_r4`: fhirVersion 4.0.x. `everything`: it offers the whole record in one question."""

    speaks_r4: bool
    everything: bool
    searches: tuple[Search, ...] = field(default=())


def capability_from_statement(statement: dict[str, Any]) -> Capability:
    """Of a CapabilityStatement; what it does not say is not there."""
    version = statement.get("fhirVersion")
    rests = [one for one in _dicts(statement.get("rest")) if one.get("mode") == "server"]
    resources = [one for rest in rests for one in _dicts(rest.get("resource"))]
    patient = [one for one in resources if one.get("type") == "Patient"]
    return Capability(
        speaks_r4=isinstance(version, str) and (version == "4.0" or version.startswith("4.0.")),
        everything=any(_is_everything(op) for one in patient for op in _dicts(one.get("operation"))),
        searches=tuple(search for one in resources if (search := _search(one)) is not None),
    )


def _is_everything(operation: dict[str, Any]) -> bool:
    definition = operation.get("definition")
    named = isinstance(definition, str) and definition.partition("|")[0].endswith("/Patient-everything")
    return named or operation.get("name") in ("everything", "$everything")


def _search(resource: dict[str, Any]) -> Search | None:
    kind = resource.get("type")
    if not isinstance(kind, str) or kind not in CARRIED - _SHARED:
        return None
    names = [one.get("name") for one in _dicts(resource.get("searchParam"))]
    parameter = next((name for name in _BY if name in names), None)
    if parameter is None:
        return None
    return Search(kind, parameter, tuple(_includes(kind, resource)))


def _includes(kind: str, resource: dict[str, Any]) -> Iterator[str]:
    for words in as_list(resource.get("searchInclude")):
        if isinstance(words, str) and words.startswith(f"{kind}:") and words.split(":")[1] in _WANTED:
            yield words


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in as_list(value) if isinstance(one, dict)]
