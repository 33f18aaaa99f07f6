"""What a member hands over: its record, its role over it, and a statement by which it asks to join.

`join-<id>.json` (trust-and-ledger.md 6): strict JSON `{v, federation, root, id, keys, files, statement}`.
`keys` are its role's public keys as JWK, `files` its metadata and record by path, `statement` a JWS
(`carepact-join+json`) by every live key of its record that signs, over federation, root, member, a nonce, the
time and the digest of all of it. An update is
the same without the statement: its role's own signatures say who sends it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.directory.interface import DirectoryRefused
from keys import jws
from keys.address import is_member
from keys.errors import KeyRefused, StatementRefused
from keys.federation.author import Pair, member_files
from keys.federation.documents import Federation
from keys.federation.record import member_from_record
from keys.federation.signer import StoreSigner, tuf_key
from keys.interface import KeyStore
from keys.member import Member, MemberKey
from keys.syntax import (
    SyntaxRefused,
    b64u,
    emit,
    parse_object,
    require_integer,
    require_list,
    require_members,
    unb64u,
)
from keys.trust import json_from_member

_FILE = frozenset(("v", "federation", "root", "id", "keys", "files"))
_CLAIMS = frozenset(("v", "federation", "root", "id", "at", "nonce", "sha256"))


@dataclass(frozen=True, slots=True)
class Joining:
    """A join file that holds together. `at`: POSIX seconds of its statement; 0 for an update."""

    id: str
    federation: str
    root: str
    pair: Pair
    files: Mapping[str, bytes]
    member: Member
    at: int


def own_files(
    member: Member, version: int, now: int, pair: tuple[StoreSigner, StoreSigner]
) -> dict[str, bytes]:
    """Role and record, signed by the member's own pair."""
    return member_files(member.id, emit(json_from_member(member)), version, now, pair)


def joining_to_bytes(
    member: Member,
    files: Mapping[str, bytes],
    pair: tuple[StoreSigner, StoreSigner],
    *,
    federation: str,
    root: str,
    now: int,
    signers: tuple[jws.Signer, ...] = (),
    nonce: bytes = b"",
) -> bytes:
    """The file to hand over; with `signers` the statement of who asks to join. `nonce`: 16 random bytes."""
    body = {
        "v": 1,
        "federation": federation,
        "root": root,
        "id": member.id,
        "keys": [dict(signer.jwk) for signer in pair],
        "files": {path: b64u(data) for path, data in files.items()},
    }
    if not signers:
        return emit(body) + b"\n"
    claims = {
        "v": 1,
        "federation": federation,
        "root": root,
        "id": member.id,
        "at": now,
        "nonce": b64u(nonce),
    }
    statement = jws.sign(jws.JOIN, emit(claims | {"sha256": _digest(body)}), signers)
    return emit(body | {"statement": b64u(statement)}) + b"\n"


def proving_keys(member: Member, at: int) -> tuple[MemberKey, ...]:
    """The keys that a request to join is signed by: all of the record that sign and live, at most eight."""
    live = [key for key in member.keys if key.use != "enc" and key.nbf <= at < key.exp]
    return tuple(sorted(live, key=lambda key: (key.use, key.alg, key.kid))[: jws.MAX_SIGNATURES])


def proofs(member: Member, store: KeyStore, at: int) -> tuple[jws.Signer, ...]:
    """Our own signers for those keys."""
    known = {key.kid: key for key in store.public()}
    return tuple(jws.signer_from_store(store, known[key.kid]) for key in proving_keys(member, at))


def joining_from_bytes(data: bytes, federation: Federation, root: str) -> Joining:
    """Read and hold everything in it against everything else. Raises `DirectoryRefused`, naming the rule."""
    try:
        held = require_members(parse_object(data.rstrip(b"\n"), lines=True), _FILE, frozenset(("statement",)))
        if (
            require_integer(held["v"]) != 1
            or not is_member(held["id"])
            or not isinstance(held["files"], dict)
        ):
            raise SyntaxRefused
        files = {path: unb64u(text) for path, text in held["files"].items()}
        first, second = (tuf_key(jwk) for jwk in require_list(held["keys"], 2, 2))
    except (SyntaxRefused, KeyRefused):
        raise DirectoryRefused("not a join file") from None
    if (held["federation"], held["root"]) != (federation.id, root):
        raise DirectoryRefused("a join file for another federation")
    member = _member(held["id"], files, federation)
    at = _statement(held, member) if "statement" in held else 0
    return Joining(held["id"], federation.id, root, (first, second), files, member, at)


def _member(id: str, files: Mapping[str, bytes], federation: Federation) -> Member:
    records = [data for path, data in files.items() if path.startswith(f"targets/members/{id}/")]
    if len(files) != 2 or len(records) != 1:
        raise DirectoryRefused("a join file holds one role and one record")
    try:
        return member_from_record(records[0], id, federation)
    except KeyRefused as refused:
        raise DirectoryRefused(f"the record: {refused}") from None


def _statement(held: Mapping[str, object], member: Member) -> int:
    """Signed by every key of the very record that it brings: whoever made the file holds them."""
    try:
        unchecked = jws.parse(unb64u(held["statement"]), jws.JOIN)
        claims = require_members(unchecked.claims, _CLAIMS)
        at = require_integer(claims["at"])
        unb64u(claims["nonce"], 16)
        keys = proving_keys(member, at)
        jws.require_algorithms(unchecked, [key.alg for key in keys])
        named = {(key.alg, key.kid): key.raw for key in keys}
        raws = jws.resolve_keys(unchecked, lambda alg, kid: named.get((alg, kid)))
        if len({signature.kid for signature in unchecked.signatures}) != len(keys):
            raise StatementRefused("issuer")
        jws.check(unchecked, raws)
    except (SyntaxRefused, StatementRefused):
        raise DirectoryRefused("the statement of the join file does not hold") from None
    body = {name: held[name] for name in _FILE}
    expected = {"v": 1, "federation": held["federation"], "root": held["root"], "id": member.id, "at": at}
    expected |= {"nonce": claims["nonce"]}
    if claims != expected | {"sha256": _digest(body)}:
        raise DirectoryRefused("the statement is about another join file")
    return at


def _digest(body: Mapping[str, object]) -> str:
    return b64u(hashlib.sha256(emit(dict(body))).digest())
