"""The outbox: what is still to be delivered to other members, one row each.

1. A row is written in the unit of work of what caused it. 2. A worker claims due rows for `LEASE` seconds: of
any number of workers one has a row at a time, and a row whose worker died is due again. 3. What was sealed is
kept in its row before it is first sent: a retry sends the same bytes. It ends delivered, refused or expired.
"""

from dataclasses import dataclass, replace

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

LEASE = 60
FIRST, LONGEST = 5, 3600
"""Seconds to the second attempt, doubled with each, up to `LONGEST`."""

metadata = MetaData()

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("member", String(128), nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("envelope", LargeBinary),
    Index("ix_outbox_due", "due"),
)


@dataclass(frozen=True, slots=True)
class Errand:
    """One row. Times are POSIX seconds; `payload` what to say, of no patient; `envelope` sealed."""

    id: str
    kind: str
    member: str
    made: int
    due: int
    expires: int
    payload: bytes
    attempts: int = 0
    envelope: bytes | None = None


def put(connection: Connection, errand: Errand) -> None:
    """1. In the unit of work of what caused it."""
    connection.execute(insert(outbox).values({name: getattr(errand, name) for name in Errand.__slots__}))


def claim(connection: Connection, now: int, limit: int = 32) -> tuple[Errand, ...]:
    """2. Due rows, taken for `LEASE` seconds, oldest first."""
    due = select(outbox).where(outbox.c.due <= now).order_by(outbox.c.due, outbox.c.id).limit(limit)
    rows = connection.execute(due.with_for_update(skip_locked=True)).all()
    found = [Errand(**row._asdict()) for row in rows]
    if found:
        ids = [one.id for one in found]
        taken = {"due": now + LEASE, "attempts": outbox.c.attempts + 1}
        connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(taken))
    return tuple(replace(one, attempts=one.attempts + 1) for one in found)


def sealed(connection: Connection, id: str, envelope: bytes) -> None:
    """3. Before it is first sent."""
    connection.execute(update(outbox).where(outbox.c.id == id).values(envelope=envelope))


def later(connection: Connection, errand: Errand, now: int) -> None:
    """It was not delivered: try again, each time after a longer while."""
    wait = min(LONGEST, FIRST * 2 ** min(errand.attempts - 1, 10))
    connection.execute(update(outbox).where(outbox.c.id == errand.id).values(due=now + wait))


def end(connection: Connection, id: str) -> None:
    """4. Nothing is left to do about it."""
    connection.execute(delete(outbox).where(outbox.c.id == id))


def waiting(connection: Connection) -> int:
    """How many rows there are."""
    return int(connection.execute(select(func.count()).select_from(outbox)).scalar_one())
