"""The seam of intake/: what became of something that a source sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from gateway.records.interface import JSON

State = Literal["received", "stored", "quarantined", "refused"]


class Digest(Protocol):
    """Derived facts of one resource, as bytes that a decision reads later (`consent/digest.py`). Pure."""

    def __call__(self, resource: JSON, *, custodian: str, patients: tuple[str, ...]) -> bytes:
        """`patients`: source Patients of a resource that names none itself but is about somebody, else ()."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """What one original of a pull became.

    `unchanged`: the same bytes as in the newest answer of that source about that person: nothing was mapped.
    """

    intake: str
    state: Literal["stored", "unchanged", "quarantined"]
    quarantine: str | None = None
    """Why nothing of it entered a record: `wrong-patient`, `no-patient`, `unreadable`, `test`,
    `mapping-defect`, `erased`."""
    person: str | None = None
    """`Patient/<index id>` whose record it went into."""
    truncated: int = 0
    """Units of the patient's record that could not be taken in (rejected and failed ones)."""
    retired: int = 0
    """Resources of the source that a complete snapshot no longer has (on the first of it)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An original as the node keeps it, without its bytes. Times are FHIR instants."""

    intake: str
    arrival: int
    source: str
    custodian: str
    received: str
    seen: str
    sha256: bytes
    """Over the bytes; of an HL7 v2 message over its segments joined by CR: line ends do not matter."""
    size: int
    media_type: str
    state: State
    reason: str | None
    person: str | None
    mapping: str
    status: str
    counts: Mapping[str, int]
    """`total`, `mapped`, `kept`, `lost`."""
    truncated: int


@dataclass(frozen=True, slots=True)
class LossLine:
    """One line of the ledger of one original (normalisation.md 2)."""

    intake: str
    unit: int
    position: str
    items: int
    disposition: str
    reason: str
    target: str | None
    resource: str | None


@dataclass(frozen=True, slots=True)
class LossSum:
    """Lines and items under one key of a grouping, `<disposition>/<reason>` when grouped by reason."""

    key: str
    lines: int
    items: int
