"""What a serving node does for its log by itself: publish it, prove what members say of theirs, compare."""

from contextlib import AsyncExitStack

from sqlalchemy import Connection, select

from gateway.audit.interface import LedgerBroken
from gateway.audit.publishing import publish
from gateway.audit.sql import ledger_leaf
from gateway.audit.watch import watch
from gateway.bootstrap import Runtime
from gateway.errors import Problem
from gateway.exchange.reconcile import reconcile
from gateway.logs import log
from gateway.upkeep import Duty, start
from keys.address import is_member
from keys.leaf import leaf_from_bytes

DAY = 86_400
OVERLAP = 7200
"""Seconds that one night's window reaches into the day before: what was open then is judged now."""


def start_log_duties(runtime: Runtime, stack: AsyncExitStack) -> None:
    """Every duty of a node that knows other members; `stack` ends them. A node alone has nobody to tell."""
    if _others(runtime):
        for duty in LOG_DUTIES:
            start(runtime, duty, stack)


def _others(runtime: Runtime) -> list[str]:
    me = runtime.node.member
    return [id for id in runtime.node.directory().trust.members if id != me and is_member(id)]


async def _publish(runtime: Runtime, now: int) -> None:
    try:
        await publish(runtime.services.logs)
    except LedgerBroken:
        raise Problem("unavailable", hint="carepact audit verify, carepact audit restart") from None


async def _watch(runtime: Runtime, now: int) -> None:
    await watch(runtime.services.logs)


async def _reconcile(runtime: Runtime, now: int) -> None:
    """Once a day every member with whom something was exchanged since; what does not match is an alarm."""
    for peer in _others(runtime):
        last, busy = await runtime.database.read(lambda c, peer=peer: _since(c, peer))  # type: ignore[misc]
        if not busy or now - last < DAY:
            continue
        found = await reconcile(
            runtime.node, runtime.services.logs, peer, since=max(0, last - OVERLAP - DAY), until=now
        )
        if not found.matched:
            log.error("logs_do_not_match", member=peer, state=found.checkpoint)


def _since(connection: Connection, peer: str) -> tuple[int, bool]:
    """When this member was last compared (0: never), and whether anything was exchanged after that."""
    leaf = ledger_leaf.c
    query = select(leaf.bytes).where(leaf.peer == peer, leaf.kind == "reconcile")
    row = connection.execute(query.order_by(leaf.idx.desc()).limit(1)).one_or_none()
    last = leaf_from_bytes(row.bytes).at if row is not None else 0
    kinds = leaf.kind.in_(("ask", "answer", "receive"))
    newest = connection.execute(
        select(leaf.bytes).where(leaf.peer == peer, kinds).order_by(leaf.idx.desc()).limit(1)
    ).one_or_none()
    return last, newest is not None and leaf_from_bytes(newest.bytes).at > last


LOG_DUTIES = (
    Duty("publish-log", 60, _publish),
    Duty("watch-logs", 300, _watch),
    Duty("reconcile", 3600, _reconcile),
)
"""Published within a minute, proofs within 15, members compared once a day."""
