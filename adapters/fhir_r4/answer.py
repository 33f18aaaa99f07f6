"""All resources of one input: who gets an id, who is kept or left out, and the account of each."""

from collections.abc import Callable
from typing import Any

from adapters.fhir_r4 import record, subject
from adapters.fhir_r4.document import document_reference, labels_of
from adapters.fhir_r4.identities import Identities
from adapters.fhir_r4.mapping import Mapped, Mapping
from adapters.fhir_r4.record import CARRIED, NOT_A_RECORD, Deletion, Entry
from adapters.identity import local_system, meta_source
from adapters.interface import JSON, Source
from adapters.kept import basic_from_elements, basic_from_resource
from adapters.losses import Disposition
from adapters.reading import Reading, keys_under

ASSUMED = "urn:carepact:assumed"
INCOMPLETE = {"system": "urn:carepact:incomplete", "code": "page-failed"}


class Answer:
    """One readable input. `resources()` once; then the account is complete but for `no-target`."""

    def __init__(
        self, reading: Reading, found: list[Entry], source: Source, anchor: str, body: bytes
    ) -> None:
        self._reading = reading
        self._found = found
        self._source = source
        self._anchor = anchor
        self._body = body
        self._ids = Identities(source)
        self._patient: str | None = None
        self._short = [INCOMPLETE] if record.failed_pages(reading.root) else []

    def resources(self) -> list[JSON]:
        """R4 resources, Patients first."""
        outdated = record.outdated(self._found)
        current = [entry for entry in self._found if id(entry.resource) not in outdated]
        carried = [e for e in current if e.type in CARRIED and not self._reading.modifies(e.resource)]
        self._name(carried, outdated)
        stubs = self._patients_not_sent(carried)
        mapping = Mapping(self._reading, self._ids, self._source, self._anchor)
        made: list[JSON] = []
        for entry in carried:
            made += self._mapped(entry, mapping)
        names = {id(entry.resource) for entry in carried}
        for entry in current:
            if id(entry.resource) not in names:
                made += self._not_carried(entry)
        for entry in self._found:
            if id(entry.resource) in outdated:
                self._lose(entry.resource, "not-mapped", outdated[id(entry.resource)])
        made += [one for gone in record.deletions(self._reading.root) for one in self._retracted(gone)]
        made += self._documents(made)
        self._close_envelope(len(carried))
        return sorted([*stubs, *made], key=lambda one: one["resourceType"] != "Patient")

    def _name(self, carried: list[Entry], outdated: dict[int, str]) -> None:
        """An id for every resource that will be there, and the one patient if there is but one."""
        newest = {entry.name: entry for entry in carried if entry.name}
        for entry in carried:
            self._ids.add(entry)
        for entry in self._found:
            if id(entry.resource) in outdated and entry.name in newest:
                self._ids.add_older(entry, newest[entry.name])
        people = subject.patients(carried)
        if len(people) == 1:
            self._patient = f"Patient/{self._ids.of(people[0].resource)}"

    def _patients_not_sent(self, carried: list[Entry]) -> list[JSON]:
        """A fragment speaks of patients that it does not hold: what is known of one is her id there."""
        stubs: dict[str, JSON] = {}
        for words in subject.patient_references(carried):
            own = words.rpartition("/")[2]
            if self._ids.resolve(words) is not None or not own:
                continue
            made = self._ids.add_patient(words)
            local = local_system(self._source.custodian, self._source.id, "id")
            stubs[made] = {
                "resourceType": "Patient",
                "id": made,
                "meta": self._authored_meta() | {"tag": [{"system": ASSUMED, "code": "patient"}]},
                "identifier": [{"system": local, "value": own}],
            }
        if stubs:
            root = self._reading.root
            self._reading.account.remark(self._reading.position(root), "assumed", "patient", len(stubs))
        if self._patient is None and len(stubs) == 1 and not subject.patients(carried):
            self._patient = f"Patient/{next(iter(stubs))}"
        return list(stubs.values())

    def _mapped(self, entry: Entry, mapping: Mapping) -> list[JSON]:
        """The resource, and the Basic with what of it R4 has no element for."""
        raw = entry.resource
        tags = self._short if entry.type == "Patient" else []
        result = mapping.map(raw, labels_of(self._reading.root, entry), tags)
        kept = self._elements(result) if result.unknown else None
        self._reading.account.take_under(raw)
        return [result.made, kept] if kept is not None else [result.made]

    def _elements(self, result: Mapped) -> JSON | None:
        position: Callable[[Any, Any], str] = self._reading.position
        owner = f"{result.made['resourceType']}/{result.made['id']}"
        values = [(position(holder, step), holder[step]) for holder, step in result.unknown]  # type: ignore[index]
        basic = basic_from_elements(values, owner, self._source, self._anchor, self._patient)
        for holder, step in result.unknown:
            disposition: Disposition = "kept" if basic else "failed"
            self._reading.account.lose(
                keys_under(holder, step),
                disposition,
                "unknown-field" if basic else "limit",
                position=position(holder, step),
                target="Basic" if basic else None,
                resource=f"Basic/{basic['id']}" if basic else None,
            )
        return basic

    def _not_carried(self, entry: Entry) -> list[JSON]:
        """Kept in a Basic: types that nobody serves, and meanings that nobody here knows."""
        raw = entry.resource
        if entry.type in NOT_A_RECORD:
            self._lose(raw, "not-mapped", "administrative")
            return []
        position = self._reading.position(raw)
        basic = basic_from_resource(raw, self._source, self._anchor, position, self._patient)
        if basic is None:
            self._lose(raw, "failed", "limit")
            return []
        reason = "unknown-field" if entry.type in CARRIED else "type-not-carried"
        self._lose(raw, "kept", reason, target="Basic", resource=f"Basic/{basic['id']}")
        return [basic]

    def _retracted(self, gone: Deletion) -> list[JSON]:
        """What the source deleted is shown as entered in error; types without that word are left out."""
        status = _retraction(gone.type)
        if status is None or self._patient is None:
            return []
        about = "patient" if gone.type in ("AllergyIntolerance", "Immunization") else "subject"
        self._reading.account.take_under(gone.entry)
        return [
            {
                "resourceType": gone.type,
                "id": self._ids.made(gone.type, f"{gone.type}/{gone.id}"),
                "meta": self._authored_meta(),
                **status,
                about: {"reference": self._patient},
            }
        ]

    def _documents(self, made: list[JSON]) -> list[JSON]:
        """A DocumentReference for each document Bundle: the original, as a document of its own."""
        found = {id(entry.document): entry.document for entry in self._found if entry.document is not None}
        return [
            document_reference(
                one, self._body, made, self._ids, self._patient, self._authored_meta(), self._reading
            )
            for one in found.values()
        ]

    def _authored_meta(self) -> JSON:
        return {"source": meta_source(self._source.custodian, self._source.id, self._anchor)}

    def _lose(self, raw: JSON, disposition: Disposition, reason: str, **where: str | None) -> None:
        position = self._reading.position(raw)
        self._reading.account.lose(keys_under(raw), disposition, reason, position=position, **where)

    def _close_envelope(self, count: int) -> None:
        """Remarks on ids, pages that failed, and what stands around the resources."""
        account, root = self._reading.account, self._reading.root
        for resource in self._ids.unkeyed:
            account.remark(self._reading.position(resource), "assumed", "no-key")
        if count:
            account.remark(self._reading.position(root), "altered", "id-rewritten", count)
        for page in record.failed_pages(root):
            account.lose(keys_under(page), "failed", "page-failed", position=self._reading.position(page))
        if root["resourceType"] != "Bundle":
            return
        for holder, step, unreadable in record.envelope(root):
            disposition: Disposition = "failed" if unreadable else "not-mapped"
            reason = "unreadable" if unreadable else "structural"
            position = self._reading.position(holder, step)
            account.lose(keys_under(holder, step), disposition, reason, position=position)


_VERIFIED = "http://terminology.hl7.org/CodeSystem/"
_RETRACTED = {
    "AllergyIntolerance": ("allergyintolerance-verification", "verificationStatus"),
    "Condition": ("condition-ver-status", "verificationStatus"),
}
_BY_STATUS = frozenset(
    "CarePlan CareTeam DiagnosticReport DocumentReference Encounter Flag Immunization List MedicationRequest "
    "MedicationStatement Observation Procedure ServiceRequest Composition".split()
)


def _retraction(kind: str) -> JSON | None:
    if kind in _RETRACTED:
        system, name = _RETRACTED[kind]
        return {name: {"coding": [{"system": _VERIFIED + system, "code": "entered-in-error"}]}}
    return {"status": "entered-in-error"} if kind in _BY_STATUS else None
