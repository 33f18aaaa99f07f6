"""Why a source's records were released or withheld, read from the node's kept receipts: for its own eyes."""

import json
from collections import Counter

from sqlalchemy import Connection

from consent.decision import Deny
from consent.explain import for_administrator
from gateway.audit import receipts
from gateway.bootstrap import Runtime
from gateway.exchange.node import Node


class Reasons:
    """Receipts of exchanges, opened in one unit of work."""

    def __init__(self, connection: Connection, node: Node) -> None:
        self._connection = connection
        self._node = node

    def by_source(self, exchange: str) -> dict[str, dict[str, int]]:
        """Source id to how many of its records were decided on for each reason."""
        room = self._node.room(self._connection)
        source_of = {bound.source.custodian: bound.source.id for bound in self._node.sources}
        found: dict[str, Counter[str]] = {}
        for kept in receipts.of_exchange(self._connection, exchange, room.vault):
            receipt = json.loads(kept.data)
            source = source_of.get(receipt["resource"]["custodian"], "")
            found.setdefault(source, Counter())[receipt["reason"]] += 1
        return {source: dict(counts) for source, counts in found.items()}

    def why(self, exchange: str, reason: str) -> str:
        """In the administrator's words, the first denial of an exchange for this reason; empty if none."""
        vault = self._node.room(self._connection).vault
        for kept in receipts.of_exchange(self._connection, exchange, vault):
            receipt = json.loads(kept.data)
            if receipt["reason"] == reason:
                denied = Deny(
                    receipt["layer"], receipt["reason"], receipt["overridable"], tuple(receipt["trace"])
                )
                return for_administrator(denied)
        return ""


async def reasons_of(runtime: Runtime, exchange: str) -> dict[str, dict[str, int]]:
    """`Reasons.by_source` in a unit of its own."""
    return await runtime.database.read(lambda c: Reasons(c, runtime.node).by_source(exchange))
