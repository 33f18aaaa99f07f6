"""From bytes to the resources of one STU3 answer: decoding, entries, contained allergies, duplicates."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from adapters import codec, times
from adapters.fhir_json import is_resource
from adapters.gp.identities import Identities
from adapters.gp.stu3_to_r4.allergy import ENDED_ALLERGIES
from adapters.reading import Holder, Reading, Step, as_list

NOT_A_RECORD = frozenset(
    "OperationOutcome Parameters CapabilityStatement StructureDefinition ValueSet CodeSystem ConceptMap "
    "OperationDefinition SearchParameter ImplementationGuide MessageDefinition CompartmentDefinition "
    "GraphDefinition StructureMap TestScript TestReport DataElement ExpansionProfile NamingSystem Library "
    "Measure PlanDefinition ActivityDefinition Questionnaire ServiceDefinition".split()
)
"""Types that are no patient's record: requests, outcomes, conformance resources."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of the answer. `parent`: the List that it was contained in."""

    resource: dict[str, Any]
    full_url: str | None = None
    parent: dict[str, Any] | None = None


def entries(reading: Reading) -> list[Entry]:
    """Resources of the answer in their order, allergies contained in a List as entries of their own."""
    found: list[Entry] = []
    for entry in _top_level(reading.root):
        found.append(entry)
        if entry.resource["resourceType"] != "List":
            continue
        for inner in as_list(entry.resource.get("contained")):
            if isinstance(inner, dict) and inner.get("resourceType") == "AllergyIntolerance":
                found.append(Entry(inner, None, entry.resource))
    return found


def repeated(found: list[Entry]) -> set[int]:
    """Resources that say again, word for word, what one of the same type and id said before."""
    seen: dict[tuple[str, str], dict[str, Any]] = {}
    again: set[int] = set()
    for entry in found:
        original = entry.resource.get("id")
        if entry.parent is not None or not isinstance(original, str):
            continue
        before = seen.setdefault((entry.resource["resourceType"], original), entry.resource)
        if before is not entry.resource and codec.encode(before) == codec.encode(entry.resource):
            again.add(id(entry.resource))
    return again


def envelope(root: dict[str, Any]) -> Iterator[tuple[Holder, Step, bool]]:
    """Members of a Bundle outside its resources: (holder, member, whether it should have been a resource)."""
    for name in root:
        if name != "entry":
            yield root, name, False
    listed = root.get("entry")
    if not isinstance(listed, list):
        if listed is not None:
            yield root, "entry", True
        return
    for index, entry in enumerate(listed):
        if not isinstance(entry, dict):
            yield listed, index, True
            continue
        for name in entry:
            if name != "resource" or not is_resource(entry[name]):
                yield entry, name, name == "resource"


def stated_time(root: dict[str, Any]) -> str | None:
    """When the source says that its answer was made."""
    meta = root.get("meta")
    said = meta.get("lastUpdated") if isinstance(meta, dict) else None
    return times.fhir_time(said) if isinstance(said, str) else None


def mark_ended(found: list[Entry], ids: Identities) -> None:
    """Allergies that the record lists as ended: contained in that List, or named by it."""
    named = {
        target
        for entry in found
        if _is_ended_list(entry.resource)
        for words in _references(entry.resource)
        if (target := ids.resolve(words, entry.resource)) is not None
    }
    for entry in found:
        if entry.resource["resourceType"] != "AllergyIntolerance":
            continue
        inside = entry.parent is not None and _is_ended_list(entry.parent)
        if inside or f"AllergyIntolerance/{ids.of(entry.resource)}" in named:
            ids.mark_ended(entry.resource)


def _top_level(root: dict[str, Any]) -> list[Entry]:
    if root["resourceType"] != "Bundle":
        return [Entry(root)]
    found = []
    for entry in as_list(root.get("entry")):
        if isinstance(entry, dict) and is_resource(entry.get("resource")):
            url = entry.get("fullUrl")
            found.append(Entry(entry["resource"], url if isinstance(url, str) else None))
    return found


def _trimmed(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _is_ended_list(resource: dict[str, Any]) -> bool:
    concept = resource.get("code")
    if resource.get("resourceType") != "List" or not isinstance(concept, dict):
        return False
    codings = as_list(concept.get("coding"))
    return any(
        isinstance(coding, dict) and _trimmed(coding.get("code")) == ENDED_ALLERGIES for coding in codings
    )


def _references(resource: dict[str, Any]) -> Iterator[str]:
    for entry in as_list(resource.get("entry")):
        item = entry.get("item") if isinstance(entry, dict) else None
        words = item.get("reference") if isinstance(item, dict) else None
        if isinstance(words, str):
            yield words.strip()
