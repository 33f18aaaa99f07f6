"""The node's signed ledger checkpoint, as every manifest carries it (trust-and-ledger.md 10.6, 11)."""

from sqlalchemy import Connection

from gateway.audit.checkpoints import checkpoint
from gateway.audit.interface import LedgerBroken
from gateway.audit.peers import Book, take_checkpoint
from gateway.directory.own import log_origin
from gateway.errors import Problem
from gateway.exchange.node import Node
from keys.errors import UnknownKey
from keys.jwk import public_from_jwk
from keys.lifecycle import newest
from keys.note import sign_note
from keys.syntax import unb64u

EVERY = 1
"""Seconds from one signature to the next at least: a busy node does not sign and commit one per answer."""


async def signed_checkpoint(node: Node) -> bytes:
    """Sign the committed head, or hand back the last one if it has not grown or is of this very second.

    Empty while the log is.

    Raises `unavailable` when the log contradicts what was signed before: nothing leaves on a broken log.
    """
    origin = log_origin(node.member)
    at = int(node.clock().timestamp())
    try:
        key = newest(node.keys.public(), "log", "Ed25519", at)
    except UnknownKey:
        raise Problem("unavailable", hint="no live log key: carepact doctor") from None
    public = public_from_jwk(dict(key.jwk), encapsulate=False).raw
    try:
        signed = await checkpoint(
            node.database,
            origin=origin,
            sign=lambda text: sign_note(text, origin, node.keys, key.kid, public),
            at=at,
            every=EVERY,
        )
    except LedgerBroken:
        raise Problem("unavailable", hint="carepact audit verify") from None
    return signed.note if signed else b""


def heed_checkpoint(connection: Connection, node: Node, issuer: str, log: str, at: int) -> None:
    """What a verified message says of its issuer's own log, in the unit of work that records the message.

    `log`: the claim of its manifest. It may log a leaf of its own.
    """
    member = node.directory().trust.member(issuer)
    if member is not None:
        book = Book(node.member, node.room(connection).vault, node.entropy)
        take_checkpoint(connection, member, unb64u(log), at, book=book)
