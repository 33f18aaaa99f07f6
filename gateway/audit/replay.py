"""The replay store (envelope.md 10): one (`iss`, `jti`) has one effect, over any number of workers.

1. A unique index decides, not the look-up: of several commits one wins, the others read `Same`.
2. `Same` hands back the stored outcome. 3. A row lives until `exp` + 60 s + 24 h; the purge keeps a
watermark, the largest `exp` ever purged, and an envelope at or below it is refused whatever the clock says.
"""

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as insert_once

from gateway.audit.sql import replay, replay_watermark
from keys.envelope.replay import Conflict, Same, Unseen

KEPT = 60 + 86_400
"""Seconds that a row lives past its `exp`."""

_MARK = 1


class SQLReplay:
    """`keys.envelope.replay.ReplayView` over one unit of work, and the writing half."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def seen(self, iss: str, jti: str, md: bytes) -> Unseen | Same | Conflict:
        """Look up before the bulk is read."""
        where = (replay.c.iss == iss) & (replay.c.jti == jti)
        row = self._connection.execute(select(replay.c.md, replay.c.outcome).where(where)).one_or_none()
        if row is None:
            return Unseen()
        return Same(row.outcome) if row.md == md else Conflict()

    def watermark(self) -> int:
        """The largest `exp` ever purged, POSIX seconds; 0 if none."""
        found = self._connection.execute(select(replay_watermark.c.exp)).scalar_one_or_none()
        return 0 if found is None else int(found)

    def record(
        self, iss: str, jti: str, md: bytes, exp: int, outcome: bytes | None = None
    ) -> Unseen | Same | Conflict:
        """Spend (`iss`, `jti`) with its effect; unless it answers `Unseen`, the caller undoes the effect."""
        if exp <= self.watermark():
            return Conflict()
        row = {"iss": iss, "jti": jti, "md": md, "exp": exp, "outcome": outcome}
        done = self._connection.execute(insert_once(replay).values(row).on_conflict_do_nothing())
        return Unseen() if done.rowcount == 1 else self.seen(iss, jti, md)

    def settle(self, iss: str, jti: str, md: bytes, outcome: bytes) -> None:
        """Keep the answer of a message that was spent, once it is sealed: a copy of it gets the same."""
        where = (replay.c.iss == iss) & (replay.c.jti == jti) & (replay.c.md == md)
        self._connection.execute(update(replay).where(where).values(outcome=outcome))

    def purge(self, *, now: int) -> int:
        """Drop rows past their time and raise the watermark; how many."""
        old = replay.c.exp <= now - KEPT
        newest = self._connection.execute(select(func.max(replay.c.exp)).where(old)).scalar_one()
        if newest is None:
            return 0
        first = insert_once(replay_watermark).values(id=_MARK, exp=newest).on_conflict_do_nothing()
        self._connection.execute(first)
        raised = (replay_watermark.c.id == _MARK) & (replay_watermark.c.exp < newest)
        self._connection.execute(update(replay_watermark).where(raised).values(exp=newest))
        return self._connection.execute(delete(replay).where(old)).rowcount
