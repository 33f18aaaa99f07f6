"""FHIR R4 as any server or document has it: one input, one batch (normalisation.md 6). Pure.

1 decode strictly · 2 whose record it is · 3 the newest version of each resource · 4 ids for everything that
will be there · 5 each resource as it came, with our ids and references · 6 account, Provenance.
No FHIR model is built: decimals and unknown extensions leave as the very values that came.
"""

from datetime import datetime
from hashlib import sha256

from adapters.fhir_json import Unreadable, batch_from_resources, read, refused
from adapters.fhir_r4 import record, subject
from adapters.fhir_r4.answer import Answer
from adapters.fhir_r4.record import NOT_A_RECORD
from adapters.interface import Original, Source, SourceBatch
from adapters.losses import unreadable
from adapters.reading import Reading, scalars
from adapters.terminology.tables import mapping_hash


class FHIRNormaliser:
    """`adapters.interface.Normaliser` of FHIR R4 JSON. XML ends `format-not-supported`."""

    def normalise(self, original: Original, source: Source, at: datetime) -> SourceBatch:
        """Never raises on data. A record about somebody else is quarantined whole (`wrong-patient`)."""
        mapping = f"fhir-r4:{mapping_hash('systems')}"
        try:
            reading = read(original.body)
        except Unreadable as why:
            return SourceBatch((), None, unreadable(1, why.reason), mapping, quarantine="unreadable")
        try:
            return _batch(reading, original, source, mapping, at)
        except Exception:  # a defect of ours must cost this input alone, and say so
            return refused(reading.root, "mapping-defect", mapping, "mapping-defect")


def _batch(reading: Reading, original: Original, source: Source, mapping: str, at: datetime) -> SourceBatch:
    root = reading.root
    found = list(record.entries(root))
    gone = list(record.deletions(root))
    if not gone and all(entry.type in NOT_A_RECORD for entry in found):
        losses = unreadable(scalars(root), "no-patient")
        return SourceBatch((), None, losses, mapping, quarantine="no-patient")
    if original.asked and not subject.patients(found):
        return refused(root, "no-patient", mapping, "no-patient")
    if subject.is_somebody_else(found, original.asked):
        return refused(root, "wrong-patient", mapping, "wrong-patient")
    anchor = original.intake or sha256(original.body).hexdigest()
    resources = Answer(reading, found, source, anchor, original.body).resources()
    occurred = record.stated_time(root)
    return batch_from_resources(resources, reading, source, anchor, mapping, at, occurred)
