"""All resources of one answer: who gets an id, who is mapped, kept or left out, and the account of each."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from adapters import identity
from adapters.gp import record, subject
from adapters.gp.identities import Identities
from adapters.gp.medication import link_orders_to_plans
from adapters.gp.record import Entry
from adapters.gp.stu3_to_r4.catalogue import CLINICAL, MAPS
from adapters.gp.stu3_to_r4.resource import labels_of, map_resource
from adapters.gp.unit import ASSUMED, Unit, UnitFailed, lose_whole
from adapters.interface import JSON, Identifier, Source
from adapters.kept import basic_from_elements, basic_from_resource
from adapters.losses import Disposition
from adapters.reading import Reading, keys_under


@dataclass(frozen=True, slots=True)
class _Failure:
    entry: Entry
    reason: str
    where: str | None
    """File and line of ours, for a defect."""


class Answer:
    """One readable answer about one person. `resources()` once."""

    def __init__(
        self,
        reading: Reading,
        entries: list[Entry],
        asked: tuple[Identifier, ...],
        source: Source,
        anchor: str,
    ) -> None:
        self._reading = reading
        self._asked = asked
        self._source = source
        self._anchor = anchor
        repeated = record.repeated(entries)
        mapped = [entry for entry in entries if self._is_mapped(entry)]
        self._mapped = [entry for entry in mapped if id(entry.resource) not in repeated]
        self._again = [entry for entry in mapped if id(entry.resource) in repeated]
        self._others = [entry for entry in entries if not self._is_mapped(entry)]
        self._stubs: list[JSON] = []

    def _is_mapped(self, entry: Entry) -> bool:
        """What turns the meaning of a resource, anywhere in it, in a way that we do not know: not mapped."""
        stu3 = entry.resource
        return stu3["resourceType"] in MAPS and not self._reading.modifies(stu3)

    def resources(self) -> list[JSON]:
        """R4 resources, Patients first; the account of the reading is complete but for `no-target`."""
        failures: list[_Failure] = []
        while True:
            identities = self._identities({id(failure.entry.resource) for failure in failures})
            built, fresh = self._attempt(identities)
            if not fresh:
                break
            failures += fresh
        made_here = [made for _, made in built]
        kept = [*self._keep_elements(built, identities), *self._keep_others(identities)]
        for unit, made in built:
            unit.commit(f"{made['resourceType']}/{made['id']}")
        self._remark_ids(identities, len(built) + len(kept))
        for failure in failures:
            self._lose(failure.entry, "failed", failure.reason, failure.where)
        for entry in self._again:
            self._lose(entry, "not-mapped", "duplicate")
        self._lose_envelope()
        link_orders_to_plans(made_here)
        everything = [*self._stubs, *made_here, *kept]
        return sorted(everything, key=lambda made: made["resourceType"] != "Patient")

    def _identities(self, excluded: set[int]) -> Identities:
        """Ids for every resource that will be there, the patient and the ended allergies among them."""
        ids = Identities(self._source, self._whose())
        self._mapped = [entry for entry in self._mapped if id(entry.resource) not in excluded]
        for entry in self._mapped:
            target = MAPS[entry.resource["resourceType"]].target
            if entry.parent is None:
                ids.add(entry.resource, target, entry.full_url)
            else:
                ids.add_contained(entry.parent, entry.resource, target)
        people = subject.patients(entry.resource for entry in self._mapped)
        if len(people) == 1:
            ids.patient = f"Patient/{ids.of(people[0])}"
            ids.identifiers = subject.identifiers_of(people[0])
        elif not people:
            self._stubs = self._patients_not_sent(ids)
        record.mark_ended(self._mapped, ids)
        return ids

    def _whose(self) -> str:
        """The patient's own id, else her identifiers, else what was asked for."""
        people = subject.patients(entry.resource for entry in self._mapped)
        if len(people) == 1 and isinstance(people[0].get("id"), str):
            return f"Patient/{people[0]['id']}"
        named = subject.identifiers_of(people[0]) if len(people) == 1 else ()
        return repr(sorted(named or ((i.system, i.value) for i in self._asked)))

    def _patients_not_sent(self, ids: Identities) -> list[JSON]:
        """Patients that the answer speaks of and does not hold: what is known is what was asked for.

        A fragment may speak of several; then each is somebody of his own.
        """
        references = subject.patient_references(entry.resource for entry in self._mapped)
        clinical = any(entry.resource["resourceType"] in CLINICAL for entry in self._mapped)
        named: tuple[str | None, ...] = references or ((None,) if clinical else ())
        stubs = [self._stub(ids, words) for words in named]
        if len(stubs) == 1:
            ids.patient = f"Patient/{stubs[0]['id']}"
            ids.identifiers = frozenset((i.system, i.value) for i in self._asked)
        return stubs

    def _stub(self, ids: Identities, words: str | None) -> JSON:
        asked = [{"system": i.system, "value": i.value} for i in self._asked]
        new = ids.add_patient(words or f"stub|{asked or self._anchor}", words)
        source = identity.meta_source(self._source.custodian, self._source.id, self._anchor)
        made: JSON = {
            "resourceType": "Patient",
            "id": new,
            "meta": {"source": source, "tag": [{"system": ASSUMED, "code": "patient"}]},
        }
        if words is not None:
            local = identity.local_system(self._source.custodian, self._source.id, "id")
            asked.append({"system": local, "value": words.rpartition("/")[2]})
        return made | ({"identifier": asked} if asked else {})

    def _attempt(self, ids: Identities) -> tuple[list[tuple[Unit, JSON]], list[_Failure]]:
        built: list[tuple[Unit, JSON]] = []
        failed: list[_Failure] = []
        for entry in self._mapped:
            target = MAPS[entry.resource["resourceType"]].target
            unit = Unit(self._reading, ids, self._source, entry.resource, target, self._anchor, entry.parent)
            try:
                for above in (self._reading.root, entry.parent):  # a mark covers all that is under it
                    if above is not None and above is not entry.resource:
                        unit.labels.extend(labels_of(unit, above))
                built.append((unit, map_resource(unit, MAPS)))
            except UnitFailed as why:
                failed.append(_Failure(entry, why.reason, None))
            except Exception as defect:  # ours: this unit fails, its siblings go on
                failed.append(_Failure(entry, "mapping-defect", _where(defect.__traceback__)))
        return built, failed

    def _keep_elements(self, built: list[tuple[Unit, JSON]], ids: Identities) -> list[JSON]:
        """What the mapped resources could not hold, one Basic a resource."""
        found = []
        for unit, made in built:
            owner = f"{made['resourceType']}/{made['id']}"
            if unit.kept:
                found.append(basic_from_elements(unit.kept, owner, self._source, self._anchor, ids.patient))
        return [basic for basic in found if basic is not None]

    def _keep_others(self, ids: Identities) -> list[JSON]:
        """Types that are not carried: kept in a Basic; outcomes and conformance: administrative."""
        kept: list[JSON] = []
        for entry in self._others:
            stu3 = entry.resource
            if stu3["resourceType"] in record.NOT_A_RECORD:
                self._lose(entry, "not-mapped", "administrative")
                continue
            position = self._reading.position(stu3)
            made = basic_from_resource(stu3, self._source, self._anchor, position, ids.patient)
            if made is None:
                self._lose(entry, "failed", "limit")
                continue
            reason = "type-not-carried" if stu3["resourceType"] not in MAPS else "unknown-field"
            lose_whole(self._reading, stu3, "kept", reason, target="Basic", resource=f"Basic/{made['id']}")
            kept.append(made)
        return kept

    def _lose(self, entry: Entry, disposition: Disposition, reason: str, where: str | None = None) -> None:
        lose_whole(self._reading, entry.resource, disposition, reason, target=where)

    def _remark_ids(self, ids: Identities, count: int) -> None:
        root = self._reading.root
        for resource in ids.unkeyed:
            self._reading.account.remark(self._reading.position(resource), "assumed", "no-key")
        if count:
            self._reading.account.remark(self._reading.position(root), "altered", "id-rewritten", count)
        if self._stubs:
            self._reading.account.remark(self._reading.position(root), "assumed", "patient", len(self._stubs))

    def _lose_envelope(self) -> None:
        """Members of the Bundle around the resources: used to find the way, of no meaning in the record."""
        root = self._reading.root
        if root["resourceType"] != "Bundle":
            return
        for holder, step, unreadable in record.envelope(root):
            disposition: Disposition = "failed" if unreadable else "not-mapped"
            self._reading.account.lose(
                keys_under(holder, step),
                disposition,
                "unreadable" if unreadable else "structural",
                position=self._reading.position(holder, step),
            )


def _where(trace: TracebackType | None) -> str | None:
    """File and line of ours where a defect showed; nothing of the input."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else None
