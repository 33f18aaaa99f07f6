"""The node's log as other members meet it: its own published form, and what it says of theirs.

Everything that publishing, witnessing and watching need of the node, put together by `gateway/bootstrap.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from adapters.addresses import Reach
from gateway.audit.checkpoints import Mark
from gateway.audit.interface import PersonVault
from gateway.audit.peers import Book, Standing, origin_of, take_checkpoint
from gateway.directory.interface import Directory
from gateway.records.interface import Database
from keys.errors import NotReady
from keys.interface import Entropy, KeyStore
from keys.logs import witness_keys
from keys.member import Member


@dataclass(frozen=True, slots=True)
class LogDesk:
    """`vault`: the persons' keys in one unit of work; `quorum`: witnesses that a publication needs."""

    me: str
    database: Database
    keys: KeyStore
    directory: Callable[[], Directory]
    vault: Callable[[Connection], PersonVault]
    entropy: Entropy
    now: Callable[[], int]
    """POSIX seconds."""
    quorum: Callable[[], int | None] = lambda: None
    """`witnesses` of the federation; None without one."""
    mark: Mark | None = None
    reach: Reach = field(default_factory=Reach)
    """Addresses that members' endpoints may lead to."""

    def book(self, connection: Connection) -> Book:
        return Book(self.me, self.vault(connection), self.entropy)

    def take(self, unit: Connection, issuer: str, note: bytes, at: int) -> Standing:
        """`peers.take_checkpoint` for a message of the member with this id; the hook of the exchange."""
        member = self.directory().trust.member(issuer)
        if member is None:
            return "refused"
        return take_checkpoint(unit, member, note, at, book=self.book(unit))

    def member_of_origin(self, origin: str) -> Member | None:
        """Whose present log this is."""
        members = self.directory().trust.members.values()
        return next((one for one in members if origin_of(one) == origin), None)

    def member_key(self, member: str, kid: str, now: int) -> bytes | None:
        """A member's Ed25519 `sig` key in force, for the token endpoint; none after the list has expired."""
        directory = self.directory()
        try:
            directory.require_fresh(now)
        except NotReady:
            return None
        key = directory.trust.key(member, "Ed25519", kid, at=now)
        return None if key is None else key.raw

    def witnesses(self) -> tuple[Member, ...]:
        """Members other than this one that cosign and can be reached."""
        now = self.now()
        return tuple(
            one
            for one in self.directory().trust.members.values()
            if one.id != self.me and one.endpoints.get("ledger") and witness_keys(one, now)
        )

    def needed(self) -> int:
        """The quorum: the federation's; without one 0 alone, 1 beside one witness, else 2 (section 11)."""
        said = self.quorum()
        return min(2, len(self.witnesses())) if said is None else said
