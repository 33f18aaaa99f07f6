"""The seam between a provider's system and the node.

Two parts, on purpose apart:

* a `SourceAdapter` does input and output: it asks one system about one patient and brings back
  `Original`s, the bytes exactly as they came, and how the asking ended;
* a `Normaliser` is pure: it turns one original into FHIR R4 resources, one Provenance and the loss
  ledger that says what became of every value of the input.

A feed that pushes (HL7 v2 over MLLP), a pull at exchange time, a replay of kept originals and
`carepact normalise` all call the same normaliser.

FHIR JSON is the shared type: `dict[str, Any]` with `decimal.Decimal` for every non-integer number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from adapters.losses import Losses
from adapters.terminology.tables import Overlay

JSON = dict[str, Any]
"""One FHIR R4 resource as plain data; decimals are `Decimal`, never float."""

Kind = Literal["gp", "hospital", "specialist", "fhir-r4"]
"""Which adapter serves a source; `fhir-r4` is any server of that protocol, whoever runs it."""
FetchState = Literal["answered", "no-record", "withheld", "failed", "timed-out"]
FailReason = Literal["unreachable", "refused", "malformed", "quarantined"]


@dataclass(frozen=True, slots=True)
class Identifier:
    """A business identifier (FHIR Identifier: `system` is an absolute URI, `value` as issued)."""

    system: str
    value: str


@dataclass(frozen=True, slots=True)
class Source:
    """What a normaliser needs to know of the system that sent the bytes. No address, no credential."""

    id: str
    """Id of the source within the node: in `meta.source`, ids and the command line."""
    kind: Kind
    custodian: str
    """Directory id of the organisation whose records these are."""
    id_key: bytes
    """32-byte node secret of the deterministic ids (normalisation.md 1, rule 2)."""
    zone: str | None = None
    """IANA zone of times that came without an offset; None: such a time becomes its date."""
    charset: str | None = None
    charset_override: str | None = None
    """HL7 v2: beats MSH-18, of a sender whose label is known to lie."""
    facility: str | None = None
    """Default assigning authority of identifiers that name none."""
    identifier_order: tuple[str, ...] = ()
    authorities: Mapping[str, str] = field(default_factory=dict)
    """Local namespace (HL7 v2 HD-1, CX-4.1) to absolute system URI."""
    test_messages: Literal["park", "accept", "refuse"] = "park"
    codes: Overlay | None = None
    """The operator's own map of this source's codes (normalisation.md 7)."""


@dataclass(frozen=True, slots=True)
class Original:
    """Bytes as they came, kept before anything is parsed."""

    body: bytes
    media_type: str
    asked: tuple[Identifier, ...] = ()
    """What the source was asked for, in a pull; a record about anybody else is quarantined."""
    intake: str = ""
    """Id under which the node keeps the bytes; set by intake, the anchor of `meta.source`."""


@dataclass(frozen=True, slots=True)
class Merge:
    """One record of the source that another one of it replaces, by one unit of the input."""

    old: str
    """`Patient/id` of the record that is replaced."""
    new: str
    position: str
    """Where the input says so."""
    items: int
    """Mapped values of that unit: they fail with it."""
    refs: tuple[str, ...]
    """Resources that only this unit brought."""


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """What one original became. `resources` start with the Patients; ids are set, references relative."""

    resources: tuple[JSON, ...]
    provenance: JSON | None
    losses: Losses
    mapping: str
    """`<adapter>:<hash of its tables>`, the policy of the Provenance."""
    event_time: str = ""
    """When the event happened, UTC `YYYY-MM-DDTHH:MM:SS.ffffffZ`, else empty: first sort key of the fold."""
    sequence: int = 0
    """MSH-13 or its like: second sort key of the fold."""
    control: str = ""
    """Key under which the sender repeats itself (HL7 v2: MSH-3,4,10), else empty."""
    quarantine: str | None = None
    """Set: nothing of this batch may enter a record (`wrong-patient`, `no-patient`, `unreadable`, `test`)."""
    handed_on: tuple[Original, ...] = ()
    """Documents inside of this one, each an original of its own (`registry.normaliser_of` says whose)."""
    acts: Mapping[str, bytes] = field(default_factory=dict)
    """`Type/id` to what the input does beside saying it (cancel, delete, merge, move), for the fold."""
    merges: tuple[Merge, ...] = ()
    """Merges of patients, in order; one that would close a circle is refused, the others stand."""
    digest: str = ""
    """SHA-256 of the message that has the `control`, in hex: whether it is the same one again."""


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks, as far as a source's own protocol wants to know it (GP Connect audit token)."""

    organisation: str
    practitioner: str | None
    role: str | None
    purpose: str


@dataclass(frozen=True, slots=True)
class PatientQuery:
    """Whom a source is asked about."""

    identifiers: tuple[Identifier, ...]
    requester: Requester
    at: datetime
    """Clock reading of the exchange (aware)."""
    trace: str
    """Id of the exchange, for the source's own log. Says nothing about the patient."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """How asking one source ended. `originals` may be non-empty with `failed`: what came is kept."""

    state: FetchState
    originals: tuple[Original, ...] = ()
    reason: FailReason | None = None
    truncated: int = 0
    """Units of the patient's record that are known to be missing and that no original speaks of."""
    whole: bool = True
    """False: a part did not come, and the ledger of the originals says so (failed pages)."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`pull`: can be asked at exchange time; otherwise a feed, whose records are already stored."""

    kind: Kind
    pull: bool
    identifier_systems: tuple[str, ...]
    """Systems that it can be asked by; empty: any."""


class SourceAdapter(Protocol):
    """One provider's system. Never raises for what the source did: that is `Fetched.state`."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def find(self, identifiers: tuple[Identifier, ...]) -> bool:
        """Whether this source can be asked about any of these at all (by identifier system)."""
        ...

    async def fetch(self, patient: PatientQuery, deadline: float) -> Fetched:
        """Ask for the whole record. `deadline`: seconds left, in total, retries included."""
        ...


class Normaliser(Protocol):
    """Pure. `at` is the clock reading that goes into Provenance.recorded. Never raises on data."""

    def normalise(self, original: Original, source: Source, at: datetime) -> SourceBatch: ...
