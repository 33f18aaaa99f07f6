"""HL7 v2 to FHIR R4: the `Normaliser` of this adapter, over one message or a batch of them. Pure."""

import hashlib
from dataclasses import replace
from datetime import datetime

from adapters.hospital.batch import Batch, read_batch
from adapters.hospital.conversion import Unit, convert
from adapters.hospital.escapes import Separators
from adapters.hospital.fields import split_rep
from adapters.hospital.folding import Folding
from adapters.hospital.scenario import Ward
from adapters.hospital.spool import MemorySpool
from adapters.interface import Original, Source, SourceBatch
from adapters.losses import LossEntry, Losses, unreadable
from adapters.terminology.tables import mapping_hash

MEDIA_TYPE = "application/hl7-v2"
_TABLES = tuple(
    f"v2_{name}"
    for name in (
        "address_type address_use administrative_sex allergy_category allergy_severity allergy_status "
        "allergy_type appointment_status coding_systems completion_status confidentiality contact_role "
        "diagnosis_type document_availability document_completion encounter_class encounter_event "
        "encounter_priority encounter_status interpretation marital_status name_use observation_status "
        "order_control order_status relationship report_status telecom_system telecom_use units"
    ).split()
)


class HospitalNormaliser:
    """`adapters.interface.Normaliser` for HL7 v2. Never raises on data."""

    @property
    def mapping(self) -> str:
        """`hl7v2:<hash of its tables>`."""
        return f"hl7v2:{mapping_hash('hl7_fields', *_TABLES)}"

    def normalise(self, original: Original, source: Source, at: datetime) -> SourceBatch:
        """Resources with Patients first, Provenance, losses.

        Several messages in one body are folded into one state; then the Provenance of the last stands in its
        own place and those of the others at the end of the resources.
        """
        batch = read_batch(original.body)
        if not batch.messages:
            lines = [*batch.stray, *batch.envelope]
            losses = unreadable(sum(_items(line) for line in lines))
            return SourceBatch((), None, losses, self.mapping, quarantine="unreadable")
        made = (self.message(batch, n, source, original.intake, at) for n in range(len(batch.messages)))
        if len(batch.messages) == 1:
            alone = next(made)
            return _with_outside(Ward().take(alone) if alone.merges else alone, batch)
        return _with_outside(_folded(Folding(made, MemorySpool()), self.mapping), batch)

    def message(self, batch: Batch, n: int, source: Source, intake: str, at: datetime) -> SourceBatch:
        """Message n of several, from 0, by itself."""
        if batch.wide:  # the bytes are UTF-8 by now, whatever the feed or the message says
            source = replace(source, charset="utf-8", charset_override=None)
        unit = convert(
            batch.messages[n], source, intake, at, mapping=self.mapping, charset=source.charset, number=n + 1
        )
        return _batch_from_unit(unit, self.mapping, hashlib.sha256(batch.messages[n]).hexdigest())


def _batch_from_unit(unit: Unit, mapping: str, digest: str) -> SourceBatch:
    return SourceBatch(
        unit.resources,
        unit.provenance,
        unit.losses,
        mapping,
        unit.event_time,
        unit.sequence,
        unit.control,
        unit.quarantine,
        unit.handed_on,
        acts=unit.acts,
        merges=unit.merges,
        digest=digest,
    )


def _folded(folding: Folding, mapping: str) -> SourceBatch:
    last = folding.last
    entries = tuple(entry for n in range(len(folding.messages)) for entry in folding.lines(n))
    return SourceBatch(
        tuple(folding.resources()),
        folding.provenance(),
        Losses(folding.total, folding.mapped, entries),
        mapping,
        last.event_time,
        last.sequence,
        last.control,
        last.quarantine,
        tuple(folding.handed_on()),
    )


def _with_outside(made: SourceBatch, batch: Batch) -> SourceBatch:
    losses = made.losses
    outside = lines_outside(batch)
    if not outside:
        return made
    items = items_outside(outside)
    entries = (*outside, *losses.entries)
    return replace(made, losses=Losses(losses.total + items, losses.mapped, entries, losses.unreadable))


def lines_outside(batch: Batch) -> list[LossEntry]:
    """Lines before the first message are unreadable, line by line; envelope lines are structure."""
    entries = [
        LossEntry(f"line[{number}]", _items(line), "failed", "unreadable")
        for number, line in enumerate(batch.stray, 1)
    ]
    counts: dict[str, int] = {}
    for line in batch.envelope:
        name = line[:3].decode("ascii")
        counts[name] = counts.get(name, 0) + 1
        position = f"{name}[{counts[name]}]"
        entries.append(LossEntry(position, _items(line), "not-mapped", "structural"))
    if _stated_messages(batch) not in (None, len(batch.messages)):
        entries.append(LossEntry("BTS[1]-1", 1, "assumed", "count-mismatch"))
    return entries


def items_outside(entries: list[LossEntry]) -> int:
    """Values that these lines are about; a remark is about none."""
    return sum(one.items for one in entries if one.disposition != "assumed")


def _stated_messages(batch: Batch) -> int | None:
    """Messages that the batch trailers say; None if none of them says a number."""
    said = [line[4:].split(line[3:4])[0] for line in batch.envelope if line.startswith(b"BTS") and line[3:4]]
    numbers = [int(one) for one in said if one.isdigit() and len(one) < 10]
    return sum(numbers) if numbers else None


def _items(line: bytes) -> int:
    """Values on a line outside of any message, by its own separator and the usual others; at least one."""
    text = line.decode("utf-8", "replace")
    header = text[:3] in ("FHS", "BHS")
    usual = Separators(field=text[3:4] if header or text[:3] in ("BTS", "FTS") else "|")
    fields = text.split(usual.field)[1:] if usual.field and usual.field in text else [text]
    values = fields[1:] if header else fields
    count = sum(
        1
        for field in values
        for rep in field.split(usual.repetition)
        for comp in split_rep(rep, usual)
        for sub in comp
        if sub
    )
    return max(count, 1)
