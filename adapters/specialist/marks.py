"""Marks of sensitivity in a document: where they stand, what a masked value means (normalisation.md 1, 8)."""

from typing import Any

from adapters.specialist.markup import Element, find, local, peek
from adapters.specialist.reader import Document

JSON = dict[str, Any]
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
OBSERVATION_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"


def masked_labels() -> list[JSON]:
    """What stands for `nullFlavor="MSK"`: a value was withheld at the source."""
    return [{"system": CONFIDENTIALITY, "code": "R"}, {"system": OBSERVATION_VALUE, "code": "MASKED"}]


ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_REFRAIN = frozenset(
    "NOAUTH NOCOLLECT NODSCLCD NODSCLCDS NOINTEGRATE NOLIST NOMOU NOORGPOL NOPAT NOPERSISTP NORDSCLCD "
    "NORDSCLCDS NORDSCLW NORELINK NOREUSE NOVIP ORCON".split()
)
_SECURITY = frozenset(
    "SECCLASSOBS SECCATOBS SECCONOBS SECCONTROLOBS SECINTOBS SECINTSTOBS SECINTCONOBS SECHANDLEOBS".split()
)


def label_from_coding(coding: JSON) -> JSON:
    """A label as coded, without version; a refrain policy stated under v3-ObservationValue is of v3-ActCode,
    where alone it is defined and would be heeded."""
    label = {k: v for k, v in coding.items() if k != "version"}
    if label.get("system") == OBSERVATION_VALUE and label.get("code") in _REFRAIN:
        label["system"] = ACT_CODE
    return label


def patient_labels(doc: Document) -> list[JSON]:
    """Labels of a patient of whom the source withheld something."""
    masked = (m for m in doc.marks if local(m) != "confidentialityCode")
    return masked_labels() if any(any(e.step == "recordTarget" for e in m.above()) for m in masked) else []


def marks_by_entry(doc: Document) -> dict[Element, list[Element]]:
    """Confidentiality codes, masked values and security observations by the entries that they stand in."""
    found: dict[Element, list[Element]] = {}
    for mark in (*doc.marks, *(act for act in doc.acts if is_security(act))):
        for entry in (e for e in mark.above() if e.step == "entry"):
            found.setdefault(entry, []).append(mark)
    return found


def is_security(observation: Element) -> bool:
    """An observation of how sensitive something is (DS4P)."""
    return peek(find(observation, "code"), "code") in _SECURITY
