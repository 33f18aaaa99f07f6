"""A key that the list does not know: looked for once, and at most once a minute for each member (DIR-05).

A flood of messages with made-up keys costs one refresh a minute; who is in no list shares one turn.
"""

import asyncio
from collections.abc import Awaitable, Callable

PAUSE = 60
"""Seconds between two looks for one member."""


class Lookout:
    """`refresh(now)` looks for news and says if the list changed; `known(member)` if it is in the list."""

    def __init__(self, refresh: Callable[[int], Awaitable[bool]], known: Callable[[str], bool]) -> None:
        self._refresh = refresh
        self._known = known
        self._last: dict[str, int] = {}
        self._running: asyncio.Future[bool] | None = None

    async def unknown_key(self, member: str, now: int) -> bool:
        """Look for news because `member` named a key that is not in the list; whether the list changed.

        False at once where it was looked for within the last minute: the message is then refused as it is.
        """
        if self._running is not None:
            return await asyncio.shield(self._running)
        name = member if self._known(member) else ""
        if now < self._last.get(name, -PAUSE) + PAUSE:
            return False
        self._last[name] = now
        self._running = asyncio.ensure_future(self._refresh(now))
        try:
            return await asyncio.shield(self._running)
        finally:
            self._running = None
