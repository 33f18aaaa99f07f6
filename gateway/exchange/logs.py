"""The desk of our log, made of the node: what members see of it, and what they say of theirs."""

from collections.abc import Callable

from adapters.addresses import Reach
from gateway.audit.desk import LogDesk
from gateway.exchange.node import Node


def log_desk(node: Node, reach: Reach, quorum: Callable[[], int | None]) -> LogDesk:
    """`reach`: addresses that members may be called at; `quorum`: the federation's `witnesses`, or None."""
    return LogDesk(
        me=node.member,
        database=node.database,
        keys=node.keys,
        directory=node.directory,
        vault=lambda connection: node.room(connection).vault,
        entropy=node.entropy,
        now=lambda: int(node.clock().timestamp()),
        quorum=quorum,
        mark=node.mark_checkpoint,
        reach=reach,
    )
