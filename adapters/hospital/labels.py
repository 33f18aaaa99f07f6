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
_WIDE = frozenset({"ALL", "SMD", "OO"})
_WITHOUT_LABEL = frozenset({"NO", "OI"})
"""ARV-3, table 0717, to v3-ActCode; ALL SMD OO and what we do not know are R, NO and OI nothing."""


def labels_from_code(element: Element) -> list[Coding]:
    """Codes of table 0177 or 0952 (ORC-28, MSH-26) as labels; one that cannot be read is R, with its line."""
    if not element or element.is_null:
        return []
    subs = range(1, len(element.parts[0]) + 1)
    made = [_label(element, sub) for sub in subs if element.text(1, sub)]
    return made or [_unread(element)]


def _label(element: Element, sub: int) -> Coding:
    known = concept_map("v2_confidentiality").get(("", element.text(1, sub).upper()))
    if known is None or not known.code:
        return _unread(element, sub)
    element.take(1, sub)
    return {"system": known.system, "code": known.code}


def _unread(element: Element, sub: int = 0) -> Coding:
    """R for a mark that nobody can read; the line is about all of it, or about one subcomponent."""
    element.lose("rejected", "bad-code", "meta.security", [(1, sub)] if sub else None)
    return dict(RESTRICTED)


def labels_of_message(context: Context) -> list[Coding]:
    """MSH-26: on everything of the message."""
    return labels_of_field(context.message.header, 26)


def labels_of_field(segment: Segment, number: int) -> list[Coding]:
    return [label for element in segment.all(number) for label in labels_from_code(element)]


def _indicated(segment: Segment, number: int) -> list[Coding]:
    """A yes or no field (table 0136): R for yes, and with its line for whatever is not no."""
    made: list[Coding] = []
    for element in segment.all(number):
        word = element.text(1).upper()
        if element.is_null or (word in ("N", "NO") and len(element.parts[0]) == 1):
            element.take(1)
        elif word in ("Y", "YES"):
            element.take(1)
            made.append(dict(RESTRICTED))
        else:
            made.append(_unread(element))
    return made


def mark_person(person: Person, patient: Draft | None, encounters: list[Draft]) -> None:
    """PD1-12, PV1-16, PV2-22 and ARV on Patient and Encounter."""
    both = [*([patient] if patient else []), *encounters]
    for segment in person.all("PD1"):
        if patient:
            patient.labels += _indicated(segment, 12)
    for segment in person.all("PV2"):
        marks = _indicated(segment, 22)
        for draft in encounters or both:
            draft.labels += marks
    for segment in person.all("PV1"):
        if segment.first(16).take(1) or any(not one.is_null for one in segment.all(16)):
            for draft in both:
                draft.labels.append(dict(CELEBRITY))
    for segment in person.all("ARV"):
        for draft in both:
            draft.labels += _restrictions(segment)


def _restrictions(segment: Segment) -> list[Coding]:
    if segment.first(2).text(1).upper() == "D":
        return []
    found: list[Coding] = []
    known = _WIDE | _WITHOUT_LABEL | _RESTRICTIONS.keys()
    for element in segment.all(3):
        code = element.text(1).upper()
        if code in _RESTRICTIONS:
            found.append({"system": ACT_CODE, "code": _RESTRICTIONS[code]})
        if code in known:
            element.take(1)
        if code in _WIDE:
            found.append(dict(RESTRICTED))
        elif len(element.parts[0]) > 1 or not (code in known or element.is_null):
            found.append(_unread(element))
    return found


def folded(labels: list[Coding]) -> list[Coding]:
    """All marks once, of several confidentialities the highest."""
    levels = [one["code"] for one in labels if one["system"] == CONFIDENTIALITY and one["code"] in _RANK]
    rest = sorted({(one["system"], one["code"]) for one in labels if one["system"] != CONFIDENTIALITY})
    made = [{"system": CONFIDENTIALITY, "code": max(levels, key=_RANK.index)}] if levels else []
    return made + [{"system": system, "code": code} for system, code in rest]
