"""One member record: what a member, or a registered client of one, uses (trust-and-ledger.md 2)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from keys.address import is_address, is_member
from keys.algorithms import KNOWN_SUITES, verifies
from keys.errors import KeyRefused, UnknownKey
from keys.interface import KeyStore, PublicKey, Use
from keys.jwk import PublicHalf, public_from_jwk
from keys.syntax import (
    SyntaxRefused,
    b64u,
    require_integer,
    require_list,
    require_members,
    require_text,
    unb64u,
)

MAX_KEYS = 64
MAX_ENC_KEYS = 8
"""Of each KEM."""
MAX_ENC_LIFE = 48 * 3600

_RECORD = frozenset(("v", "id", "suites", "min_suite", "keys", "revoked"))
_RECORD_MAY = frozenset(("endpoints", "log", "witness", "contact"))
_KEY = frozenset(("use", "nbf", "exp", "jwk"))
_REVOKED = frozenset(("kid", "from", "why"))
_LOG = frozenset(("origin", "vkeys", "previous"))
_ALGORITHMS = {
    "sig": ("Ed25519", "ML-DSA-65", "ES256"),
    "enc": ("HPKE-9-KE", "HPKE-7-KE"),
    "log": ("Ed25519", "ML-DSA-44"),
    "witness": ("ML-DSA-44",),
}
_LINE = re.compile(r"[\x20-\x7e]{0,2048}").fullmatch
_PATH = r"(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]{0,512})?"
_URL = re.compile(
    rf"https://(?:[A-Za-z0-9.-]{{1,253}}|\[[0-9a-f:.]{{2,45}}\]){_PATH}"
    rf"|http://(?:127\.0\.0\.1|localhost|\[::1\]){_PATH}"
).fullmatch
"""An endpoint: HTTPS, or a loopback for a sandbox; no credentials, no query. Where it leads is judged when it
is dialled (`adapters.addresses`)."""
_USE = re.compile("|".join(_ALGORITHMS)).fullmatch


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class MemberKey:
    """A public key of a member, guarded at load. `pop`: b64u proof of possession, `""` for `enc` keys."""

    kid: str
    use: Use
    alg: str
    raw: bytes
    nbf: int
    exp: int
    pop: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """What a member uses. `suites` it takes, `min_suite` below which nothing of it is believed."""

    id: str
    suites: tuple[int, ...]
    min_suite: int
    keys: tuple[MemberKey, ...]
    revoked: Mapping[str, int] = field(default_factory=_nothing)
    """kid -> since when; a revoked key is refused whatever a message says of its own time."""
    endpoints: Mapping[str, str] = field(default_factory=_nothing)
    log_origin: str = ""
    log_vkeys: tuple[str, ...] = ()
    rest: Mapping[str, Any] = field(default_factory=_nothing)
    """`witness`, `contact`, `log.previous` and the reasons of revocation, kept as they came."""
    until: int | None = None
    """POSIX seconds from which on the record itself has expired: then this member is believed in nothing."""

    def key(self, kid: str) -> MemberKey | None:
        """The key of that id, unless revoked."""
        if kid in self.revoked:
            return None
        return next((key for key in self.keys if key.kid == kid), None)

    def expired(self, at: int) -> bool:
        """Whether the record itself is too old to be believed."""
        return self.until is not None and at >= self.until

    def live(self, use: Use, alg: str, at: int) -> tuple[MemberKey, ...]:
        """Keys of this use and algorithm that are neither revoked nor outside their life, oldest first."""
        if self.expired(at):
            return ()
        found = [
            key
            for key in self.keys
            if (key.use, key.alg) == (use, alg) and key.nbf <= at < key.exp and key.kid not in self.revoked
        ]
        return tuple(sorted(found, key=lambda key: (key.nbf, key.kid)))


def pop_message(federation: str, address: str, kid: str) -> bytes:
    """What a `sig`, `log` or `witness` key signs to show that its owner holds it."""
    bound = f"carepact/pop\0{federation}\0{address}\0"
    return bound.encode("ascii") + unb64u(kid, 32)


def member_key_from_store(store: KeyStore, key: PublicKey, federation: str, address: str) -> MemberKey:
    """The entry of one of our own keys, with proof of possession."""
    half = public_from_jwk(dict(key.jwk), use=key.use)
    pop = "" if key.use == "enc" else b64u(store.sign(key.kid, pop_message(federation, address, key.kid)))
    return MemberKey(half.kid, key.use, half.alg, half.raw, key.nbf, key.exp, pop)


def member_from_store(
    store: KeyStore,
    address: str,
    *,
    federation: str = "local",
    suites: Sequence[int] = (3, 2),
    min_suite: int = 3,
    endpoints: Mapping[str, str] | None = None,
    log_vkeys: Sequence[str] = (),
    previous: Member | None = None,
    at: int | None = None,
) -> Member:
    """The record that a node, or a client, publishes of itself: every usable key of its store.

    `previous`, the record so far, keeps its retired keys in: old evidence must stay verifiable. `at` leaves
    out KEM keys that are past, which only open what is still on its way.
    """
    keys = list(_published(store, federation, address, at or 0))
    kept = {key.kid for key in keys}
    before = previous.keys if previous else ()
    keys += [_ended(key, store) for key in before if key.kid not in kept and key.use != "enc"]
    return Member(
        id=address,
        suites=tuple(suites),
        min_suite=min_suite,
        keys=tuple(sorted(keys, key=lambda key: (key.nbf, key.kid))),
        revoked=previous.revoked if previous else MappingProxyType({}),
        endpoints=MappingProxyType(dict(endpoints or {})),
        log_origin=f"{address}/ledger" if log_vkeys else "",
        log_vkeys=tuple(log_vkeys),
    )


def _published(store: KeyStore, federation: str, address: str, at: int) -> Iterator[MemberKey]:
    for key in store.public():
        if key.use in _ALGORITHMS and (key.use != "enc" or key.exp > at):
            try:
                yield member_key_from_store(store, key, federation, address)
            except UnknownKey:
                continue  # retired: it can no longer prove possession, `previous` has it


def _ended(key: MemberKey, store: KeyStore) -> MemberKey:
    """A key whose private half is gone ends where it went."""
    end = next((own.exp for own in store.public() if own.kid == key.kid), key.exp)
    return replace(key, exp=max(key.nbf + 1, min(key.exp, end)))


def member_from_json(value: object, federation: str) -> Member:
    """A record, with every guard of trust-and-ledger.md 2; `KeyRefused` names the rule, never a value."""
    try:
        return _member(value, federation)
    except SyntaxRefused:
        raise KeyRefused("not a member record") from None


def _member(value: object, federation: str) -> Member:
    record = require_members(value, _RECORD, _RECORD_MAY)
    if require_integer(record["v"]) != 1 or not is_address(record["id"]):
        raise SyntaxRefused
    suites = tuple(require_integer(suite) for suite in require_list(record["suites"], 1, 8))
    minimum = require_integer(record["min_suite"])
    if not KNOWN_SUITES & set(suites) or len(set(suites)) != len(suites) or minimum > max(suites):
        raise KeyRefused("suites that nobody can use")
    keys = tuple(_key(entry, federation, record["id"]) for entry in require_list(record["keys"], 0, MAX_KEYS))
    _require_sound_keys(keys, record["id"])
    log = require_members(record.get("log", {}), frozenset(), _LOG)
    return Member(
        id=record["id"],
        suites=suites,
        min_suite=minimum,
        keys=keys,
        revoked=MappingProxyType(dict(_revoked(entry) for entry in require_list(record["revoked"], 0, 256))),
        endpoints=_endpoints(record.get("endpoints", {})),
        log_origin=require_text(log.get("origin", ""), _LINE),
        log_vkeys=tuple(require_text(vkey, _LINE) for vkey in require_list(log.get("vkeys", []), 0, 8)),
        rest=MappingProxyType(_rest(record, log)),
    )


def _rest(record: dict[str, Any], log: dict[str, Any]) -> dict[str, Any]:
    why = {entry["kid"]: entry["why"] for entry in record["revoked"]}
    return {name: record.get(name) for name in ("witness", "contact")} | {
        "previous": log.get("previous"),
        "why": why,
    }


def _key(entry: object, federation: str, address: str) -> MemberKey:
    members = require_members(entry, _KEY, frozenset(("pop",)))
    use: Any = require_text(members["use"], _USE)
    half = public_from_jwk(members["jwk"], use=use)
    nbf, exp = require_integer(members["nbf"]), require_integer(members["exp"])
    if half.alg not in _ALGORITHMS[use] or nbf >= exp:
        raise KeyRefused("a key of another use, or without a life")
    pop = members.get("pop", "")
    if use != "enc":
        _require_possession(half, pop, federation, address)
    elif pop != "":
        raise SyntaxRefused
    return MemberKey(half.kid, use, half.alg, half.raw, nbf, exp, pop)


def _require_possession(half: PublicHalf, pop: object, federation: str, address: str) -> None:
    if not verifies(half.alg, half.raw, unb64u(pop), pop_message(federation, address, half.kid)):
        raise KeyRefused("no proof of possession")


def _require_sound_keys(keys: tuple[MemberKey, ...], address: str) -> None:
    if len({key.kid for key in keys}) != len(keys):
        raise KeyRefused("one key twice")
    enc = [key for key in keys if key.use == "enc"]
    if any(sum(key.alg == alg for key in enc) > MAX_ENC_KEYS for alg in _ALGORITHMS["enc"]):
        raise KeyRefused("too many KEM keys")
    # A client registers its own key for longer; a node makes a new one every day (envelope.md 9, 11).
    if is_member(address) and any(key.exp - key.nbf > MAX_ENC_LIFE for key in enc):
        raise KeyRefused("a KEM key that lives too long")


def _revoked(entry: object) -> tuple[str, int]:
    members = require_members(entry, _REVOKED)
    unb64u(members["kid"], 32)
    require_text(members["why"], _LINE)
    return members["kid"], require_integer(members["from"])


def _endpoints(value: object) -> Mapping[str, str]:
    members = require_members(value, frozenset(), frozenset(("exchange", "ledger", "directory")))
    return MappingProxyType({name: require_text(url, _URL) for name, url in members.items()})
