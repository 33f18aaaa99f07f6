"""What the mappings of one message share: where resources go, ids, times, codes, and the units that may fail.

Nothing reaches the batch before its unit ended well: a unit
that raises gives back what it took and is `failed/mapping-defect`, its siblings go on
(normalisation.md 1, rule 11).
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from adapters.hospital.acts import Act
from adapters.hospital.defects import reason_of
from adapters.hospital.draft import Coding, Draft
from adapters.hospital.header import control_key, message_event
from adapters.hospital.message import Element, Message, Segment
from adapters.hospital.twins import SHARED, TOLD, fill_in, is_apart
from adapters.hospital.words import concept_in_words
from adapters.identity import resource_id
from adapters.interface import Original, Source
from adapters.terminology.tables import Concept, concept_map
from adapters.times import Time, fhir_time, offset_of, parse_compact

T = TypeVar("T")
__all__ = ["ABSENT", "Coding", "Context", "Draft"]

ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


@lru_cache(maxsize=2048)
def _concept_of(table: str, code: str) -> Concept | None:
    """The row of a code, as it is spelled, in capitals or in words."""
    rows = concept_map(table)
    return rows.get(("", code)) or rows.get(("", code.upper())) or concept_in_words(rows, code)


@dataclass(frozen=True, slots=True)
class Assumption:
    """A guess that the whole message shares, counted for Provenance."""

    kind: str
    value: str
    basis: str


class Context:
    """One message under conversion."""

    def __init__(self, message: Message, source: Source, intake: str) -> None:
        self.message = message
        self.source = source
        self.intake = intake
        self.frames: list[dict[str, Draft]] = [{}]
        """Resources of each open unit by `Type/id`, the message's own first."""
        self.assumptions: dict[Assumption, int] = {}
        self.acts: dict[str, Act] = {}
        """What the message does beside saying resources, by `Type/id`."""
        self.merges: list[tuple[str, str, Segment]] = []
        """Old and new `Patient/id`, and the MRG that says so."""
        self.defects = 0
        self.handed_on: list[Original] = []
        self._times: dict[str, Time | None] = {}
        self.made: dict[int, Draft] = {}
        """Index of a segment to what it became, for the PRT and ROL that follow it."""
        header = message.header
        self.event = header.text(9, 2) or message_event(message)
        self.family = header.text(9, 1).upper()
        marks = message.separators
        self.dialect = (source.custodian, source.id, marks.component, marks.repetition)
        """What the meaning of a code depends on beside its text (readings.py)."""
        self.offset = offset_of(header.text(7))
        self.control = control_key(header)
        """Sender, facility and MSH-10 as written; empty without MSH-10."""
        self.fallback_key = self.control or f"sha256\x1f{hashlib.sha256(message.body).hexdigest()}"

    def dissolve(self) -> None:
        """The end of the message: nothing of it is read any more (`Message.dissolve`)."""
        self.frames.clear()
        self.made.clear()
        self.merges.clear()
        self.message.dissolve()

    @property
    def drafts(self) -> dict[str, Draft]:
        """Resources so far by `Type/id`, in order of first appearance."""
        return self.frames[0]

    def draft(self, resource_type: str, key: str) -> Draft:
        """A resource with its deterministic id; `add` it when it is complete."""
        return Draft(self, resource_type, self._id(resource_type, key), key)

    def _id(self, resource_type: str, key: str) -> str:
        return resource_id(self.source.id_key, resource_type, self.source.custodian, self.source.id, key)

    def scratch(self, resource_type: str) -> Draft:
        """A resource whose key is not known yet: it collects what was assumed on the way to the key."""
        return Draft(self, resource_type, "")

    def add(self, draft: Draft) -> Draft:
        """Hand in a resource. One that is there already takes over what it did not yet say.

        One that contradicts it is another fact under the same number: its key gets an ordinal, and its `id`
        is known only now. `WrongPatient` if the one that is there is somebody else's.
        """
        ordinal = 1
        while (known := self.known(draft.reference)) is not None:
            if not is_apart(known.body, draft.body):
                break
            if draft.type in TOLD:
                self.message.account.remark(draft.type, "altered", "conflict")
            if draft.type in SHARED:
                break
            ordinal += 1
            draft.rename(self._id(draft.type, f"{draft.key}\x1fagain\x1f{ordinal}"))
        if known is None:
            self.frames[-1][draft.reference] = draft
            return draft
        fill_in(known.body, draft.body)
        known.tags |= draft.tags
        known.labels += draft.labels
        return known

    def known(self, reference: str) -> Draft | None:
        """The resource of a `Type/id` that was handed in, in any open unit."""
        for frame in reversed(self.frames):
            if reference in frame:
                return frame[reference]
        return None

    def attempt(self, segments: Iterable[Segment], build: Callable[[], T]) -> T | None:
        """Run one unit; None if it failed, and then its segments are `failed/mapping-defect`."""
        before = len(self.message.journal)
        self.frames.append({})
        try:
            made = build()
        except Exception as error:
            self.frames.pop()
            self.message.forget(before)
            reason, place = reason_of(error)
            self.defects += reason == "mapping-defect"
            for segment in segments:
                segment.lose("failed", reason, place)
            return None
        ended = self.frames.pop()
        around = self.frames[-1]
        for reference, draft in ended.items():
            around.setdefault(reference, draft)
        return made

    def assume(self, position: str, kind: str, value: str, basis: str) -> None:
        """Remark a guess and count it for Provenance."""
        self.message.account.remark(position, "assumed", kind)
        key = Assumption(kind, value, basis)
        self.assumptions[key] = self.assumptions.get(key, 0) + 1

    def reject(self, element: Element, reason: str, target: str, comp: int = 1) -> None:
        """A value that is bad, with its line."""
        element.lose("rejected", reason, target, [(comp, 1)])

    def time(self, element: Element, target: str, comp: int = 1, tags: set[str] | None = None) -> Time | None:
        """A time by rule 7; a bad one is `rejected/bad-date`."""
        raw = element.text(comp)
        if not raw:
            if element.is_null:
                element.take(comp)
            return None
        made = self._parsed(raw)
        if made is None:
            self.reject(element, "bad-date", target, comp)
            return None
        element.take(comp)
        if made.altered:
            self.message.account.remark(element.position(comp), "altered", "precision")
        if made.assumed:
            basis, value = ("feed", self.source.zone) if self.source.zone else ("header", self.offset)
            self.assume(element.position(comp), "zone", value or "", basis)
            if tags is not None:
                tags.add("zone")
        return made

    def _parsed(self, raw: str) -> Time | None:
        """A time as HL7 or FHIR writes it; a message says the same one often."""
        if raw not in self._times:
            made = parse_compact(raw, zone=self.source.zone, default_offset=self.offset)
            plain = fhir_time(raw) if made is None else None
            self._times[raw] = Time(plain) if plain else made
        return self._times[raw]

    def concept(self, element: Element, table: str, target: str, comp: int = 1) -> Concept | None:
        """A coded value through its concept map; without target `no-target`, unknown `rejected/bad-code`."""
        code = element.text(comp)
        if not code:
            if element.is_null:
                element.take(comp)
            return None
        found = _concept_of(table, code)
        if found is None:
            self.reject(element, "bad-code", target, comp)
        elif not found.code:
            element.lose("not-mapped", "no-target", target, [(comp, 1)])
        else:
            element.take(comp)
            return found
        return None
