"""A batch of a normaliser into what the store takes: bytes, hash, digest and patients of each resource. Pure.

Done before the unit of work, so that the writer only writes.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from adapters import codec
from adapters.hospital.acts import act_from_bytes
from adapters.hospital.fold import rank_of
from adapters.interface import Identifier, Source, SourceBatch
from adapters.losses import LossEntry
from gateway.intake.interface import Digest
from gateway.records.interface import JSON

UNPATIENTED = frozenset(
    "Organization Practitioner PractitionerRole Location HealthcareService Medication Substance Device "
    "Endpoint".split()
)
"""Types that are nobody's: shared by the records of all patients that they occur with."""
_ABOUT = ("subject", "patient", "beneficiary", "individual")


@dataclass(frozen=True, slots=True)
class Piece:
    """One resource ready to store. `patients`: source Patients whose record it is part of."""

    ref: str
    body: bytes
    content: bytes
    digest: bytes
    patients: tuple[str, ...]
    shared: bool
    rank: int
    act: bytes = b""


_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Prepared:
    """`patients`: the Patient resources themselves, to be linked. `remarks`: ledger lines found here."""

    patients: tuple[JSON, ...]
    pieces: tuple[Piece, ...]
    remarks: tuple[LossEntry, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """An original that is kept, and what its normaliser made of it."""

    intake: str
    arrival: int
    source: Source
    at: datetime
    batch: SourceBatch
    prepared: Prepared
    asked: tuple[Identifier, ...] = ()
    person: str | None = None
    """Whom a pull was about; None: whoever `asked` leads to."""

    def place(self, piece: Piece) -> tuple[str, int, int, int]:
        """Where among the events of its key a piece stands."""
        sequence = max(-_MOST, min(self.batch.sequence, _MOST))
        return self.batch.event_time, sequence, piece.rank, self.arrival


def prepare(batch: SourceBatch, *, intake: str, custodian: str, digest: Digest) -> Prepared:
    """Pieces of a batch. Of two resources with one id that differ the later stands, with a remark."""
    resources = [*batch.resources, *([batch.provenance] if batch.provenance else [])]
    patients = tuple(one for one in resources if one["resourceType"] == "Patient")
    everybody = tuple(dict.fromkeys(f"Patient/{one['id']}" for one in patients))
    pieces: dict[str, Piece] = {}
    remarks: list[LossEntry] = []
    for resource in resources:
        act = batch.acts.get(f"{resource['resourceType']}/{resource['id']}", b"")
        piece = _piece(resource, everybody, intake, custodian, digest, act)
        known = pieces.get(piece.ref)
        if known is not None and known.content != piece.content:
            remarks.append(LossEntry("", 1, "assumed", "no-key", resource=piece.ref))
        pieces[piece.ref] = piece
    return Prepared(patients, tuple(pieces.values()), tuple(remarks))


def _piece(
    resource: JSON, everybody: tuple[str, ...], intake: str, custodian: str, digest: Digest, act: bytes
) -> Piece:
    kind = resource["resourceType"]
    ref = f"{kind}/{resource['id']}"
    own = (ref,) if kind == "Patient" else tuple(_patients_of(resource))
    shared = not own and kind in UNPATIENTED
    body = codec.encode(resource)
    return Piece(
        ref=ref,
        body=body,
        content=content_of(body, intake, act),
        digest=digest(resource, custodian=custodian, patients=() if own or shared else everybody),
        patients=own or everybody,
        shared=shared,
        rank=rank_of(resource, act_from_bytes(act)),
        act=act,
    )


def content_of(body: bytes, intake: str, act: bytes) -> bytes:
    """What tells two sayings apart: the resource without the intake that it came by, and the act."""
    return hashlib.sha256(body.replace(intake.encode(), b"") + act).digest()


def _patients_of(resource: JSON) -> Iterable[str]:
    for name in _ABOUT:
        element = resource.get(name)
        reference = element.get("reference") if isinstance(element, Mapping) else None
        if isinstance(reference, str) and reference.startswith("Patient/"):
            yield reference
            return
