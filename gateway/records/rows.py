"""What the rooms' logic asks of a storage: rows in, rows out. `memory.py` and `sql.py` are two answers.

The logic (`vault.py`, `index.py`, `store.py`) is written once; a storage does no thinking.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from keys.interface import Entropy

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def person_id(entropy: Entropy) -> str:
    """`Patient/` and 26 random characters: the node's own name of a person, which says nothing about her."""
    return "Patient/" + "".join(_ALPHABET[byte & 31] for byte in entropy(26))


@dataclass(frozen=True, slots=True)
class PersonRow:
    """`joined`: the person that this one turned out to be. `sealed`: identifiers of a registration."""

    id: str
    made: str
    joined: str | None = None
    sealed: bytes | None = None


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A source Patient, its person (before joins), and its features sealed under the key named `key`."""

    patient: str
    person: str
    reason: str
    custodian: str
    source: str
    at: str
    key: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class RecordRow:
    """Which contribution (`intake`) is the current one of a resource, and its place among events."""

    ref: str
    custodian: str
    source: str
    version: int
    event_time: str
    sequence: int
    rank: int
    arrival: int
    intake: str
    content: bytes
    folded: bytes | None = None
    """State that was folded from several contributions, sealed; None: the current contribution's body."""
    folded_digest: bytes | None = None
    memory: bytes | None = None
    """What a fold needs to go on and does not show, sealed."""

    @property
    def order(self) -> tuple[str, int, int, int]:
        return (self.event_time, self.sequence, self.rank, self.arrival)


@dataclass(frozen=True, slots=True)
class ContributionRow:
    """What one original said of a resource. Without body: the same as the current state said then."""

    ref: str
    intake: str
    key: str
    event_time: str
    sequence: int
    rank: int
    arrival: int
    content: bytes
    sha256: bytes
    body: bytes | None = None
    digest: bytes | None = None
    act: bytes | None = None


@dataclass(frozen=True, slots=True)
class MemberRow:
    """That a resource belongs to the record of a source Patient; `seen`: newest original that said so."""

    ref: str
    patient: str
    source: str
    seen: str
    active: bool = True


Found = tuple[RecordRow, ContributionRow, MemberRow]


class IndexRows(Protocol):
    """Persons, links and identifier tokens."""

    def lock(self, tokens: Iterable[bytes]) -> None:
        """Until the unit of work ends nobody else works on these identifiers."""
        ...

    def persons(self, ids: Iterable[str]) -> Mapping[str, PersonRow]: ...

    def joined_to(self, person: str) -> tuple[str, ...]: ...

    def save_person(self, row: PersonRow) -> None: ...

    def owners(self, tokens: Iterable[bytes]) -> frozenset[str]:
        """Source Patients and registered persons that have any of these."""
        ...

    def set_tokens(self, owner: str, tokens: Iterable[bytes]) -> None:
        """From now on the owner has these and no others."""
        ...

    def links_of(self, patients: Iterable[str]) -> Mapping[str, LinkRow]: ...

    def links_to(self, persons: Iterable[str]) -> tuple[LinkRow, ...]:
        """By source Patient."""
        ...

    def save_link(self, row: LinkRow) -> None: ...


class RecordRows(Protocol):
    """Records, contributions and membership."""

    def get(self, refs: Iterable[str]) -> Mapping[str, RecordRow]:
        """Locked until the unit of work ends."""
        ...

    def insert(self, rows: Sequence[RecordRow]) -> None: ...

    def update(self, rows: Sequence[RecordRow]) -> None: ...

    def add(self, contributions: Sequence[ContributionRow]) -> None: ...

    def touch(self, members: Sequence[MemberRow]) -> None:
        """Make members active, unless a newer original has spoken since."""
        ...

    def leave(self, ref: str, stays: Sequence[str]) -> None:
        """Members of the resource other than these become inactive."""
        ...

    def retire(self, patients: Sequence[str], source: str, intakes: Sequence[str], seen: str) -> int:
        """Members from `source` without a contribution of `intakes`, not seen later, become inactive."""
        ...

    def of_patients(self, patients: Sequence[str], sources: Sequence[str] | None) -> list[Found]:
        """Active members with the contribution that is current."""
        ...

    def current(self, ref: str) -> Found | None: ...

    def history(self, ref: str) -> tuple[ContributionRow, ...]:
        """Oldest event first."""
        ...
