"""JWS General JSON (RFC 7515 section 7.2.1) with a closed algorithm table and no option at all.

Exactly `payload` and `signatures`; each signature exactly `protected` and `signature`; each protected header
exactly `alg`, `kid`, `typ`. `jwk jku x5u x5c crit b64 zip` and anything else are refused, so no key, no
address and no algorithm is ever taken from the message (envelope.md 4, 13.5).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from keys.algorithms import STATEMENT_SIGNATURES, verifies
from keys.errors import StatementRefused
from keys.interface import KeyStore, PublicKey
from keys.lifecycle import newest
from keys.syntax import (
    SyntaxRefused,
    b64u,
    emit,
    parse_object,
    require_list,
    require_members,
    require_text,
    unb64u,
)

MANIFEST = "carepact-manifest+json"
AGREEMENT = "carepact-agreement+json"
COMPLETENESS = "carepact-completeness+json"
DECISION = "carepact-decision+json"
ERASURE = "carepact-erasure+json"
JOIN = "carepact-join+json"
PING = "carepact-ping+json"
RECEIPT = "carepact-receipt+json"
RECONCILE = "carepact-reconcile+json"
TYPES = frozenset((MANIFEST, AGREEMENT, COMPLETENESS, DECISION, ERASURE, JOIN, PING, RECEIPT, RECONCILE))

MAX_BYTES = 1 << 20
MAX_SIGNATURES = 8

Resolve = Callable[[str, str], bytes | None]
"""(alg, kid) -> raw public key that may sign this statement, or None."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key behind its store: what it is called, and how to sign with it."""

    alg: str
    kid: str
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Signature:
    """One parsed signature. `signing_input` is `protected.payload` as received."""

    alg: str
    kid: str
    signing_input: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A JWS whose syntax holds and whose signatures nobody looked at yet. `claims`: the payload, read."""

    payload: bytes
    claims: Mapping[str, Any]
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """A JWS whose every signature holds. `signers`: (alg, kid) in order."""

    payload: bytes
    signers: tuple[tuple[str, str], ...]


def signer_from_store(store: KeyStore, key: PublicKey) -> Signer:
    """A signer over a key in a store."""
    return Signer(key.alg, key.kid, lambda data: store.sign(key.kid, data))


def signers_from_store(
    store: KeyStore, algorithms: Sequence[str] = STATEMENT_SIGNATURES, *, at: int
) -> tuple[Signer, ...]:
    """The newest live `sig` key for each algorithm, in order; `UnknownKey` if one is missing."""
    public = store.public()
    keys = [newest(public, "sig", alg, at) for alg in algorithms]
    return tuple(signer_from_store(store, key) for key in keys)


def sign(typ: str, payload: bytes, signers: Sequence[Signer]) -> bytes:
    """Sign exactly these bytes, once per signer, in order; `StatementRefused` if nobody could read them."""
    if typ not in TYPES or not 0 < len(signers) <= MAX_SIGNATURES:
        raise StatementRefused("type")
    _strict(payload)
    return sign_read(typ, payload, signers)


def sign_read(typ: str, payload: bytes, signers: Sequence[Signer]) -> bytes:
    """As `sign`, for a payload that was read back already."""
    body, signatures = b64u(payload), []
    for signer in signers:
        protected = _protected(signer.alg, signer.kid, typ)
        signature = b64u(signer.sign(f"{protected}.{body}".encode("ascii")))
        signatures.append(f'{{"protected":"{protected}","signature":"{signature}"}}')
    return f'{{"payload":"{body}","signatures":[{",".join(signatures)}]}}'.encode("ascii")


def parse(jws: bytes, typ: str) -> Unchecked:
    """Syntax of the JWS, its protected headers, its payload; `StatementRefused` with `syntax` or `type`."""
    if len(jws) > MAX_BYTES:
        raise StatementRefused("syntax")
    try:
        members = require_members(parse_object(jws), frozenset(("payload", "signatures")))
        payload = unb64u(members["payload"])
        entries = require_list(members["signatures"], 1, MAX_SIGNATURES)
        signatures = tuple(_signature(entry, members["payload"], typ) for entry in entries)
    except SyntaxRefused:
        raise StatementRefused("syntax") from None
    return Unchecked(payload, _strict(payload), signatures)


def require_algorithms(unchecked: Unchecked, algorithms: Sequence[str]) -> None:
    """As many signatures as named, each of the named algorithm, in order: none stripped, none added."""
    if tuple(signature.alg for signature in unchecked.signatures) != tuple(algorithms):
        raise StatementRefused("algorithm")


def check(unchecked: Unchecked, keys: Sequence[bytes]) -> Verified:
    """Every signature under the key beside it."""
    if len(keys) != len(unchecked.signatures):
        raise StatementRefused("algorithm")
    for signature, key in zip(unchecked.signatures, keys, strict=True):
        if not verifies(signature.alg, key, signature.signature, signature.signing_input):
            raise StatementRefused("signature")
    return Verified(unchecked.payload, tuple((s.alg, s.kid) for s in unchecked.signatures))


def resolve_keys(unchecked: Unchecked, resolve: Resolve) -> tuple[bytes, ...]:
    """The local key of every signature; `StatementRefused("issuer")` where there is none."""
    keys = []
    for signature in unchecked.signatures:
        key = resolve(signature.alg, signature.kid)
        if key is None:
            raise StatementRefused("issuer")
        keys.append(key)
    return tuple(keys)


def verify(
    jws: bytes, typ: str, resolve: Resolve, algorithms: Sequence[str] = STATEMENT_SIGNATURES
) -> Verified:
    """The payload of a statement of exactly this `typ`, signed with exactly these algorithms by local keys.

    Refuses with `StatementRefused`: `syntax`, `type`, `algorithm`, `issuer` (no such key), `signature`.
    """
    unchecked = parse(jws, typ)
    require_algorithms(unchecked, algorithms)
    return check(unchecked, resolve_keys(unchecked, resolve))


@lru_cache(maxsize=64)
def _protected(alg: str, kid: str, typ: str) -> str:
    """The protected header of a key, which is the same each time."""
    return b64u(emit({"alg": alg, "kid": kid, "typ": typ}))


def _signature(entry: object, body: str, typ: str) -> Signature:
    members = require_members(entry, frozenset(("protected", "signature")))
    header = require_members(parse_object(unb64u(members["protected"])), frozenset(("alg", "kid", "typ")))
    alg = require_text(header["alg"], str.isprintable)
    unb64u(header["kid"], 32)
    if header["typ"] != typ:
        raise StatementRefused("type")
    signing_input = f"{members['protected']}.{body}".encode("ascii")
    return Signature(alg, header["kid"], signing_input, unb64u(members["signature"]))


def _strict(payload: bytes) -> dict[str, Any]:
    try:
        return parse_object(payload)
    except SyntaxRefused:
        raise StatementRefused("syntax") from None
