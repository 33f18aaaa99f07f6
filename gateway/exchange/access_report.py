"""Reading what the ledger says of one person: whoever reads it is in the next reading (http-api.md 5.4)."""

from sqlalchemy import Connection

from gateway.audit import disclosures, ledger
from gateway.audit.interface import Disclosure, Entry
from gateway.errors import Problem
from gateway.exchange.node import Node
from gateway.records.interface import KeyErased, SealBroken


def read_and_log(
    connection: Connection, node: Node, person: str, *, since: int, by: str, view: str
) -> tuple[Disclosure, ...]:
    """A person's leaves from `since` on (POSIX seconds), and the leaf that says that somebody looked.

    Raises `not_available` after an erasure, `refused` where a leaf does not hold.
    """
    vault = node.room(connection).vault
    at = int(node.clock().timestamp())
    entry = Entry("report", at, person=person, detail={"view": view, "by": by, "since": since})
    try:
        found = disclosures.accessed(connection, person, vault, since=since)
        ledger.append(connection, entry, me=node.member, vault=vault, entropy=node.entropy)
    except KeyErased:
        raise Problem("not_available", hint="this person's record was erased") from None
    except SealBroken:
        raise Problem("refused", hint="a leaf does not hold: carepact audit verify") from None
    return found
