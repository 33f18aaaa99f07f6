"""What the operator says of the federation: `federation.json` and `registry.json` (trust-and-ledger.md 2).

Who a member *is* comes from the registry alone; what it *uses*, from its own record. Names may be of any
alphabet, everything that is compared is ASCII. Refuses with `TrustRefused("format")`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NoReturn

from keys.address import is_member
from keys.algorithms import KNOWN_SUITES
from keys.errors import TrustRefused
from keys.syntax import SyntaxRefused, require_integer, require_list, require_members

Kind = Literal["gp", "hospital", "specialist", "authority", "other"]
KINDS = ("gp", "hospital", "specialist", "authority", "other")
STATES = ("active", "suspended")
HOUR = 3600
_FEDERATION = frozenset(
    "v id name suites min_suite max_life store_and_forward timestamp_life grace witnesses".split()
)
_REGISTERED = frozenset(("name", "kind", "identifiers", "admitted", "status"))


@dataclass(frozen=True, slots=True)
class Federation:
    """Rules that hold for every member. Times in seconds."""

    id: str
    name: str
    suites: tuple[int, ...] = (3, 2)
    min_suite: int = 2
    max_life: int = 600
    store_and_forward: bool = False
    timestamp_life: int = 24 * HOUR
    grace: int = 0
    witnesses: int = 0


@dataclass(frozen=True, slots=True)
class Registered:
    """Who a member is. `identifiers`: (system, value); `admitted`: POSIX seconds."""

    name: str
    kind: Kind
    identifiers: tuple[tuple[str, str], ...]
    admitted: int
    status: Literal["active", "suspended"] = "active"


Registry = Mapping[str, Registered]


def federation_from_json(data: bytes) -> Federation:
    """Read `federation.json`."""
    try:
        held = require_members(_read(data, "federation.json"), _FEDERATION)
        suites = tuple(require_integer(suite) for suite in require_list(held["suites"], 1, 8))
        found = Federation(
            id=_ascii(held["id"]),
            name=_text(held["name"]),
            suites=suites,
            min_suite=require_integer(held["min_suite"]),
            max_life=_within(held["max_life"], 60, 604_800),
            store_and_forward=_flag(held["store_and_forward"]),
            timestamp_life=_within(held["timestamp_life"], HOUR, 72 * HOUR),
            grace=_within(held["grace"], 0, 24 * HOUR),
            witnesses=_within(held["witnesses"], 0, 16),
        )
        if require_integer(held["v"]) != 1 or not KNOWN_SUITES & set(suites) or found.min_suite > max(suites):
            raise SyntaxRefused
    except SyntaxRefused:
        raise TrustRefused("format", "federation.json") from None
    return found


def json_from_federation(federation: Federation) -> bytes:
    """`federation.json`, as `federation_from_json` reads it."""
    names = sorted(_FEDERATION - {"v", "suites"})
    held = {name: getattr(federation, name) for name in names} | {"suites": list(federation.suites)}
    return _write({"v": 1} | held)


def registry_from_json(data: bytes) -> Registry:
    """Read `registry.json`, in the order of admission: of two that claim one key the later one loses."""
    try:
        held = require_members(_read(data, "registry.json"), frozenset(("v", "members")))
        if require_integer(held["v"]) != 1 or not isinstance(held["members"], dict):
            raise SyntaxRefused
        found = {id: _registered(id, entry) for id, entry in held["members"].items()}
    except SyntaxRefused:
        raise TrustRefused("format", "registry.json") from None
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: (item[1].admitted, item[0]))))


def json_from_registry(registry: Registry) -> bytes:
    """`registry.json`, as `registry_from_json` reads it."""
    members = {
        id: {
            "name": one.name,
            "kind": one.kind,
            "identifiers": [{"system": system, "value": value} for system, value in one.identifiers],
            "admitted": one.admitted,
            "status": one.status,
        }
        for id, one in registry.items()
    }
    return _write({"v": 1, "members": members})


def _registered(id: str, entry: object) -> Registered:
    held = require_members(entry, _REGISTERED)
    if not is_member(id) or held["kind"] not in KINDS or held["status"] not in STATES:
        raise SyntaxRefused
    listed = require_list(held["identifiers"], 0, 32)
    rows = [require_members(one, frozenset(("system", "value"))) for one in listed]
    return Registered(
        _text(held["name"]),
        held["kind"],
        tuple((_ascii(row["system"]), _ascii(row["value"])) for row in rows),
        require_integer(held["admitted"]),
        held["status"],
    )


def _read(data: bytes, about: str) -> Any:
    """JSON of any alphabet; a member twice, a float or a constant is refused."""
    try:
        return _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise TrustRefused("format", about) from None


def _write(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(members := dict(pairs)) != len(pairs):
        raise SyntaxRefused
    return members


def _refuse(_: str) -> NoReturn:
    raise SyntaxRefused


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 256 or not value.isprintable():
        raise SyntaxRefused
    return value


def _ascii(value: object) -> str:
    if not _text(value).isascii():
        raise SyntaxRefused
    return _text(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise SyntaxRefused
    return value


def _within(value: object, least: int, most: int) -> int:
    number = require_integer(value)
    if not least <= number <= most:
        raise SyntaxRefused
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse)
