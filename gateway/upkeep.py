"""What a serving node does for its federation by itself: sign anew what ends, and look for news.

Each duty has a period and jitter, so that nodes that started together do not ask together. A duty that fails
is logged and comes again; a refresh that fails loosens nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

from gateway.audit.replay import SQLReplay
from gateway.bootstrap import Runtime
from gateway.directory.folder import FederationFolder
from gateway.directory.interface import DirectoryRefused
from gateway.directory.renewal import STAMP_EVERY, renew, stamp
from gateway.errors import Problem
from gateway.exchange.peer.acks import deliver
from gateway.logs import log
from keys.errors import KeyFault, UnknownKey

JITTER = 0.1
"""Of a period, drawn anew each time."""


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do again and again. `period`: seconds; `act(runtime, now)`."""

    name: str
    period: float
    act: Callable[[Runtime, int], Awaitable[None]]


async def tend(runtime: Runtime, stack: AsyncExitStack) -> None:
    """Start the duties of the house, and those of a node that is in a federation; `stack` ends them."""
    for duty in HOUSE:
        stack.push_async_callback(_stop, asyncio.create_task(_repeat(runtime, duty)))
    if not isinstance(runtime.members, FederationFolder):
        return
    if _stale(runtime):  # nothing could be answered: better late than wrong
        for duty in DUTIES:
            await run_once(runtime, duty)
    for duty in DUTIES:
        start(runtime, duty, stack)


def start(runtime: Runtime, duty: Duty, stack: AsyncExitStack) -> None:
    """Do this duty from now on, until `stack` ends."""
    stack.push_async_callback(_stop, asyncio.create_task(_repeat(runtime, duty)))


def _stale(runtime: Runtime) -> bool:
    trust = runtime.node.directory().trust
    now = int(runtime.clock().timestamp())
    return trust.expires <= now or trust.member(runtime.node.member) is None


async def _repeat(runtime: Runtime, duty: Duty) -> None:
    while True:
        await run_once(runtime, duty)
        drawn = int.from_bytes(runtime.entropy(2), "big") / 65_535
        await asyncio.sleep(duty.period * (1 + JITTER * (2 * drawn - 1)))


async def run_once(runtime: Runtime, duty: Duty) -> None:
    """One turn of a duty; whatever goes wrong with it is told, and is nobody else's trouble."""
    try:
        await duty.act(runtime, int(runtime.clock().timestamp()))
    except (DirectoryRefused, Problem, KeyFault, UnknownKey) as refused:
        log.error("duty_failed", step=duty.name, reason=str(refused))
    except Exception as error:  # a loop that ends unseen would let the member list expire
        log.error("duty_failed", step=duty.name, error=type(error).__name__)


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _stamp(runtime: Runtime, now: int) -> None:
    await stamp(runtime.membership, now)


async def _refresh(runtime: Runtime, now: int) -> None:
    tried = await runtime.membership.refresh(now)
    if not any(one.ended == "newest" for one in tried):
        for one in tried:
            log.warning("directory_not_refreshed", reason=one.ended)
    _warn(runtime, now)


async def _renew(runtime: Runtime, now: int) -> None:
    published = await renew(runtime.membership, now)
    if published is not None and published.ended != "published":
        log.warning("directory_not_published", reason=published.ended)


async def _deliver(runtime: Runtime, _: int) -> None:
    await deliver(runtime.node)


async def _purge(runtime: Runtime, now: int) -> None:
    """Ids of messages that are long past: the mark that is left refuses them whatever the clock says."""
    await runtime.database.write(lambda c: SQLReplay(c).purge(now=now))


def _warn(runtime: Runtime, now: int) -> None:
    held = runtime.membership.held()
    if held.trust.expires - now < held.federation.timestamp_life // 2:
        log.warning("directory_expires", state="expired" if held.trust.expires <= now else "half-gone")


HOUSE = (Duty("deliver", 5, _deliver), Duty("purge", 3600, _purge))
"""Of every node."""
DUTIES = (
    Duty("stamp", STAMP_EVERY, _stamp),
    Duty("refresh", 600, _refresh),
    Duty("renew", 3600, _renew),
)
"""In the order in which they help each other at a start."""
