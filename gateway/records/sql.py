"""Records in the room's tables over one SQLAlchemy Core `Connection`. `sql_room` is the way in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    bindparam,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or

from gateway.errors import RefusedToStart
from gateway.records.chunks import chunks
from gateway.records.interface import Database
from gateway.records.room import Room, Secrets, assemble
from gateway.records.rows import ContributionRow, Found, MemberRow, RecordRow
from gateway.records.sql_index import SQLIndex, SQLKeys
from gateway.records.tables import contribution, identifier_token, record, record_member
from keys.store.secrets import ShelfSecretStore


def sql_room(connection: Connection, secrets: Secrets) -> Room:
    """The room over this connection, for this unit of work."""
    return assemble(SQLKeys(connection), SQLIndex(connection), SQLRecords(connection), secrets)


async def require_secrets(secrets: ShelfSecretStore, database: Database) -> None:
    """A lost secret is never replaced beside data that rests on it: everybody would be unknown at once.

    Raises `RefusedToStart`. A database that knows nobody may still get its first ones.
    """
    missing = [name for name in ("id_key", "index_key") if not secrets.has(name)]
    used = bool(missing) and await database.read(_is_used)
    if used:
        raise RefusedToStart(f"the secret {missing[0]} is gone and the database rests on it: restore it")


def _is_used(connection: Connection) -> bool:
    return connection.execute(select(identifier_token.c.owner).limit(1)).first() is not None


class SQLRecords:
    """`RecordRows` in `record`, `contribution` and `record_member`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, refs: Iterable[str]) -> Mapping[str, RecordRow]:
        # In one order for everybody, so that two workers wait for each other instead of for a deadlock.
        query = select(record).order_by(record.c.ref).with_for_update()
        wanted = sorted(set(refs))
        found = [
            RecordRow(**row._mapping)
            for part in chunks(wanted)
            for row in self._connection.execute(query.where(record.c.ref.in_(part)))
        ]
        return {row.ref: row for row in found}

    def insert(self, rows: Sequence[RecordRow]) -> None:
        if rows:
            self._connection.execute(insert(record), [asdict(row) for row in rows])

    def update(self, rows: Sequence[RecordRow]) -> None:
        if not rows:
            return
        values = [
            {"key_ref": row.ref} | {f"new_{name}": getattr(row, name) for name in _CHANGING} for row in rows
        ]
        self._connection.execute(_UPDATE, values)

    def add(self, contributions: Sequence[ContributionRow]) -> None:
        if contributions:
            self._connection.execute(insert(contribution), [asdict(row) for row in contributions])

    def touch(self, members: Sequence[MemberRow]) -> None:
        if not members:
            return
        ordered = sorted(members, key=lambda row: (row.ref, row.patient))
        self._connection.execute(_TOUCH, [asdict(row) for row in ordered])

    def leave(self, ref: str, stays: Sequence[str]) -> None:
        others = (record_member.c.ref == ref) & record_member.c.patient.not_in(stays)
        self._connection.execute(update(record_member).where(others).values(active=False))

    def retire(self, patients: Sequence[str], source: str, intakes: Sequence[str], seen: str) -> int:
        still_said = exists().where(
            contribution.c.ref == record_member.c.ref, contribution.c.intake.in_(intakes)
        )
        statement = (
            update(record_member)
            .where(
                record_member.c.patient.in_(patients),
                record_member.c.source == source,
                record_member.c.active,
                record_member.c.seen <= seen,
                ~still_said,
            )
            .values(active=False, seen=seen)
        )
        return self._connection.execute(statement).rowcount

    def of_patients(self, patients: Sequence[str], sources: Sequence[str] | None) -> list[Found]:
        query, narrowed = (_ACTIVE, {}) if sources is None else (_ACTIVE_OF, {"sources": sources})
        return [
            _found(row)
            for part in chunks(patients)
            for row in self._connection.execute(query, {"patients": part, **narrowed})
        ]

    def current(self, ref: str) -> Found | None:
        row = self._connection.execute(_CURRENT_ONE, {"ref": ref}).first()
        return _found(row) if row else None

    def history(self, ref: str) -> tuple[ContributionRow, ...]:
        found = self._connection.execute(select(contribution).where(contribution.c.ref == ref))
        rows = [ContributionRow(**row._mapping) for row in found]
        return tuple(sorted(rows, key=lambda row: (row.event_time, row.sequence, row.rank, row.arrival)))


_R, _C, _M = len(fields(RecordRow)), len(fields(ContributionRow)), len(fields(MemberRow))
_COLUMNS = [
    *(record.c[field.name] for field in fields(RecordRow)),
    *(contribution.c[field.name] for field in fields(ContributionRow)),
    *(record_member.c[field.name] for field in fields(MemberRow)),
]


_CURRENT: Select[Any] = (
    select(*_COLUMNS)
    .join_from(record, record_member, record_member.c.ref == record.c.ref)
    .join(
        contribution,
        (contribution.c.ref == record.c.ref) & (contribution.c.intake == record.c.intake),
    )
)
"""Records with the contribution that is current and their members, columns in the order of the rows."""
_ACTIVE = _CURRENT.where(
    record_member.c.active, record_member.c.patient.in_(bindparam("patients", expanding=True))
)
_ACTIVE_OF = _ACTIVE.where(record_member.c.source.in_(bindparam("sources", expanding=True)))
_CURRENT_ONE = _CURRENT.where(record.c.ref == bindparam("ref")).order_by(record_member.c.patient).limit(1)
_CHANGING = [field.name for field in fields(RecordRow) if field.name != "ref"]
_UPDATE = (
    update(record)
    .where(record.c.ref == bindparam("key_ref"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGING})
)
_TOUCH = insert_or(record_member)
_TOUCH = _TOUCH.on_conflict_do_update(
    index_elements=[record_member.c.ref, record_member.c.patient],
    set_={"seen": _TOUCH.excluded.seen, "active": _TOUCH.excluded.active},
    where=record_member.c.seen <= _TOUCH.excluded.seen,
)


def _found(row: Row[Any]) -> Found:
    return (
        RecordRow(*row[:_R]),
        ContributionRow(*row[_R : _R + _C]),
        MemberRow(*row[_R + _C : _R + _C + _M]),
    )
