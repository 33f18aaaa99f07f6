"""One change of a folder at a time, among all processes of the node: the server's and those of commands."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.directory.interface import DirectoryBusy

PATIENCE = 40.0
"""Seconds: longer than a refresh may last."""
_PAUSE = 0.05


@asynccontextmanager
async def locked(folder: Path, patience: float = PATIENCE) -> AsyncIterator[None]:
    """Hold the folder. Raises `DirectoryBusy` where somebody else holds it for longer than that.

    The kernel lets go of it when its holder dies.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        async with asyncio.timeout(patience):
            while not _taken(descriptor):
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        os.close(descriptor)
        raise DirectoryBusy("the member list is being changed by somebody else: try again") from None
    except BaseException:
        os.close(descriptor)
        raise
    try:
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
