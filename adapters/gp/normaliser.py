"""GP Connect structured record (FHIR STU3) to FHIR R4: one answer, one batch.

1 decode strictly · 2 whose record it is · 3 ids for everything that will be there · 4 each resource on its
own · 5 if some failed, again without them, so that no reference leads to what is not there · 6 account,
Provenance. No FHIR model is built: what is not translated leaves as the very value that came.
"""

from datetime import datetime
from hashlib import sha256

from adapters.fhir_json import Unreadable, batch_from_resources, read, refused
from adapters.gp import record, subject
from adapters.gp.answer import Answer
from adapters.interface import Identifier, Original, Source, SourceBatch
from adapters.losses import unreadable
from adapters.reading import Reading, scalars
from adapters.terminology.tables import mapping_hash

_TABLES = ("stu3_codes", "stu3_extensions", "stu3_systems")


class GPNormaliser:
    """`Normaliser` of GP Connect Access Record Structured 1.6 (FHIR STU3, Care Connect)."""

    def normalise(self, original: Original, source: Source, at: datetime) -> SourceBatch:
        """Never raises on data. A record about somebody else is quarantined whole (`wrong-patient`)."""
        mapping = f"gp:{mapping_hash(*_TABLES)}"
        try:
            reading = read(original.body)
        except Unreadable as why:
            return SourceBatch((), None, unreadable(1, why.reason), mapping, quarantine="unreadable")
        try:
            return _batch(reading, original, source, mapping, at)
        except Exception:  # a defect of ours must cost this input alone, and say so
            return refused(reading.root, "mapping-defect", mapping, "unreadable")


def stated_identifiers(body: bytes) -> tuple[tuple[Identifier, ...], ...]:
    """Business identifiers of each Patient in these bytes, as the record states them; () if it is no record.

    For asking a source about the very person that one of its own files is about: in the batch, a national
    number with a wrong check digit is a local identifier.
    """
    try:
        reading = read(body)
    except Unreadable:
        return ()
    resources = [entry.resource for entry in record.entries(reading)]
    return tuple(
        tuple(Identifier(system, value) for system, value in sorted(subject.identifiers_of(patient)))
        for patient in subject.patients(resources)
    )


def _batch(reading: Reading, original: Original, source: Source, mapping: str, at: datetime) -> SourceBatch:
    root = reading.root
    entries = record.entries(reading)
    mine = [entry.resource for entry in entries]
    if all(resource["resourceType"] in record.NOT_A_RECORD for resource in mine):
        losses = unreadable(scalars(root), "no-patient")
        return SourceBatch((), None, losses, mapping, quarantine="no-patient")
    if subject.is_somebody_else(mine, original.asked):
        return refused(root, "wrong-patient", mapping, "wrong-patient")
    several = len(subject.patient_references(mine)) > 1
    if original.asked and several and not subject.patients(mine):
        return refused(root, "no-patient", mapping, "no-patient")
    anchor = original.intake or sha256(original.body).hexdigest()
    resources = Answer(reading, entries, original.asked, source, anchor).resources()
    occurred = record.stated_time(root)
    return batch_from_resources(resources, reading, source, anchor, mapping, at, occurred)
