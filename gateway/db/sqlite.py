"""SQLite: one writer thread that commits in groups, reads in worker threads (performance.md, rule 4).

The writer:
1. takes a waiting unit and whatever else waits by then, at most `GROUP`;
2. runs them in one transaction, each in a savepoint; one that raises is rolled back alone;
3. commits: with WAL and synchronous=FULL that is one fsync for the group;
4. only then wakes the callers.
If an error took the whole transaction with it (SQLite does that on a full disk), the units are run again, one
by one. If the commit itself fails nobody is told "stored", and the connection is thrown away.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from gateway.db.faults import problem_from
from gateway.db.unit_of_work import StorageProblem

T = TypeVar("T")
GROUP = 256
QUEUE_DEPTH = 10_000
READERS = 4


@dataclass(slots=True)
class _Unit:
    fn: Callable[[Connection], Any]
    done: "Future[Any]"


@dataclass(slots=True)
class _Outcome:
    value: Any = None
    error: BaseException | None = None


class _GroupLost(Exception):
    """The database rolled the whole transaction back, not just the unit that failed."""

    def __init__(self, error: BaseException) -> None:
        super().__init__("the transaction was lost")
        self.error = error


class SQLiteDatabase:
    """`Database` over one SQLite file. Made by `engine.open_database`."""

    def __init__(self, writer: Engine, reader: Engine) -> None:
        """`writer`: begins IMMEDIATE; `reader`: query_only. Both already hold the durable settings."""
        self._writer_engine = writer
        self._reader_engine = reader
        self._waiting: queue.Queue[_Unit | None] = queue.Queue(QUEUE_DEPTH)
        self._readers = ThreadPoolExecutor(READERS, "carepact-read")
        self._closed = False
        self._writer = threading.Thread(target=self._serve, name="carepact-write", daemon=True)
        self._writer.start()

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` on a snapshot, in a worker thread."""
        if self._closed:
            raise StorageProblem("unavailable", "closed")
        outcome: _Outcome = await asyncio.get_running_loop().run_in_executor(self._readers, self._look, fn)
        if outcome.error is not None:
            raise outcome.error
        value: T = outcome.value
        return value

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` as one durable unit of work; returns after the fsync that holds it."""
        unit = _Unit(fn, Future())
        full = False
        try:
            if self._closed:
                raise queue.Full
            self._waiting.put_nowait(unit)
        except queue.Full:
            full = True
        if full:
            raise StorageProblem("unavailable", "closed" if self._closed else "queue")
        value: T = await asyncio.wrap_future(unit.done)
        return value

    async def close(self) -> None:
        """Finish what waits, then close. Idempotent."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        self._waiting.put(None)
        self._writer.join()
        self._readers.shutdown()
        self._writer_engine.dispose()
        self._reader_engine.dispose()

    def _look(self, fn: Callable[[Connection], Any]) -> _Outcome:
        try:
            with self._reader_engine.begin() as connection:
                return _Outcome(fn(connection))
        except Exception as error:
            return _Outcome(error=problem_from(error))

    def _serve(self) -> None:
        while (first := self._waiting.get()) is not None:
            units, last = self._gather(first)
            self._settle([unit for unit in units if unit.done.set_running_or_notify_cancel()])
            if last:
                return

    def _gather(self, first: _Unit) -> tuple[list[_Unit], bool]:
        units = [first]
        while len(units) < GROUP:
            try:
                unit = self._waiting.get_nowait()
            except queue.Empty:
                break
            if unit is None:
                return units, True
            units.append(unit)
        return units, False

    def _settle(self, units: list[_Unit]) -> None:
        """Run, commit, wake."""
        if not units:
            return
        try:
            outcomes = self._commit(units)
        except _GroupLost as lost:
            if len(units) > 1:
                for unit in units:
                    self._settle([unit])
                return
            outcomes = [_Outcome(error=lost.error)]
        except Exception as error:
            # The commit failed: what the connection holds now is unknown, so it is not used again.
            self._writer_engine.dispose()
            outcomes = [_Outcome(error=problem_from(error)) for _ in units]
        for unit, outcome in zip(units, outcomes, strict=True):
            if outcome.error is not None:
                unit.done.set_exception(outcome.error)
            else:
                unit.done.set_result(outcome.value)

    def _commit(self, units: list[_Unit]) -> list[_Outcome]:
        with self._writer_engine.begin() as connection:
            return [_attempt(connection, unit) for unit in units]


def _attempt(connection: Connection, unit: _Unit) -> _Outcome:
    savepoint = connection.begin_nested()
    try:
        value = unit.fn(connection)
        savepoint.commit()
    except BaseException as error:
        # Whatever a unit raises belongs to its caller; the thread that serves everybody goes on.
        problem = problem_from(error)
        if not connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]
            raise _GroupLost(problem) from None
        savepoint.rollback()
        return _Outcome(error=problem)
    return _Outcome(value)
