"""A new node's own keys, and its own record: what `serve` makes on an empty state folder, once.

Signing keys live one year (envelope.md 12). A members file that is there is never touched: it may be the
federation's. A key is never made beside others, so a state folder whose keys are lost is noticed, not mended.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from keys.interface import KeyStore
from keys.jwk import public_from_jwk
from keys.logs import log_origin as log_origin
from keys.member import Member, member_from_store
from keys.note import vkey_from_public
from keys.trust import trust_list, trust_list_to_json

YEAR = 365 * 86_400
_STATEMENTS = ("Ed25519", "ML-DSA-65")


def make_signing_keys(store: KeyStore, now: int) -> None:
    """One key for each algorithm that a statement or manifest needs. `now`: POSIX seconds."""
    for alg in _STATEMENTS:
        store.create("sig", alg, nbf=now - 60, exp=now + YEAR)


def make_log_key(store: KeyStore, now: int) -> None:
    """The key that signs the ledger's checkpoints."""
    store.create("log", "Ed25519", nbf=now - 60, exp=now + YEAR)


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
) -> Member:
    """What a member publishes of itself: every usable key, and the name of its log if it has one.

    `previous`, the record in this very federation, keeps retired keys in; `at` leaves past KEM keys out;
    `endpoints`: else those of `previous`.
    """
    logs = [key for key in store.public() if key.use == "log"]
    vkeys = [vkey_from_public(log_origin(member), public_from_jwk(dict(key.jwk)).raw) for key in logs]
    made = member_from_store(
        store, member, federation=federation, log_vkeys=vkeys, previous=previous, at=at,
        endpoints=endpoints or (previous.endpoints if previous else None),
    )  # fmt: skip
    return made if previous is None else replace(made, rest=previous.rest)


def write_first_list(path: Path, members: Sequence[Member], now: int, *, federation: str) -> None:
    """A members file in its first version, good for a year; `FileExistsError` if there is one."""
    listed = trust_list_to_json(trust_list(1, now + YEAR, members, federation=federation))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(listed)
        file.flush()
        os.fsync(file.fileno())


def found_member(store: KeyStore, path: Path, member: str, now: int, public_url: str = "") -> None:
    """Keys for a store that has none, and a members file that has this node alone where there is none."""
    if not store.public():
        make_signing_keys(store, now)
        make_log_key(store, now)
    if not path.exists():
        endpoints = endpoints_at(public_url) if public_url else None
        record = own_record(store, member, federation="local", endpoints=endpoints)
        write_first_list(path, [record], now, federation="local")
