"""The seam of records/: normalised resources as bytes with their digest, and the index of patients.

A *person* is `Patient/<index id>`, this node's own random id. A *source Patient* is the Patient resource that
a source sent, `Patient/<deterministic id>`; the index links it to one person. Records, consents and ledger
entries are sealed under the key of the person; identifiers are kept as keyed tokens.

Stores are synchronous and bound to one unit of work.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

from sqlalchemy import Connection

from adapters.interface import Identifier

T = TypeVar("T")
JSON = dict[str, Any]


class Database(Protocol):
    """Units of work; `gateway/db/unit_of_work.py` says what holds of them."""

    async def read(self, fn: Callable[[Connection], T]) -> T: ...

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Durable when it returns; nothing happened when it raises. `fn` may be run more than once."""
        ...

    async def close(self) -> None: ...


class SealBroken(Exception):
    """Something stored does not open: altered, moved to another place, or its key was erased."""

    def __init__(self) -> None:
        super().__init__("a stored value does not open")


class KeyErased(SealBroken):
    """The key of this subject was erased on purpose; nothing is stored under it again."""


class AmbiguousPatient(Exception):
    """An identifier belongs to more than one person here; a person must decide."""

    def __init__(self) -> None:
        super().__init__("more than one person has this identifier")


@dataclass(frozen=True, slots=True)
class Resolved:
    """Who an identifier is. `person` (`Patient/<index id>`) is set in the state `person` only."""

    state: Literal["person", "none", "ambiguous"]
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A source Patient and the person it was linked to. `reason` is a word of `match.py`'s table."""

    patient: str
    person: str
    reason: str
    custodian: str
    source: str
    at: str
    """FHIR instant, UTC."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """One resource as one original said it. `order` decides which contribution is the current one."""

    ref: str
    """`Type/id`."""
    body: bytes
    """Compact JSON of `adapters.codec.encode`."""
    content: bytes
    """SHA-256 of `body` with the id of the intake taken out: two sayings of the same are equal in it."""
    digest: bytes
    """Derived facts for decisions; opaque here."""
    custodian: str
    source: str
    intake: str
    patients: tuple[str, ...]
    """Source Patients whose record it belongs to (several only for people, places and organisations)."""
    key: str
    """Name of the key it is sealed under: a person, or the resource itself if it is nobody's."""
    event_time: str = ""
    sequence: int = 0
    rank: int = 0
    """Of two statuses at one time the higher wins (normalisation.md S21); 0 where there is no such status."""
    arrival: int = 0
    act: bytes = b""
    """What the original did beside saying the resource (cancel, delete, merge); opaque, part of `content`."""

    @property
    def order(self) -> tuple[str, int, int, int]:
        return (self.event_time, self.sequence, self.rank, self.arrival)


@dataclass(frozen=True, slots=True)
class Record:
    """The current state of one resource. `sha256` is over `body`; `patient` is a source Patient."""

    ref: str
    patient: str
    body: bytes
    digest: bytes
    sha256: bytes
    custodian: str
    source: str
    version: int
    intake: str
    event_time: str
    seen: str
    """Instant of the newest original that held it: the `as-of` of the completeness statement."""
    order: tuple[str, int, int, int] = ("", 0, 0, 0)
    """Of the contribution that is current."""
    memory: bytes = b""
    """What folding needs beside the body to go on from here; read by `current` alone."""

    @property
    def type(self) -> str:
        return self.ref.partition("/")[0]

    @property
    def id(self) -> str:
        return self.ref.partition("/")[2]


@dataclass(frozen=True, slots=True)
class Version:
    """One contribution in the history of a resource, oldest event first."""

    intake: str
    event_time: str
    sequence: int
    arrival: int
    body: bytes
    act: bytes = b""


@dataclass(frozen=True, slots=True)
class Put:
    """What storing contributions changed, by ref: new, a new version, the same again, or history only."""

    created: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    older: tuple[str, ...] = ()
    """Something that happened later is known already; among them what says the same as that."""


class RecordStore(Protocol):
    """Resources by `Type/id`; every contribution is kept, the latest by event is the current state."""

    def put(self, contributions: Sequence[Contribution], *, seen: str) -> Put:
        """Store what one original said. Order of calls does not matter. `seen`: instant of the original."""
        ...

    def of_person(
        self,
        person: str,
        sources: Iterable[str] | None = None,
        *,
        aliases: Mapping[str, str] | None = None,
    ) -> tuple[Record, ...]:
        """Active records of the person, of these source ids (None: all), ordered by source and ref.

        `aliases`: those of the index, where the caller has just read them in this unit of work.
        Raises `SealBroken` rather than leave out what does not open.
        """
        ...

    def current(self, ref: str) -> Record | None: ...

    def history(self, ref: str) -> tuple[Version, ...]: ...

    def amend(
        self,
        ref: str,
        body: bytes | None,
        digest: bytes = b"",
        *,
        memory: bytes = b"",
        new_version: bool = True,
    ) -> bool:
        """Show this state, folded from the history, instead of the latest contribution; None: the latest.

        `memory`: what does not show. `new_version` False: it belongs to the version that `put` just made.
        Whether that changed anything.
        """

    def leave(self, ref: str, stays: Sequence[str]) -> None:
        """The resource belongs to the records of these source Patients and to no other any more."""

    def retire(self, patients: Sequence[str], source: str, *, intakes: Sequence[str], seen: str) -> int:
        """A complete snapshot of `source` consists of `intakes`: what it no longer says becomes inactive.

        Nothing is erased, and a later original that says it again brings it back. Returns how many.
        """
        ...


class PatientIndex(Protocol):
    """Who is who. Nothing is ever linked but by the certain rule (normalisation.md 9b.1)."""

    def resolve(self, identifiers: Sequence[Identifier]) -> Resolved:
        """All identifiers together must lead to exactly one person."""
        ...

    def register(self, identifier: Identifier, *, at: datetime) -> str:
        """The person of an identifier, made if nobody has it. Raises `AmbiguousPatient`."""
        ...

    def link(self, patient: JSON, *, custodian: str, source: str, at: datetime) -> Link:
        """Index a source's Patient resource (with its id) and link it to a person, new or known.

        Linking is recomputed over everybody who shares an identifier, so order of arrival does not matter.
        """
        ...

    def preview(self, patient: JSON, *, custodian: str, source: str) -> str | None:
        """The person that `link` would choose, None if it would make one; changes nothing."""
        ...

    def person_of(self, patient: str) -> str | None:
        """The person of a source Patient, or of a person that was joined to another."""
        ...

    def persons(self, person: str) -> tuple[str, ...]:
        """The person that it is now, then all that turned out to be the same: what was said of one holds."""
        ...

    def links(self, person: str) -> tuple[Link, ...]:
        """Every link of the person, by source Patient."""
        ...

    def aliases(self, person: str) -> Mapping[str, str]:
        """Every reference that means this person (source Patients, joined persons) to the person."""
        ...

    def identifiers(self, person: str) -> tuple[Identifier, ...]:
        """Every identifier that linked sources or a registration gave, without repeats."""
        ...
