"""The list of members and of registered clients, with the keys that they use: an immutable value.

A node without a federation fills it from its own file (`trust_list_from_json`):

    {"v":1, "id":<federation>, "version":N, "expires":T, "members":[<member record>, …]}

`suites` beside them (`[3,2,1]`) switches suite 1 on for members that list it too; without it 3 and 2 are on.

A member record is `member.json` of trust-and-ledger.md 2; a registered client (address `<member>/<client>`)
has one of the same shape. One bad record disables that member only and is named in `disabled`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from keys.algorithms import KNOWN_SUITES, LIVE_SUITES
from keys.errors import KeyRefused, NotReady
from keys.interface import Use
from keys.jwk import jwk_from_public
from keys.member import Member, MemberKey, member_from_json
from keys.syntax import SyntaxRefused, emit, parse_object, require_integer, require_list, require_members

MAX_MEMBERS = 5_000
BACKWARDS = 300
"""Seconds by which a clock may be behind the newest signature: more, and nothing is accepted by it."""
_LIST = frozenset(("v", "id", "version", "expires", "members"))


@dataclass(frozen=True, slots=True)
class TrustList:
    """Who may speak, with which keys, until when. `version` rises with every change."""

    version: int
    expires: int
    members: Mapping[str, Member]
    federation: str = "local"
    disabled: Sequence[tuple[str, str]] = ()
    """(member id or position, what is wrong with it)."""
    suites: frozenset[int] = LIVE_SUITES
    """What the federation has switched on; nothing of another suite is sealed or believed."""
    signed: int = 0
    """POSIX second of its newest signature, 0 where nobody says: a clock before that is wrong."""
    grace: int = 0
    """Seconds after `expires` in which an emergency still passes."""
    _owners: Mapping[str, str] = field(default_factory=dict, repr=False)

    def member(self, address: str) -> Member | None:
        """The record of an address, compared byte for byte."""
        return self.members.get(address)

    def owner(self, kid: str) -> str | None:
        """The address that a key of any use belongs to."""
        return self._owners.get(kid)

    def key(self, iss: str, alg: str, kid: str, *, use: Use = "sig", at: int) -> MemberKey | None:
        """The key (`iss`, `alg`, `kid`) if `at` is inside its life; a revoked one never."""
        member = self.members.get(iss)
        key = member.key(kid) if member is not None and not member.expired(at) else None
        if key is None or (key.alg, key.use) != (alg, use) or not key.nbf <= at < key.exp:
            return None
        return key

    def resolver(self, iss: str, at: int) -> Callable[[str, str], bytes | None]:
        """For `jws.verify`: the raw key by which `iss` may have signed a statement at `at`."""

        def resolve(alg: str, kid: str) -> bytes | None:
            key = self.key(iss, alg, kid, at=at)
            return key.raw if key is not None else None

        return resolve

    def kem_key(self, address: str, alg: str, at: int) -> MemberKey | None:
        """The newest live KEM key that something for `address` may be sealed to."""
        member = self.members.get(address)
        keys = member.live("enc", alg, at) if member is not None else ()
        return keys[-1] if keys else None

    def require_fresh(self, now: int, *, emergency: bool = False) -> None:
        """After `expires` nothing is sealed and nothing opened (trust-and-ledger.md 5): `NotReady`.

        `emergency`, purpose ETREAT or BTG: `grace` longer; `stale` says that such an exchange must be marked.
        """
        if now < self.signed - BACKWARDS:
            raise NotReady("the clock is behind the trust list")
        if now >= self.expires + (self.grace if emergency else 0):
            raise NotReady("the trust list has expired")

    def stale(self, now: int) -> bool:
        """Whether it has expired, so that what still passes passes by grace alone."""
        return now >= self.expires


def trust_list(
    version: int,
    expires: int,
    members: Iterable[Member],
    *,
    federation: str = "local",
    disabled: Iterable[tuple[str, str]] = (),
    suites: Iterable[int] = LIVE_SUITES,
) -> TrustList:
    """The value over records in the order of their admission: a key seen before disables the later member."""
    accepted: dict[str, Member] = {}
    owners: dict[str, str] = {}
    refused = list(disabled)
    for member in members:
        if member.id in accepted:
            refused.append((member.id, "second record of this id"))
        elif any(key.kid in owners for key in member.keys):
            refused.append((member.id, "a key of another member"))
        else:
            accepted[member.id] = member
            owners.update((key.kid, member.id) for key in member.keys)
    return TrustList(
        version,
        expires,
        MappingProxyType(accepted),
        federation,
        tuple(refused),
        frozenset(suites),
        _owners=MappingProxyType(owners),
    )


def trust_list_from_json(data: bytes) -> TrustList:
    """Read a members file; `KeyRefused` if the file as a whole is not one."""
    try:
        document = require_members(parse_object(data, lines=True), _LIST, frozenset(("suites",)))
        if require_integer(document["v"]) != 1 or not isinstance(document["id"], str):
            raise SyntaxRefused
        version, expires = require_integer(document["version"]), require_integer(document["expires"])
        entries = require_list(document["members"], 0, MAX_MEMBERS)
        suites = _suites(document.get("suites"))
    except SyntaxRefused:
        raise KeyRefused("not a members file") from None
    members, disabled = _read_members(entries, document["id"])
    return trust_list(version, expires, members, federation=document["id"], disabled=disabled, suites=suites)


def _suites(value: object) -> frozenset[int]:
    """What a members file switches on."""
    if value is None:
        return LIVE_SUITES
    found = frozenset(require_integer(suite) for suite in require_list(value, 1, 8))
    if not found <= KNOWN_SUITES:
        raise SyntaxRefused
    return found


def _read_members(entries: list[Any], federation: str) -> tuple[list[Member], list[tuple[str, str]]]:
    members: list[Member] = []
    disabled: list[tuple[str, str]] = []
    for position, entry in enumerate(entries):
        try:
            members.append(member_from_json(entry, federation))
        except KeyRefused as refused:
            name = entry.get("id") if isinstance(entry, dict) else None
            disabled.append((name if isinstance(name, str) else f"#{position}", str(refused)))
    return members, disabled


def trust_list_to_json(trust: TrustList) -> bytes:
    """The members file that `trust_list_from_json` reads back to an equal list."""
    document = {
        "v": 1,
        "id": trust.federation,
        "version": trust.version,
        "expires": trust.expires,
        "members": [json_from_member(member) for member in trust.members.values()],
    }
    if trust.suites != LIVE_SUITES:
        document["suites"] = sorted(trust.suites, reverse=True)
    return emit(document)


def json_from_member(member: Member) -> dict[str, Any]:
    """The record as `member_from_json` reads it."""
    why = member.rest.get("why") or {}
    record: dict[str, Any] = {
        "v": 1,
        "id": member.id,
        "suites": list(member.suites),
        "min_suite": member.min_suite,
        "keys": [_json_from_key(key) for key in member.keys],
        "revoked": [
            {"kid": kid, "from": since, "why": why.get(kid, "compromised")}
            for kid, since in member.revoked.items()
        ],
    }
    if member.endpoints:
        record["endpoints"] = dict(member.endpoints)
    if member.log_origin:
        previous = member.rest.get("previous") or []
        record["log"] = {"origin": member.log_origin, "vkeys": list(member.log_vkeys), "previous": previous}
    record.update((name, member.rest[name]) for name in ("witness", "contact") if member.rest.get(name))
    return record


def _json_from_key(key: MemberKey) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "use": key.use,
        "nbf": key.nbf,
        "exp": key.exp,
        "jwk": dict(jwk_from_public(key.alg, key.raw)),
    }
    return entry | ({"pop": key.pop} if key.pop else {})


__all__ = [
    "Member",
    "MemberKey",
    "TrustList",
    "trust_list",
    "trust_list_from_json",
    "trust_list_to_json",
]
