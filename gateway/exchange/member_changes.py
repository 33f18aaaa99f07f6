"""The leaf of a change among members: who was admitted, published, revoked, and by whom."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from gateway.audit import ledger
from gateway.audit.interface import Entry
from gateway.exchange.node import Node


async def log_change(node: Node, detail: Mapping[str, Any], at: int, kind: str = "peer") -> None:
    """Append leaf `peer`, or `key` of our own keys.

    `detail` has at least `by`, `reason` and `action`; `at`: POSIX seconds.
    """

    def unit(connection: Connection) -> None:
        entry = Entry(kind, at, detail=dict(detail))
        vault = node.room(connection).vault
        ledger.append(connection, entry, me=node.member, vault=vault, entropy=node.entropy)

    await node.database.write(unit)
