"""What the cycle needs of the node; put together once by `gateway/bootstrap.py`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from adapters.interface import Normaliser, Source, SourceAdapter
from consent.floor import FloorPack
from gateway.directory.interface import Directory
from gateway.exchange.links import Links
from gateway.exchange.source_rules import SourceRules, no_source_rules
from gateway.intake.intake import Intake
from gateway.records.interface import Database
from gateway.records.room import Room
from keys.interface import Entropy, KeyStore


@dataclass(frozen=True, slots=True)
class BoundSource:
    """One source with its adapter and its pure normaliser."""

    source: Source
    adapter: SourceAdapter
    normaliser: Normaliser


async def _nowhere(member: str, at: int) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Node:
    """Clock and entropy are the only ways to time and randomness. `directory` may change."""

    member: str
    base: str
    """FHIR base of `fullUrl`s, from `public_url`."""
    database: Database
    room: Callable[[Connection], Room]
    """The records room of one unit of work."""
    sources: tuple[BoundSource, ...]
    intake: Intake
    keys: KeyStore
    directory: Callable[[], Directory]
    """Members with their keys, and the register; taken once per exchange, rechecked in the release."""
    floor: FloorPack
    clock: Callable[[], datetime]
    entropy: Entropy
    answer_resources: int
    organisations: frozenset[str]
    """Organisations of this node: a consent that another recorded came from a member."""
    refuse_forked: bool = False
    """Nothing goes to or comes from a member of whom two histories are on record (`ledger.on_fork`)."""
    mark_checkpoint: Callable[[bytes], None] | None = None
    """Keeps the newest checkpoint outside of the database (`gateway.audit.marks`)."""
    source_rules: Callable[[], SourceRules] = no_source_rules
    """What its custodians hold back, as of now; like `directory` rechecked in the release."""
    links: Links = field(default_factory=Links, repr=False)
    """The ways to other members' nodes."""
    look: Callable[[str, int], Awaitable[bool]] = _nowhere
    """(member, POSIX seconds): look for a key of hers that the list lacks; whether the list changed."""
