"""A new node's own keys, and its own record: what `serve` makes on an empty state folder, once.

Signing keys live one year (envelope.md 12). A members file that is there is never touched: it may be the
federation's. A key is never made beside others, so a state folder whose keys are lost is noticed, not mended.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from keys.algorithms import LIVE_SUITES
from keys.interface import KeyStore, Use
from keys.jwk import public_from_jwk
from keys.logs import log_origin as log_origin
from keys.logs import witness_name
from keys.member import Member, member_from_store
from keys.note import ED25519, ML_DSA_44, vkey_from_public
from keys.store.file import replace_private
from keys.syntax import SyntaxRefused, emit, parse_object, require_list
from keys.trust import trust_list, trust_list_to_json

YEAR = 365 * 86_400
_NAMED = "ledger.origin"
_STATEMENTS = ("Ed25519", "ML-DSA-65")
_LOG: tuple[tuple[Use, str], ...] = (("log", "Ed25519"), ("log", "ML-DSA-44"), ("witness", "ML-DSA-44"))


def make_signing_keys(store: KeyStore, now: int) -> None:
    """One key for each algorithm that a statement or manifest needs. `now`: POSIX seconds."""
    for alg in _STATEMENTS:
        store.create("sig", alg, nbf=now - 60, exp=now + YEAR)


def make_log_key(store: KeyStore, now: int) -> None:
    """The keys that sign the ledger's checkpoints, and the one that cosigns those of others."""
    for use, alg in _LOG:
        store.create(use, alg, nbf=now - 60, exp=now + YEAR)


def log_vkeys(store: KeyStore, member: str, origin: str = "") -> list[str]:
    """Lines of every log key of both types, under the origin of the record, else the first one."""
    return _vkeys(store, "log", origin or log_origin(member))


def witness_vkeys(store: KeyStore, member: str) -> list[str]:
    """Lines of the keys by which this member cosigns."""
    return _vkeys(store, "witness", witness_name(member))[-8:]


def _vkeys(store: KeyStore, use: Use, name: str) -> list[str]:
    types = {"Ed25519": ED25519, "ML-DSA-44": ML_DSA_44}
    keys = [key for key in store.public() if key.use == use]
    return [vkey_from_public(name, public_from_jwk(dict(key.jwk)).raw, types[key.alg]) for key in keys]


def endpoints_at(public_url: str) -> dict[str, str]:
    """Where a member is reached, by the URL that its settings say."""
    base = public_url.rstrip("/")
    return {name: f"{base}/{name}" for name in ("exchange", "ledger", "directory")}


def own_record(
    store: KeyStore,
    member: str,
    *,
    federation: str,
    previous: Member | None = None,
    at: int | None = None,
    endpoints: Mapping[str, str] | None = None,
    log: "NamedLog | None" = None,
    suites: Sequence[int] | None = None,
    min_suite: int | None = None,
) -> Member:
    """What a member publishes of itself: every usable key, and the name of its log if it has one.

    `previous`, the record in this very federation, keeps retired keys in; `at` leaves past KEM keys out;
    `endpoints`, `suites`, `min_suite`: else those of `previous`; `log`: under which name it goes on after a
    restart.
    """
    origin = log.origin if log is not None else previous.log_origin if previous else ""
    vkeys = log_vkeys(store, member, origin)[-8:]
    made = member_from_store(
        store, member, federation=federation, log_vkeys=vkeys, previous=previous, at=at,
        endpoints=endpoints or (previous.endpoints if previous else None),
        suites=suites or (previous.suites if previous else (3, 2)),
        min_suite=min_suite or (previous.min_suite if previous else 3),
    )  # fmt: skip
    rest = dict(previous.rest) if previous is not None else {}
    if witnesses := witness_vkeys(store, member):
        rest["witness"] = {"vkeys": witnesses}
    if log is not None:
        rest["previous"] = list(log.previous)
    return replace(made, rest=MappingProxyType(rest), log_origin=origin or made.log_origin)


@dataclass(frozen=True, slots=True)
class NamedLog:
    """The origin of a log that was begun anew, and `log.previous` of the record: those that it left."""

    origin: str
    previous: tuple[Mapping[str, Any], ...]


def name_log(state: Path, named: NamedLog) -> None:
    """Keep it in the state folder, where the next record of this node finds it."""
    document = {"origin": named.origin, "previous": [dict(one) for one in named.previous]}
    replace_private(state / _NAMED, emit(document))


def named_log(state: Path) -> NamedLog | None:
    """None where the log was never begun anew."""
    try:
        held = parse_object((state / _NAMED).read_bytes())
        return NamedLog(str(held["origin"]), tuple(require_list(held["previous"], 1, 64)))
    except (OSError, SyntaxRefused, KeyError):
        return None


def write_first_list(
    path: Path, members: Sequence[Member], now: int, *, federation: str, suites: Sequence[int] = (3, 2)
) -> None:
    """A members file in its first version, good for a year; `FileExistsError` if there is one."""
    first = trust_list(1, now + YEAR, members, federation=federation, suites={*LIVE_SUITES, *suites})
    listed = trust_list_to_json(first)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(listed)
        file.flush()
        os.fsync(file.fileno())


def found_member(
    store: KeyStore,
    path: Path | None,
    member: str,
    now: int,
    public_url: str = "",
    *,
    suites: Sequence[int] = (3, 2),
    min_suite: int = 3,
) -> None:
    """Keys for a store that has none, and a members file that has this node alone where there is none.

    No path: the node is in a federation, and nothing is made by itself.
    """
    if path is None:
        return
    if not store.public():
        make_signing_keys(store, now)
        make_log_key(store, now)
    if not path.exists():
        endpoints = endpoints_at(public_url) if public_url else None
        record = own_record(
            store, member, federation="local", endpoints=endpoints, suites=suites, min_suite=min_suite
        )
        write_first_list(path, [record], now, federation="local", suites=suites)
