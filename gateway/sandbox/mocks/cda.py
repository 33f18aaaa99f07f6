"""CDA elements as small functions: ids, codes, times, quantities and null flavours (CDA R2, C-CDA R2.1)."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from gateway.sandbox.mocks.facts import Coded

Element = ElementTree.Element

NHS_NUMBER_OID = "2.16.840.1.113883.2.1.4.1"
CLINIC_OID = "2.16.840.1.113883.19.5.99"
_CCDA = "2.16.840.1.113883.10.20.22"
_SYSTEMS = {
    "sct": ("2.16.840.1.113883.6.96", "SNOMED CT"),
    "loinc": ("2.16.840.1.113883.6.1", "LOINC"),
    "rxnorm": ("2.16.840.1.113883.6.88", "RxNorm"),
}
_ACT_CODE = "2.16.840.1.113883.5.4"
_CONFIDENTIALITY = "2.16.840.1.113883.5.25"


def el(tag: str, *children: Element | str, **attributes: str) -> Element:
    """An element. `xsi_type` stands for xsi:type, `class_` for class; a string child is its text."""
    names = {"xsi_type": "xsi:type", "class_": "class"}
    element = Element(tag, {names.get(name, name): value for name, value in attributes.items()})
    for child in children:
        if not isinstance(child, str):
            element.append(child)
        elif len(element):
            element[-1].tail = (element[-1].tail or "") + child
        else:
            element.text = (element.text or "") + child
    return element


def template(path: str, version: str | None = "2015-08-01") -> list[Element]:
    """templateId without and with the version, as C-CDA R2.1 asks of a compatible document."""
    root = f"{_CCDA}.{path}"
    plain = el("templateId", root=root)
    return [plain] if version is None else [plain, el("templateId", root=root, extension=version)]


def ii(*path: object) -> Element:
    """An instance identifier under the clinic's root."""
    return el("id", root=CLINIC_OID, extension="-".join(map(str, path)))


def code(tag: str, value: Coded, *children: Element, **attributes: str) -> Element:
    oid, name = _SYSTEMS[value.system]
    own = {"code": value.code, "displayName": value.display, "codeSystem": oid, "codeSystemName": name}
    return el(tag, *children, **attributes, **own)


def act_code(tag: str, value: str, **attributes: str) -> Element:
    return el(tag, code=value, codeSystem=_ACT_CODE, **attributes)


def time_text(date: str) -> str:
    """A FHIR date or instant as a CDA TS of the same precision, with its offset."""
    day, _, clock = date.partition("T")
    return day.replace("-", "") + re.sub(r"[:]", "", clock).replace("Z", "+0000")


def moment(tag: str, date: str | None, **attributes: str) -> Element:
    if date is None:
        return el(tag, nullFlavor="UNK", **attributes)
    return el(tag, value=time_text(date), **attributes)


def interval(start: str | None, end: str | None, *, open_end: bool = False, **attributes: str) -> Element:
    """effectiveTime from `start` to `end`; `open_end`: without an end there is no `high` at all."""
    bounds = [moment("low", start)]
    if end is not None or not open_end:
        bounds.append(moment("high", end))
    return el("effectiveTime", *bounds, **attributes)


def confidentiality(marks: Sequence[str]) -> Element:
    return el("confidentialityCode", code="R" if marks else "N", codeSystem=_CONFIDENTIALITY)


def privacy_annotation(marks: Sequence[str]) -> Element:
    """The DS4P privacy annotation: confidentiality R, and each mark as a category of sensitivity."""
    values = [("SECCLASSOBS", "R", _CONFIDENTIALITY)]
    values += [("SECCATOBS", mark, _ACT_CODE) for mark in marks]
    return el(
        "organizer",
        el("templateId", root="2.16.840.1.113883.3.3251.1.4"),
        el("statusCode", code="active"),
        *(el("component", _security_observation(*value), typeCode="COMP") for value in values),
        classCode="CLUSTER",
        moodCode="EVN",
    )


def _security_observation(kind: str, value: str, system: str) -> Element:
    own = [el("templateId", root="2.16.840.1.113883.3.445.12")] if kind == "SECCLASSOBS" else []
    return el(
        "observation",
        el("templateId", root="2.16.840.1.113883.3.445.21"),
        *own,
        el("code", code=kind, codeSystem="2.16.840.1.113883.1.11.20457"),
        el("value", xsi_type="CE", code=value, codeSystem=system),
        classCode="OBS",
        moodCode="EVN",
    )


def annotated(marks: Sequence[str]) -> list[Element]:
    """The annotation as a part of an entry; nothing where there is no mark."""
    return [el("entryRelationship", privacy_annotation(marks), typeCode="COMP")] if marks else []


def serialise(root: Element) -> bytes:
    """UTF-8 with declaration. CR is written as a reference, else a parser would read it as LF."""
    text = ElementTree.tostring(root, encoding="unicode").replace("\r", "&#13;")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode("utf-8")
