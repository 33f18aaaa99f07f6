"""Running an open node: the HTTP surface, the HL7 v2 listeners and the drop folders, until SIGTERM or SIGINT.

Listeners start before the HTTP surface is said to be ready and stop after it: what a hospital was told is
stored is stored, whatever else goes on.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from gateway.api.app import application
from gateway.api.server import bind, run
from gateway.bootstrap import Runtime
from gateway.collector import settle
from gateway.directory.folder import FederationFolder
from gateway.directory.warnings import warnings_of
from gateway.drops import watch
from gateway.errors import RefusedToStart
from gateway.feeds import listen, manner_of
from gateway.log_duties import start_log_duties
from gateway.logs import log
from gateway.upkeep import tend
from keys.errors import UnknownKey
from keys.jws import signers_from_store
from keys.lifecycle import newest


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running node really listens: free ports were asked for as 0."""

    http: tuple[str, int]
    feeds: dict[str, tuple[str, int]]


async def serve(runtime: Runtime, ready: Callable[[Addresses], None]) -> None:
    """Serve until stopped. `ready` is called once when everything listens."""
    settings = runtime.settings
    _say_what_is_unsafe(runtime)
    async with AsyncExitStack() as stack:
        await tend(runtime, stack)
        _require_keys(runtime)
        resumed = {one.source.id: (one.source, one.normaliser) for one in runtime.node.sources}
        manners = {source.id: manner_of(source) for source in settings.sources}
        await runtime.node.intake.resume(resumed, runtime.clock(), manners)
        feeds = await listen(runtime, stack)
        await watch(runtime, stack)
        start_log_duties(runtime, stack)
        listener = bind(settings)
        http = listener.getsockname()[:2]

        def started() -> None:
            settle()
            log.info("ready", member=runtime.node.member, address=http[0], port=http[1])
            ready(Addresses(http, feeds))

        await run(application(runtime.services), settings, listener, started)


def _require_keys(runtime: Runtime) -> None:
    """Nothing can be answered without live keys: better said now than at the first question."""
    at = int(runtime.clock().timestamp())
    try:
        signers_from_store(runtime.keys, at=at)
        newest(runtime.keys.public(), "log", "Ed25519", at)
    except UnknownKey:
        raise RefusedToStart("no live signing or log key: carepact keys list, carepact keys create") from None
    if runtime.node.directory().trust.member(runtime.node.member) is None:
        raise RefusedToStart(f"{runtime.node.member} is not in its list of members: carepact doctor")


def _say_what_is_unsafe(runtime: Runtime) -> None:
    """At every start, by name: what this node must not be in production."""
    if runtime.settings.node.allow_test_patients:
        log.warning("UnsafeDemoKeys", member=runtime.node.member)
    if isinstance(runtime.members, FederationFolder):
        now = int(runtime.clock().timestamp())
        for text in warnings_of(runtime.members.advanced, now):
            log.warning("directory", reason=text)
    if not runtime.node.floor.signed:
        log.warning("UnsafeUnsignedFloor", pack=runtime.node.floor.name)
