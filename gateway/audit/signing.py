"""Signing with the node's log and witness keys: checkpoints, their second line, cosignatures of others'."""

from gateway.audit import origins
from gateway.audit.checkpoints import Mark, checkpoint
from gateway.audit.interface import SignedCheckpoint
from gateway.records.interface import Database
from keys.cosignature import cosignature_line
from keys.errors import UnknownKey
from keys.interface import KeyStore, PublicKey, Use
from keys.jwk import public_from_jwk
from keys.lifecycle import newest
from keys.logs import log_origin, witness_name
from keys.note import ML_DSA_44, Checkpoint, NoteKey, sign_note


def own_log_keys(store: KeyStore, member: str) -> tuple[NoteKey, ...]:
    """Every Ed25519 key that ever signed checkpoints of this node's log, named after its first origin."""
    found = [key for key in store.public() if (key.use, key.alg) == ("log", "Ed25519")]
    return tuple(NoteKey(log_origin(member), _raw(key)) for key in found)


async def signed_head(
    database: Database, store: KeyStore, member: str, at: int, *, every: int = 0, mark: Mark | None = None
) -> SignedCheckpoint | None:
    """The committed head, signed with the newest live log key; None while the log is empty.

    `every`, `mark`: as `checkpoints.checkpoint`. Raises `UnknownKey` (no live log key), `LedgerBroken`.
    """
    key = newest(store.public(), "log", "Ed25519", at)
    public = _raw(key)
    origin = await database.read(lambda c: origins.current(c, member))
    return await checkpoint(
        database,
        origin=origin,
        sign=lambda text: sign_note(text, origin, store, key.kid, public),
        at=at,
        every=every,
        mark=mark,
    )


def second_line(store: KeyStore, head: Checkpoint, at: int) -> bytes | None:
    """The log's own ML-DSA-44 line of a published checkpoint; None where the node has no such key."""
    return _line(store, "log", head, head.origin, at)


def witness_line(store: KeyStore, member: str, head: Checkpoint, at: int) -> bytes | None:
    """This node's cosignature of another's checkpoint; None where it has no witness key."""
    return _line(store, "witness", head, witness_name(member), at)


def _line(store: KeyStore, use: Use, head: Checkpoint, name: str, at: int) -> bytes | None:
    try:
        key = newest(store.public(), use, "ML-DSA-44", at)
    except UnknownKey:
        return None
    return cosignature_line(head, NoteKey(name, _raw(key), ML_DSA_44), at, lambda m: store.sign(key.kid, m))


def _raw(key: PublicKey) -> bytes:
    return public_from_jwk(dict(key.jwk), encapsulate=False).raw
