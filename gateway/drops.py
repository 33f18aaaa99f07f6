"""The drop folders of a node while it serves: each complete file is taken in once, then moved out of the way.

A database that does not store leaves the file where it is. Names of files are never logged: people put names
of patients into them.
"""

import asyncio
from contextlib import AsyncExitStack, suppress

from adapters.interface import Original
from adapters.specialist.folder import DropFolder, TooLarge
from gateway.bootstrap import Runtime
from gateway.errors import Problem, RefusedToStart
from gateway.exchange.node import BoundSource
from gateway.logs import log
from gateway.source_settings import SourceSettings

MEDIA_TYPE = "text/xml"
_PAUSE = 1.0


async def watch(runtime: Runtime, stack: AsyncExitStack) -> None:
    """Start watching all folders; `stack` stops it. Raises `RefusedToStart`."""
    bound = {one.source.id: one for one in runtime.node.sources}
    for one in runtime.settings.sources:
        if one.folder is None:
            continue
        folder = await _opened(runtime, one)
        task = asyncio.create_task(_watch(runtime, bound[one.id], folder))
        stack.push_async_callback(_stop, task)


async def _opened(runtime: Runtime, one: SourceSettings) -> DropFolder:
    assert one.folder is not None
    folder = DropFolder(one.folder, suffix=one.suffix, max_bytes=runtime.settings.limits.source_bytes)
    try:
        await asyncio.to_thread(folder.prepare)
    except OSError:
        raise RefusedToStart(
            f"sources.{one.id}.folder: not a folder that can be written, or done/ or failed/ is a link"
        ) from None
    return folder


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _watch(runtime: Runtime, source: BoundSource, folder: DropFolder) -> None:
    while True:
        try:
            await sweep(runtime, source, folder)
        except OSError:
            log.error("folder_unreadable", source=source.source.id)
        except Problem as problem:
            log.error("document_not_stored", source=source.source.id, error=type(problem).__name__)
        await asyncio.sleep(_PAUSE)


async def sweep(runtime: Runtime, source: BoundSource, folder: DropFolder) -> int:
    """One round: how many files were moved out of the way. Raises `OSError`, `Problem`."""
    moved = 0
    for name in await asyncio.to_thread(folder.strays):
        moved += await _finish(source, folder, name, stored=False, reason="no-file")
    now = asyncio.get_running_loop().time()
    for name in await asyncio.to_thread(folder.ready, now):
        moved += await _take(runtime, source, folder, name)
    return moved


async def _take(runtime: Runtime, source: BoundSource, folder: DropFolder, name: str) -> int:
    try:
        body = await asyncio.to_thread(folder.read, name)
    except (OSError, TooLarge) as error:
        reason = "limit" if isinstance(error, TooLarge) else "unreadable"
        return await _finish(source, folder, name, stored=False, reason=reason)
    if body is None:
        return 0
    original = Original(body, MEDIA_TYPE)
    stored = await runtime.node.intake.receive_document(
        original, source.source, source.normaliser, runtime.clock()
    )
    entered = stored.state != "quarantined"
    return await _finish(source, folder, name, stored=entered, reason=stored.quarantine or stored.state)


async def _finish(source: BoundSource, folder: DropFolder, name: str, *, stored: bool, reason: str) -> int:
    moved = await asyncio.to_thread(lambda: folder.finish(name, stored=stored))
    if not moved:
        log.error("file_not_moved", source=source.source.id)
    elif not stored:
        log.warning("document_refused", source=source.source.id, reason=reason)
    return int(moved)
