"""The node's signed ledger checkpoint, as every manifest carries it (trust-and-ledger.md 10.6, 11)."""

from sqlalchemy import Connection

from gateway.audit.interface import LedgerBroken
from gateway.audit.peers import Book, has_forked, take_checkpoint
from gateway.audit.signing import signed_head
from gateway.errors import Problem
from gateway.exchange.node import Node
from keys.errors import UnknownKey
from keys.syntax import unb64u

EVERY = 1
"""Seconds from one signature to the next at least: a busy node does not sign and commit one per answer."""


async def signed_checkpoint(node: Node) -> bytes:
    """Sign the committed head, or hand back the last one if it has not grown or is of this very second.

    Empty while the log is.

    Raises `unavailable` when the log contradicts what was signed before: nothing leaves on a broken log.
    """
    at = int(node.clock().timestamp())
    try:
        signed = await signed_head(
            node.database, node.keys, node.member, at, every=EVERY, mark=node.mark_checkpoint
        )
    except UnknownKey:
        raise Problem("unavailable", hint="no live log key: carepact doctor") from None
    except LedgerBroken:
        raise Problem("unavailable", hint="carepact audit verify") from None
    return signed.note if signed else b""


async def is_refused(node: Node, member: str) -> bool:
    """Whether `ledger.on_fork` keeps us from exchanging with this member."""
    return node.refuse_forked and await node.database.read(lambda c: has_forked(c, member))


def heed_checkpoint(connection: Connection, node: Node, issuer: str, log: str, at: int) -> None:
    """What a verified message says of its issuer's own log, in the unit of work that records the message.

    `log`: the claim of its manifest. It may log a leaf of its own.
    """
    member = node.directory().trust.member(issuer)
    if member is not None:
        book = Book(node.member, node.room(connection).vault, node.entropy)
        take_checkpoint(connection, member, unb64u(log), at, book=book)
