"""What a sender marks as sensitive, as `meta.security` (normalisation.md 1, rule 8).

Adapters never lower and never infer: a mark that we cannot read is `R`, because somebody set it for a reason.
"""

from adapters.hospital.context import Coding, Context, Draft
from adapters.hospital.groups import Person
from adapters.hospital.message import Element, Segment
from adapters.terminology.tables import concept_map

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
RESTRICTED: Coding = {"system": CONFIDENTIALITY, "code": "R"}
CELEBRITY: Coding = {"system": ACT_CODE, "code": "CEL"}
_RANK = "ULMNRV"
_RESTRICTIONS = {
    "HIV": "HIV",
    "PSY": "PSY",
    "STD": "STD",
    "DRG": "DRGIS",
    "DEM": "DEMO",
    "LOC": "LOCIS",
}
"""ARV-3, table 0717, to v3-ActCode; ALL SMD OO and what we do not know are R, NO and OI nothing."""


def label_from_code(element: Element) -> Coding | None:
    """One code of table 0177 or 0952 (ORC-28, MSH-26) as a label; an unknown one is R, with its line."""
    code = element.text(1)
    if not code:
        return None
    known = concept_map("v2_confidentiality").get(("", code.upper()))
    if known is None or not known.code:
        return dict(RESTRICTED)
    element.take(1)
    return {"system": known.system, "code": known.code}


def labels_of_message(context: Context) -> list[Coding]:
    """MSH-26: on everything of the message."""
    return labels_of_field(context.message.header, 26)


def labels_of_field(segment: Segment, number: int) -> list[Coding]:
    return [label for label in map(label_from_code, segment.all(number)) if label]


def mark_person(person: Person, patient: Draft | None, encounters: list[Draft]) -> None:
    """PD1-12, PV1-16, PV2-22 and ARV on Patient and Encounter."""
    both = [*([patient] if patient else []), *encounters]
    for segment in person.all("PD1"):
        if patient and segment.first(12).take(1).upper() == "Y":
            patient.labels.append(dict(RESTRICTED))
    for segment in person.all("PV2"):
        if segment.first(22).take(1).upper() == "Y":
            for draft in encounters or both:
                draft.labels.append(dict(RESTRICTED))
    for segment in person.all("PV1"):
        if segment.first(16).take(1):
            for draft in both:
                draft.labels.append(dict(CELEBRITY))
    for segment in person.all("ARV"):
        for draft in both:
            draft.labels += _restrictions(segment)


def _restrictions(segment: Segment) -> list[Coding]:
    if segment.first(2).text(1).upper() == "D":
        return []
    found: list[Coding] = []
    for element in segment.all(3):
        code = element.take(1).upper()
        if code in _RESTRICTIONS:
            found.append({"system": ACT_CODE, "code": _RESTRICTIONS[code]})
        elif code and code not in ("NO", "OI"):
            found.append(dict(RESTRICTED))
    return found


def folded(labels: list[Coding]) -> list[Coding]:
    """All marks once, of several confidentialities the highest."""
    levels = [one["code"] for one in labels if one["system"] == CONFIDENTIALITY and one["code"] in _RANK]
    rest = sorted({(one["system"], one["code"]) for one in labels if one["system"] != CONFIDENTIALITY})
    made = [{"system": CONFIDENTIALITY, "code": max(levels, key=_RANK.index)}] if levels else []
    return made + [{"system": system, "code": code} for system, code in rest]
