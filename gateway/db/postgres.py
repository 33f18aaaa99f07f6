"""PostgreSQL through asyncpg: the same synchronous units, run by `run_sync` on the event loop.

A unit therefore does no heavy computing: mapping, sealing of large bodies and signing happen before it.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.db.faults import RETRIED, code_of, is_database_error, problem_from

T = TypeVar("T")
ATTEMPTS = 12
"""Of several that race for one row a round lets one through: more rounds than there are askers at once."""
_LONGEST = 0.05
"""Seconds between two rounds at most."""


class PostgresDatabase:
    """`Database` over PostgreSQL. Made by `engine.open_database`."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        """`reader`: AUTOCOMMIT and read-only sessions; `writer`: READ COMMITTED, synchronous commit."""
        self._writer = writer
        self._reader = reader

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` in a read-only session, each statement for itself."""
        problem: BaseException
        try:
            async with self._reader.connect() as connection:
                return await connection.run_sync(fn)
        except Exception as error:
            problem = problem_from(error)
        raise problem

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` as one durable unit of work; a unit that lost a race is run again."""
        problem: BaseException | None = None
        for attempt in range(ATTEMPTS):
            try:
                async with self._writer.begin() as connection:
                    return await connection.run_sync(fn)
            except Exception as error:
                problem = problem_from(error)
                if not (is_database_error(error) and code_of(error) in RETRIED):
                    break
            await asyncio.sleep(min(_LONGEST, 0.002 * 2**attempt))
        assert problem is not None
        raise problem

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        await self._writer.dispose()
        await self._reader.dispose()
