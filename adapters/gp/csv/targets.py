"""What a column may be: the closed list of targets, `<row kind>.<field>`, and the type of its cells."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

CellType = Literal["text", "token", "time", "date", "number", "whole", "nhs", "choice"]

_STATUSES = {
    "condition": "active recurrence relapse inactive remission resolved",
    "allergy": "active inactive resolved",
    "medication": "active completed entered-in-error intended stopped on-hold unknown not-taken",
    "result": "registered preliminary final amended corrected cancelled entered-in-error unknown",
    "immunisation": "completed entered-in-error not-done",
}
_CODED = {"code": "token", "display": "text", "text": "text", "note": "text", "label": "token"}


@dataclass(frozen=True, slots=True)
class Target:
    """`type`: how a cell is read; `choices`: the codes that it may be, of a `choice`."""

    kind: str
    field: str
    type: CellType
    choices: frozenset[str] = frozenset()


def _kind(kind: str, types: Mapping[str, str], **choices: str) -> dict[str, Target]:
    fields = {name: Target(kind, name, cell) for name, cell in types.items()}  # type: ignore[arg-type]
    for name, codes in choices.items():
        field = name.replace("_", "-")
        fields[field] = Target(kind, field, "choice", frozenset(codes.split()))
    return {f"{kind}.{name}": target for name, target in fields.items()}


_PEOPLE = dict.fromkeys("family given prefix address city postcode phone email".split(), "text")
TARGETS: Mapping[str, Target] = MappingProxyType(
    _kind(
        "patient",
        _PEOPLE
        | {"nhs-number": "nhs", "identifier": "token", "birth-date": "date", "deceased": "time"}
        | {"label": "token"},
        gender="male female other unknown",
    )
    | _kind(
        "condition",
        _CODED | dict.fromkeys(("onset", "abatement", "recorded"), "time"),
        clinical_status=_STATUSES["condition"],
        verification_status="unconfirmed provisional differential confirmed refuted entered-in-error",
        category="problem-list-item encounter-diagnosis",
    )
    | _kind(
        "medication",
        _CODED | {"start": "time", "end": "time", "recorded": "time", "dosage": "text", "reason": "text"},
        status=_STATUSES["medication"],
    )
    | _kind(
        "allergy",
        _CODED | {"onset": "time", "recorded": "time", "reaction": "text"},
        clinical_status=_STATUSES["allergy"],
        verification_status="unconfirmed confirmed refuted entered-in-error",
        type="allergy intolerance",
        category="food medication environment biologic",
        criticality="low high unable-to-assess",
    )
    | _kind(
        "result",
        _CODED
        | {"value": "number", "unit": "text", "unit-code": "token", "value-text": "text", "date": "time"}
        | {"issued": "time", "low": "number", "high": "number"},
        status=_STATUSES["result"],
        category="laboratory vital-signs social-history imaging exam survey procedure",
    )
    | _kind(
        "immunisation",
        _CODED
        | {"date": "time", "lot": "text", "expiry": "date", "dose-number": "whole", "site": "text"}
        | {"route": "text", "reason": "text"},
        status=_STATUSES["immunisation"],
    )
)
"""Every target that a column may have."""
KINDS = tuple(dict.fromkeys(target.kind for target in TARGETS.values()))
NEEDS_SYSTEM = frozenset(("patient.identifier", *(name for name in TARGETS if name.endswith(".label"))))
"""Targets whose values mean nothing without the system that they are from."""
