"""The invariants of R4 that the boundary holds (normalisation.md 1, rule 12), each under the standard's key.

Where a rule can be met without inventing anything, the defect says what has to go or be put; else what the
rule is about goes as a whole.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from adapters.boundary.defect import Defect, Found
from adapters.times import utc_key

Rule = Callable[[dict[str, Any]], Found]
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/"
_VALUE = ("value", "_value")
_CLOSED = frozenset({"inactive", "resolved", "remission"})


def unknown() -> dict[str, Any]:
    """An element that holds nothing but the statement that its value is not known."""
    return {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": _CLINICAL + system, "code": code}]}


def _codings(concept: Any) -> Iterator[tuple[Any, Any]]:
    """(system, code) of a CodeableConcept, whatever it really is."""
    listed = concept.get("coding") if isinstance(concept, dict) else None
    for coding in listed if isinstance(listed, list) else ():
        if isinstance(coding, dict):
            system, code = coding.get("system"), coding.get("code")
            if isinstance(code, str) and (system is None or isinstance(system, str)):
                yield system, code


def _has(holder: dict[str, Any], stem: str) -> list[str]:
    """Members of a choice, or of one primitive and its extensions."""
    return [name for name in holder if stem in name and name.lstrip("_").startswith(stem)]


def _retracted(holder: dict[str, Any]) -> bool:
    return any(code == "entered-in-error" for _, code in _codings(holder.get("verificationStatus")))


def _observation(holder: dict[str, Any]) -> Found:
    if "dataAbsentReason" not in holder and "component" not in holder:
        return None
    if not _has(holder, "value"):
        return None
    if "dataAbsentReason" in holder:
        return [Defect("obs-6", "bad-code", "dataAbsentReason")]
    components = holder.get("component")
    if isinstance(components, list):
        own = set(_codings(holder.get("code")))
        for one in components:
            if isinstance(one, dict) and own.intersection(_codings(one.get("code"))):
                # Nobody can tell which of the two values is meant.
                return [Defect("obs-7", "too-many")]
    return None


def _allergy(holder: dict[str, Any]) -> Found:
    retracted, stated = _retracted(holder), "clinicalStatus" in holder
    if stated and retracted:
        return [Defect("ait-2", "bad-code", "clinicalStatus")]
    if not stated and not retracted:
        # Caution: an allergy that nobody says is over is active.
        active = _concept("allergyintolerance-clinical", "active")
        return [Defect("ait-1", "bad-code", put=("clinicalStatus", active))]
    return None


def _condition(holder: dict[str, Any]) -> Found:
    stated = "clinicalStatus" in holder
    if stated and _retracted(holder):
        return [Defect("con-5", "bad-code", "clinicalStatus")]
    abated = _has(holder, "abatement")
    if not abated:
        return None
    if not stated and not _retracted(holder):
        # What has abated is at least inactive, the parent of the three codes that the rule allows.
        return [
            Defect("con-4", "bad-code", put=("clinicalStatus", _concept("condition-clinical", "inactive")))
        ]
    system = _CLINICAL + "condition-clinical"
    if stated and not any(s == system and c in _CLOSED for s, c in _codings(holder.get("clinicalStatus"))):
        return [Defect("con-4", "bad-date", name) for name in abated]
    return None


def _appointment(holder: dict[str, Any]) -> Found:
    starts, ends = _has(holder, "start"), _has(holder, "end")
    status = holder.get("status")
    if bool(starts) != bool(ends):
        return [Defect("app-2", "bad-date", put=("_end" if starts else "_start", unknown()))]
    if not starts and status not in ("proposed", "cancelled", "waitlist"):
        return [Defect("app-3", "bad-date", put=(name, unknown())) for name in ("_start", "_end")]
    if "cancelationReason" in holder and status not in ("cancelled", "noshow"):
        return [Defect("app-4", "bad-code", "cancelationReason")]
    return None


def _linkage(holder: dict[str, Any]) -> Found:
    items = holder.get("item")
    return None if isinstance(items, list) and len(items) > 1 else [Defect("lnk-1", "bad-reference")]


def _period(holder: dict[str, Any]) -> Found:
    start, end = holder.get("start"), holder.get("end")
    if not isinstance(start, str) or not isinstance(end, str):
        return None
    shared = min(len(start), len(end), 10)
    if start[:shared] < end[:shared]:
        return None
    if "T" in start and "T" in end:
        first, last = utc_key(start), utc_key(end)
        fine = not first or not last or first <= last
    else:
        fine = start[:shared] == end[:shared]
    return None if fine else [Defect("per-1", "bad-date")]


def _extension(holder: dict[str, Any]) -> Found:
    values = False
    for name in holder:  # of nothing are there more than of extensions: no generator
        if name.startswith(_VALUE):
            values = True
    return [Defect("ext-1", "too-many")] if values == ("extension" in holder) else None


RULES: Mapping[str, Rule] = {
    "AllergyIntolerance": _allergy,
    "Appointment": _appointment,
    "Condition": _condition,
    "Extension": _extension,
    "Linkage": _linkage,
    "Observation": _observation,
    "Period": _period,
}
"""By type; a rule is called after the elements of its holder were looked at."""


def contained_defects(resource: dict[str, Any]) -> list[Defect]:
    """dom-3: each contained resource is referred to from the resource, or refers to it."""
    listed = resource.get("contained")
    if not isinstance(listed, list):
        return []
    local: set[str] = set()
    for member, value in resource.items():
        if member != "contained":
            local.update(_local_references(value))
    inner = [set(_local_references(one)) for one in listed]
    found = []
    for place, one in enumerate(listed):
        own = f"#{one.get('id')}" if isinstance(one, dict) else ""
        others = (each for number, each in enumerate(inner) if number != place)
        if "#" not in inner[place] and own not in local and not any(own in each for each in others):
            found.append(Defect("dom-3", "bad-reference", place, "contained"))
    return found


def _local_references(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value.startswith("#"):
            yield value
    elif isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _local_references(child)
