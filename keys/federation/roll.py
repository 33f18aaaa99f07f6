"""The members of a list, each verified when somebody needs it (trust-and-ledger.md 4, step 6).

Five hundred members cost two signatures each and proofs of possession of every key; a node speaks with a few
of them. What lies here was fetched; a member counts once 1. its role is signed by the pair that the operator
delegated to, 2. its record is the one that the role names, and keeps every rule, 3. none of its keys is one
of a member that was admitted before it. Who fails is in `refused`, with the reason, never in the mapping.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tuf.api.metadata import Targets

from keys.errors import KeyRefused, TrustRefused
from keys.federation.documents import Federation
from keys.federation.metadata import MEMBER_LIMIT, expiry, metadata_from_bytes, require_signed
from keys.federation.record import member_from_record
from keys.jwk import kid_from_jwk
from keys.member import Member
from keys.syntax import SyntaxRefused, parse_object


@dataclass(frozen=True, slots=True)
class Fetched:
    """One member's files, and the metadata that delegates to it. The record's hash is the one of the role."""

    role: bytes = field(repr=False)
    record: bytes = field(repr=False)
    delegator: Targets = field(repr=False)


class Roll(Mapping[str, Member]):
    """`order`: ids as they were admitted. `gone`: id -> why, of those that have no files here.

    `now`: POSIX seconds for which roles must be fresh; None reads back what was verified before. `before`:
    the roll of the list before, whose members need no second look where nothing of theirs changed.
    """

    def __init__(
        self,
        order: Sequence[str],
        fetched: Mapping[str, Fetched],
        gone: Mapping[str, str],
        federation: Federation,
        now: int | None,
        before: "Roll | None" = None,
    ) -> None:
        self._order = tuple(order)
        self._fetched = fetched
        self._federation = federation
        self._now = now
        self._judged: dict[str, Member | str] = dict(gone)
        self._read: dict[str, tuple[Fetched, Member]] = before.carried(federation) if before else {}
        self._claims: dict[str, list[str]] | None = None
        self.refused: Sequence[tuple[str, str]] = Refused(self)
        self.owners: Mapping[str, str] = Owners(self)

    def __getitem__(self, id: str) -> Member:
        found = self.judged(id)
        if not isinstance(found, Member):
            raise KeyError
        return found

    def __iter__(self) -> Iterator[str]:
        return (id for id in self._order if isinstance(self.judged(id), Member))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def judged(self, id: object) -> Member | str:
        """The member, or why it is none."""
        if not isinstance(id, str):
            return "no member"
        found = self._judged.get(id)
        if found is None:
            if id not in self._fetched:
                return "no member"
            found = self._judged[id] = self._judge(id)
        return found

    def every(self) -> Iterator[tuple[str, Member | str]]:
        """Everybody who is registered, in the order of admission."""
        return ((id, self.judged(id)) for id in self._order)

    def claimants(self, kid: str) -> Sequence[str]:
        """Who says that this key is its own, in the order of admission; nothing of it is verified."""
        if self._claims is None:
            claims: dict[str, list[str]] = {}
            for id in self._order:
                for claimed in _claimed(self._fetched.get(id)):
                    claims.setdefault(claimed, []).append(id)
            self._claims = claims
        return self._claims.get(kid, ())

    def carried(self, federation: Federation) -> dict[str, tuple[Fetched, Member]]:
        """What a next list of the same rules need not verify again."""
        return dict(self._read) if federation == self._federation else {}

    def _judge(self, id: str) -> Member | str:
        try:
            member = self._member(id)
        except (TrustRefused, KeyRefused) as refused:
            return str(refused)
        for key in member.keys:
            for other in self.claimants(key.kid):
                if other == id:
                    break
                if self.holds(other, key.kid):
                    return "a key of another member"
        return member

    def holds(self, id: str, kid: str) -> bool:
        """Whether it is a member, and has this key."""
        found = self.judged(id)
        return isinstance(found, Member) and any(key.kid == kid for key in found.keys)

    def last(self, id: str) -> Member | None:
        """Its record as it verified, however old: for the member itself, which goes on from there."""
        try:
            return self._whenever(id) if id in self._fetched else None
        except (TrustRefused, KeyRefused):
            return None

    def _member(self, id: str) -> Member:
        member = self._whenever(id)
        if self._now is not None and member.expired(self._now):
            raise TrustRefused("expired", "member metadata")
        return member

    def _whenever(self, id: str) -> Member:
        fetched = self._fetched[id]
        known = self._read.get(id)
        if known is None or not _same(known[0], fetched, id):
            self._read[id] = fetched, self._verified(id, fetched)
        return self._read[id][1]

    def _verified(self, id: str, fetched: Fetched) -> Member:
        role = metadata_from_bytes(fetched.role, Targets, "member metadata", MEMBER_LIMIT)
        require_signed(fetched.delegator, id, role)
        return replace(member_from_record(fetched.record, id, self._federation), until=expiry(role))


class Refused(Sequence[tuple[str, str]]):
    """(member id, why) of everybody registered who is not believed."""

    def __init__(self, roll: Roll) -> None:
        self._roll = roll

    def _all(self) -> list[tuple[str, str]]:
        return [(id, why) for id, why in self._roll.every() if isinstance(why, str)]

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        return self._all()[at]

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())


class Owners(Mapping[str, str]):
    """kid -> the member whose key it is. Only who claims a key is verified for it."""

    def __init__(self, roll: Roll) -> None:
        self._roll = roll

    def __getitem__(self, kid: str) -> str:
        for id in self._roll.claimants(kid):
            if self._roll.holds(id, kid):
                return id
        raise KeyError

    def __iter__(self) -> Iterator[str]:
        return (key.kid for member in self._roll.values() for key in member.keys)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _claimed(fetched: Fetched | None) -> Iterator[str]:
    if fetched is None:
        return
    try:
        record = parse_object(fetched.record, lines=True)
        entries = record["keys"]
        yield from (kid_from_jwk(entry["jwk"]) for entry in entries)
    except (SyntaxRefused, KeyError, TypeError):
        return  # such a record is refused when it is read


def _same(known: Fetched, fetched: Fetched, id: str) -> bool:
    return (known.role, known.record) == (fetched.role, fetched.record) and _keys(known, id) == _keys(
        fetched, id
    )


def _keys(fetched: Fetched, id: str) -> list[dict[str, object]]:
    role = fetched.delegator.get_delegated_role(id)
    delegations = fetched.delegator.delegations
    assert delegations is not None
    return [delegations.keys[keyid].to_dict() for keyid in role.keyids]
