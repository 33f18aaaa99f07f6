"""From bytes to the resources of one FHIR R4 input: decoding, entries, pages, versions, what was deleted."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from adapters import codec, times
from adapters.fhir_json import is_resource
from adapters.reading import Holder, Step, as_list

JSON = dict[str, Any]
PAGE_FAILED = "urn:carepact:page-failed"
"""`fullUrl` by which our client says, among the pages that came, that one did not."""
NOT_A_RECORD = frozenset(
    "OperationOutcome Parameters CapabilityStatement StructureDefinition ValueSet CodeSystem ConceptMap "
    "OperationDefinition SearchParameter ImplementationGuide MessageDefinition "
    "CompartmentDefinition GraphDefinition StructureMap TestScript TestReport NamingSystem Library Measure "
    "PlanDefinition ActivityDefinition Questionnaire TerminologyCapabilities ExampleScenario "
    "ChargeItemDefinition EventDefinition ObservationDefinition SpecimenDefinition ResearchDefinition "
    "ResearchElementDefinition Evidence EvidenceVariable EffectEvidenceSynthesis RiskEvidenceSynthesis "
    "DeviceDefinition".split()
)
"""Types that are no patient's record: requests, outcomes, definitions."""
CARRIED = frozenset(
    "AllergyIntolerance Appointment Binary CarePlan CareTeam Composition Condition Coverage Device "
    "DeviceUseStatement DiagnosticReport DocumentReference Encounter FamilyMemberHistory Flag Immunization "
    "List Location Medication MedicationAdministration MedicationDispense MedicationRequest "
    "MedicationStatement Observation Organization Patient Practitioner PractitionerRole Procedure Provenance "
    "RelatedPerson ServiceRequest Specimen".split()
)
"""What the network serves (http-api.md 3); of every other type the whole is kept, in a Basic."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of the input. `base`: address of its server, as far as its full URL tells."""

    resource: JSON
    full_url: str | None = None
    document: JSON | None = None
    """The document Bundle that it is part of."""

    @property
    def type(self) -> str:
        return str(self.resource["resourceType"])

    @property
    def name(self) -> str | None:
        """`Type/id` as the source calls it; None without an id."""
        own = self.resource.get("id")
        return f"{self.type}/{own}" if isinstance(own, str) and own else None


@dataclass(frozen=True, slots=True)
class Deletion:
    """An entry that says that a resource is gone (410, or DELETE in a history)."""

    entry: JSON
    type: str
    id: str


def entries(root: JSON, document: JSON | None = None) -> Iterator[Entry]:
    """Resources of an input in their order; those of a Bundle inside a Bundle (our pages) one by one."""
    if root["resourceType"] != "Bundle":
        yield Entry(root)
        return
    inside = root if root.get("type") == "document" else document
    for entry in as_list(root.get("entry")):
        if not isinstance(entry, dict) or not is_resource(entry.get("resource")):
            continue
        url = entry.get("fullUrl")
        if entry["resource"]["resourceType"] == "Bundle":
            yield from entries(entry["resource"], inside)
        else:
            yield Entry(entry["resource"], url if isinstance(url, str) else None, inside)


def bundles(root: JSON) -> Iterator[JSON]:
    """The Bundle and those inside it."""
    if root["resourceType"] != "Bundle":
        return
    yield root
    for entry in as_list(root.get("entry")):
        if isinstance(entry, dict) and is_resource(entry.get("resource")):
            yield from bundles(entry["resource"])


def deletions(root: JSON) -> Iterator[Deletion]:
    """What the input says is gone."""
    for bundle in bundles(root):
        for entry in as_list(bundle.get("entry")):
            if isinstance(entry, dict) and "resource" not in entry and _is_deleted(entry):
                for words in (entry.get("fullUrl"), _inner(entry, "request", "url")):
                    kind, _, own = _last_two(words)
                    if kind in CARRIED and own:
                        yield Deletion(entry, kind, own)
                        break


def envelope(root: JSON) -> Iterator[tuple[Holder, Step, bool]]:
    """Members of Bundles outside their resources: (holder, member, whether a resource should be there)."""
    for bundle in bundles(root):
        for name, value in bundle.items():
            if name != "entry" or not isinstance(value, list):
                yield bundle, name, name == "entry"
        listed = as_list(bundle.get("entry"))
        for place, entry in enumerate(listed):
            if not isinstance(entry, dict):
                yield listed, place, True
                continue
            for name in entry:
                if name != "resource" or not is_resource(entry[name]):
                    yield entry, name, name == "resource"


def failed_pages(root: JSON) -> list[JSON]:
    """The remarks of our client on pages that did not come."""
    listed = (entry for bundle in bundles(root) for entry in as_list(bundle.get("entry")))
    return [one for one in listed if isinstance(one, dict) and one.get("fullUrl") == PAGE_FAILED]


def outdated(found: list[Entry]) -> dict[int, str]:
    """Resources that another one of the same type and id supersedes, with the ledger's reason for each."""
    newest: dict[str, Entry] = {}
    reasons: dict[int, str] = {}
    for entry in found:
        if entry.name is None:
            continue
        before = newest.get(entry.name)
        if before is None:
            newest[entry.name] = entry
            continue
        older, newer = (entry, before) if _version(entry) < _version(before) else (before, entry)
        same = codec.encode(older.resource) == codec.encode(newer.resource)
        reasons[id(older.resource)] = "duplicate" if same else "superseded"
        newest[entry.name] = newer
    return reasons


def stated_time(root: JSON) -> str | None:
    """When the source says that its answer was made."""
    for said in (root.get("timestamp"), _inner(root, "meta", "lastUpdated")):
        if isinstance(said, str) and times.fhir_time(said):
            return said
    return None


def _version(entry: Entry) -> tuple[str, int]:
    meta = entry.resource.get("meta")
    said = meta if isinstance(meta, dict) else {}
    updated, number = said.get("lastUpdated"), said.get("versionId")
    key = times.utc_key(updated) if isinstance(updated, str) else ""
    return key, int(number) if isinstance(number, str) and number.isascii() and number.isdigit() else 0


def _is_deleted(entry: JSON) -> bool:
    status = _inner(entry, "response", "status")
    return _inner(entry, "request", "method") == "DELETE" or (
        isinstance(status, str) and status.startswith("410")
    )


def _inner(holder: JSON, name: str, member: str) -> Any:
    inner = holder.get(name)
    return inner.get(member) if isinstance(inner, dict) else None


def _last_two(words: Any) -> tuple[str, str, str]:
    if not isinstance(words, str):
        return "", "", ""
    path = words.partition("?")[0].partition("/_history")[0]
    above, _, own = path.rpartition("/")
    return above.rpartition("/")[2], "/", own
