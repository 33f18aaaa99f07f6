"""HL7 v2 to FHIR R4: the `Normaliser` of this adapter, over one message or a batch of them. Pure."""

from dataclasses import replace
from datetime import datetime

from adapters.hospital.acts import act_from_bytes
from adapters.hospital.batch import Batch, read_batch
from adapters.hospital.conversion import Unit, convert, patients_first
from adapters.hospital.escapes import Separators
from adapters.hospital.fields import split_rep
from adapters.hospital.fold import Contribution, fold
from adapters.hospital.scenario import settled
from adapters.interface import JSON, Original, Source, SourceBatch
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
        if batch.wide:  # the bytes are UTF-8 by now, whatever the feed or the message says
            source = replace(source, charset="utf-8", charset_override=None)
        units = [
            convert(
                body, source, original.intake, at, mapping=self.mapping, charset=source.charset, number=number
            )
            for number, body in enumerate(batch.messages, 1)
        ]
        batches = settled([self._batch(unit) for unit in units])
        made = batches[0] if len(batches) == 1 else _folded(batches)
        return _with_outside(made, batch)

    def _batch(self, unit: Unit) -> SourceBatch:
        return SourceBatch(
            unit.resources,
            unit.provenance,
            unit.losses,
            self.mapping,
            unit.event_time,
            unit.sequence,
            unit.control,
            unit.quarantine,
            unit.handed_on,
            acts=unit.acts,
            merges=unit.merges,
        )


def _folded(batches: list[SourceBatch]) -> SourceBatch:
    losses = batches[0].losses
    for one in batches[1:]:
        losses = _sum(losses, one.losses)
    good = [one for one in batches if one.quarantine is None]
    last = good[-1] if good else batches[-1]
    state = fold(
        Contribution(
            one.event_time, one.sequence, number, resource, act_from_bytes(one.acts.get(_ref(resource), b""))
        )
        for number, one in enumerate(good)
        for resource in one.resources
    )
    earlier = [one.provenance for one in good[:-1] if one.provenance is not None]
    resources = (*patients_first(list(state.values())), *earlier)
    handed_on = tuple(inner for one in good for inner in one.handed_on)
    return replace(last, resources=resources, losses=losses, acts={}, merges=(), handed_on=handed_on)


def _ref(resource: JSON) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _sum(losses: Losses, other: Losses) -> Losses:
    """Both ledgers as one; each message numbered its own lines already."""
    return Losses(
        losses.total + other.total,
        losses.mapped + other.mapped,
        losses.entries + other.entries,
        losses.unreadable and other.unreadable,
    )


def _with_outside(made: SourceBatch, batch: Batch) -> SourceBatch:
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
    items = sum(e.items for e in entries if e.disposition != "assumed")
    losses = made.losses
    losses = Losses(losses.total + items, losses.mapped, (*entries, *losses.entries), losses.unreadable)
    return replace(made, losses=losses)


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
