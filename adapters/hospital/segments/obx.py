"""OBX to Observation."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from adapters.hospital.codes import concept_from_cwe, concept_from_table, table
from adapters.hospital.context import ABSENT, Context, Draft
from adapters.hospital.groups import Noted
from adapters.hospital.identifiers import identifier_from_ei
from adapters.hospital.message import Segment
from adapters.hospital.people import organization_from_xon, practitioner_from_xcn
from adapters.hospital.segments.nte import annotation_from_ntes
from adapters.hospital.units import unit_from_cwe
from adapters.hospital.values import Unit, number_from, value_from_obx
from adapters.interface import JSON
from adapters.terminology.tables import concept_map

_ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_REASONS = {"X": ("not-performed", "Not Performed"), "N": ("not-asked", "Not Asked")}
_RANGE = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(?:-|to)\s*(-?\d+(?:\.\d+)?)\s*\Z")
_FLAGS = table("0078")
_LINES = frozenset({"TX", "FT"})


@dataclass(frozen=True, slots=True)
class Setting:
    """What an OBX inherits from the order or visit that it stands in."""

    patient: Draft
    encounter: Draft | None
    key: str
    """Key of the report, or of patient and visit."""
    status: str | None = None
    """Status of the report, for an empty OBX-11."""
    effective: JSON | None = None
    """`effectiveDateTime` or `effectivePeriod` of OBR, for an empty OBX-14."""
    tags: frozenset[str] = frozenset()
    """What was assumed for `effective`."""
    request: Draft | None = None
    specimen: Draft | None = None


def observation_from_obx(context: Context, result: Noted, setting: Setting, ordinal: int) -> Draft | None:
    """Observation; None for one that is no result (OBX-11 `O`) or that says neither what nor how much."""
    obx = result.segment
    if obx.text(11).upper() == "O":
        obx.lose("not-mapped", "no-target", "Observation")
        return None
    code = concept_from_cwe(context, obx.first(3))
    if code is None and not obx.all(5):
        return None
    key = "\x1f".join((setting.key, *equals_of(obx), str(ordinal)))
    draft = context.draft("Observation", key)
    for element in obx.all(21):
        identifier = identifier_from_ei(draft, element)
        draft.append("identifier", identifier.body if identifier else None)
    draft.put("basedOn", [setting.request.link()] if setting.request else None)
    _status(draft, obx, setting)
    code = code or {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
    draft.put("code", code)
    draft.put("subject", setting.patient.link())
    draft.put("encounter", setting.encounter.link() if setting.encounter else None)
    _effective(draft, obx, setting)
    _performers(draft, obx)
    unit = unit_from_cwe(context, obx.first(6))
    _value(draft, obx, code, unit)
    for element in obx.all(8):
        draft.append("interpretation", concept_from_table(context, element, "v2_interpretation", _FLAGS))
    draft.append("note", annotation_from_ntes(draft, result.notes))
    draft.put("bodySite", concept_from_cwe(context, obx.first(20)))
    draft.put("method", concept_from_cwe(context, obx.first(17)))
    draft.put("specimen", setting.specimen.link() if setting.specimen else None)
    _reference_range(draft, obx, unit)
    return context.add(draft)


def _status(draft: Draft, obx: Segment, setting: Setting) -> None:
    said = obx.first(11)
    status = draft.code(said, "v2_observation_status", "status")
    reason = _REASONS.get(said.text(1).upper())
    if reason:
        coding = {"system": _ABSENT_REASON, "code": reason[0], "display": reason[1]}
        draft.body["dataAbsentReason"] = {"coding": [coding]}
    if status is None and not said.text(1) and setting.status:
        status = setting.status
    if status is None:
        status = "unknown"
        draft.assume(f"{obx.position}-11", "status", status)
    draft.put("status", status)


def _effective(draft: Draft, obx: Segment, setting: Setting) -> None:
    observed = draft.time(obx.first(14), "effectiveDateTime")
    if observed:
        draft.put("effectiveDateTime", observed)
    elif setting.effective:
        draft.body |= setting.effective
        draft.tags |= setting.tags


def _performers(draft: Draft, obx: Segment) -> None:
    for element in (*obx.all(16), *obx.all(25)):
        draft.append("performer", practitioner_from_xcn(draft, element, "performer"))
    made = [organization_from_xon(draft, element) for element in obx.all(23)]
    draft.append("performer", *made)
    if not made and obx.first(15):
        producer = concept_from_cwe(draft.context, obx.first(15)) or {}
        words = producer.get("text") or next((c["code"] for c in producer.get("coding", ())), "")
        if words:
            inside = {"resourceType": "Organization", "name": words, "type": [producer]}
            draft.append("performer", draft.contain(inside, words))


def _value(draft: Draft, obx: Segment, code: JSON, unit: Unit) -> None:
    """One value, or for a repeating OBX-5 a component of the same code each (obs-7: no value beside)."""
    kind = (obx.text(2) or "ST").upper()
    elements = [element for element in obx.all(5) if element and not element.is_null]
    for element in obx.all(5):
        if element.is_null:
            element.take()
    if len(elements) <= 1 or kind in _LINES:
        made = value_from_obx(draft, kind, elements, unit)
        draft.append("extension", *made.pop("extension", ()))
        draft.body |= made
    else:
        for element in elements:
            made = value_from_obx(draft, kind, [element], unit)
            draft.append("component", {"code": code} | made if made else None)
    body = draft.body
    if "dataAbsentReason" in body and ("component" in body or any(name.startswith("value") for name in body)):
        del body["dataAbsentReason"]


def _reference_range(draft: Draft, obx: Segment, unit: Unit) -> None:
    text = obx.first(7).words("")
    if not text:
        return
    made: JSON = {}
    bounds = _bounds_from(text)
    if bounds and "valueString" not in draft.body:
        made = {"low": {"value": bounds[0]} | unit, "high": {"value": bounds[1]} | unit}
    draft.put("referenceRange", [made | {"text": text}])


@lru_cache(maxsize=1024)
def _bounds_from(text: str) -> tuple[Decimal, Decimal] | None:
    """Low and high of `3.5-5.0` and its like; None for other words."""
    found = _RANGE.match(text)
    low, high = (number_from(bound) for bound in found.groups()) if found else (None, None)
    return (low, high) if low is not None and high is not None and low <= high else None


def equals_of(obx: Segment) -> tuple[str, str]:
    """What makes two OBX of one report equal: code and sub-id. Their ordinal tells them apart."""
    return obx.text(3) or obx.raw_field(3), obx.raw_field(4)


def status_of(obx: Segment) -> str | None:
    """Peek at the status, for a report that states none."""
    found = concept_map("v2_observation_status").get(("", obx.text(11).upper()))
    return found.code if found and found.code else None
