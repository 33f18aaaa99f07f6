"""A CDA or C-CDA document to FHIR R4 (normalisation.md 4). Pure: bytes and a clock reading in, a batch out.

1 read, refusing what is not a document · 2 header: key, labels, patient · 3 is it about whom was asked ·
4 sections, entry by entry · 5 Encounter, Composition, DocumentReference · 6 Provenance and ledger.
"""

from datetime import datetime

from adapters.interface import Original, Source, SourceBatch
from adapters.losses import LossEntry, Losses, unreadable
from adapters.specialist.fragments import sections_from_fragment
from adapters.specialist.header import close_document, open_document
from adapters.specialist.markup import Unreadable, find, find_all, local, peek
from adapters.specialist.patient import is_about_several
from adapters.specialist.provenance import provenance
from adapters.specialist.reader import Document
from adapters.specialist.record import Record
from adapters.specialist.sections.body import sections_from_body
from adapters.terminology.tables import mapping_hash
from adapters.times import offset_of, utc_key

_TABLES = (
    "systems cda_address_use cda_administration_status cda_allergy_category cda_allergy_status "
    "cda_allergy_type cda_concern_status cda_criticality cda_device_status cda_dispense_status "
    "cda_encounter_status cda_medication_course "
    "cda_family_status cda_gender cda_immunization_status cda_medication_intent cda_medication_status "
    "cda_name_use cda_no_known_allergy cda_no_known_substance cda_null_flavor cda_problem_category "
    "cda_problem_status cda_procedure_status cda_report_status cda_request_intent cda_request_priority "
    "cda_request_status cda_result_status cda_severity cda_telecom_use ucum_units v2_units"
).split()


class SpecialistNormaliser:
    """Implements `adapters.interface.Normaliser` for CDA."""

    def normalise(self, original: Original, source: Source, at: datetime) -> SourceBatch:
        """Never raises on data: what cannot be read is `unreadable`, what we cannot map is a line."""
        mapping = f"cda:{mapping_hash(*_TABLES)}"
        try:
            doc = Document(original.body)
        except Unreadable as why:
            return SourceBatch((), None, unreadable(1, why.reason), mapping, quarantine="unreadable")
        try:
            return _batch(doc, original, source, at, mapping)
        except Exception:  # a defect of ours must not stop the other documents of a pull
            return _nothing(doc, mapping, "mapping-defect", "unreadable")


def _batch(doc: Document, original: Original, source: Source, at: datetime, mapping: str) -> SourceBatch:
    effective = peek(find(doc.root, "effectiveTime"), "value")
    record = Record(doc, source, original.intake, offset_of(effective))
    open_document(record, original)
    if not _is_asked(record, original) or is_about_several(record):
        return _nothing(doc, mapping, "wrong-patient", "wrong-patient")
    whole = local(doc.root) == "ClinicalDocument"
    sections = sections_from_body(record) if whole else sections_from_fragment(record)
    if whole or sections:
        close_document(record, original, sections)
    if record.failed_units:
        record.tag("Composition", "urn:carepact:incomplete", "section-failed")
    _note_what_lacks(record, whole)
    about = provenance(record, original, at, mapping)
    return SourceBatch(
        resources=tuple(record.resources()),
        provenance=about,
        losses=doc.close(),
        mapping=mapping,
        event_time=utc_key(record.document_time),
        sequence=_version(doc),
        quarantine=None if whole and "identifier" in record.patient else "no-patient",
    )


def _is_asked(record: Record, original: Original) -> bool:
    """Whether one of the patient's identifiers is one that the source was asked for.

    Also as the source issued it, by OID: here a number with a wrong check digit has a local system only.
    """
    stated = {(i.get("system"), i.get("value")) for i in record.patient.get("identifier", [])}
    for one in find_all(record.doc.root, "recordTarget/patientRole/id"):
        root, extension = peek(one, "root"), peek(one, "extension")
        if extension:
            stated.add((f"urn:oid:{root}", extension))
    return not original.asked or any((a.system, a.value) in stated for a in original.asked)


def _note_what_lacks(record: Record, whole: bool) -> None:
    """Lines without items: what the input as a whole lacks."""
    if not whole:
        record.doc.note(record.doc.root, "failed", "fragment")
    elif "identifier" not in record.patient:
        record.doc.note(record.doc.root, "failed", "no-patient")


def _nothing(doc: Document, mapping: str, reason: str, quarantine: str) -> SourceBatch:
    """A batch without resources: every item failed, and the original is what remains."""
    at = doc.position(doc.root)
    losses = Losses(doc.total, 0, (LossEntry(at, doc.total, "failed", reason),))
    return SourceBatch((), None, losses, mapping, quarantine=quarantine)


def _version(doc: Document) -> int:
    text = peek(find(doc.root, "versionNumber"), "value")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
