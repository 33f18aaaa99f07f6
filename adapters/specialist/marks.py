"""Marks of sensitivity in a document: where they stand, what a masked value means (normalisation.md 1, 8)."""

from typing import Any

from adapters.specialist.markup import CDA, Element, find, local, peek, query

JSON = dict[str, Any]
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
OBSERVATION_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"


def masked_labels() -> list[JSON]:
    """What stands for `nullFlavor="MSK"`: a value was withheld at the source."""
    return [{"system": CONFIDENTIALITY, "code": "R"}, {"system": OBSERVATION_VALUE, "code": "MASKED"}]


_MARKS = query(
    "//h:entry//h:confidentialityCode | //h:entry//*[@nullFlavor='MSK'] | "
    "//h:entry//h:observation[starts-with(h:code/@code, 'SEC')]"
)
_MASKED_PERSON = query("//h:recordTarget//*[@nullFlavor='MSK']")
_SECURITY = frozenset(
    "SECCLASSOBS SECCATOBS SECCONOBS SECCONTROLOBS SECINTOBS SECINTSTOBS SECINTCONOBS SECHANDLEOBS".split()
)


def patient_labels(root: Element) -> list[JSON]:
    """Labels of a patient of whom the source withheld something."""
    return masked_labels() if _MASKED_PERSON(root) else []


def marks_by_entry(root: Element) -> dict[Element, list[Element]]:
    """Marks by the entries that they stand in: few documents have any, and none is searched twice."""
    found: dict[Element, list[Element]] = {}
    for mark in _MARKS(root):
        if local(mark) == "observation" and not _is_security(mark):
            continue
        for entry in mark.iterancestors(f"{{{CDA}}}entry"):
            found.setdefault(entry, []).append(mark)
    return found


def _is_security(observation: Element) -> bool:
    """An observation of how sensitive something is (DS4P)."""
    return peek(find(observation, "code"), "code") in _SECURITY
