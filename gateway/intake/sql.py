"""Originals in the room's tables over one SQLAlchemy Core `Connection`.

An original and its acknowledgement are sealed under a data key of their own, which is attached to the person
once she is known: erasing her erases them. Plain are ids, times, sizes, counts and hashes.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    delete,
    func,
    insert,
    select,
    update,
)

from adapters.losses import Losses
from gateway.audit.interface import Ambiguous
from gateway.intake.interface import Kept
from gateway.intake.tables import intake
from gateway.records.vault import Vault

_KEPT = [column for column in intake.c if column.name not in ("body", "ack", "claim", "pushed")]
_SELECT = select(*_KEPT)  # made once: building it costs more than running it


class Originals:
    """Rows of `intake`."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    def keep(
        self,
        id: str,
        body: bytes,
        *,
        sha256: bytes,
        source: str,
        custodian: str,
        media_type: str,
        pushed: bool,
        at: str,
    ) -> None:
        """Keep bytes as they came, before anybody parsed them. `sha256`: by which they are known again."""
        self._connection.execute(
            insert(intake),
            {
                "id": id,
                "source": source,
                "custodian": custodian,
                "pushed": pushed,
                "received": at,
                "seen": at,
                "sha256": sha256,
                "size": len(body),
                "media_type": media_type[:128],
                "state": "received",
                "mapping": "",
                "status": "",
                "total": 0,
                "mapped": 0,
                "kept": 0,
                "lost": 0,
                "truncated": 0,
                "body": self._vault.seal(key_of(id), body, _aad("body", id)),
            },
        )

    def get(self, id: str, *, lock: bool = False) -> Kept | None:
        query = _SELECT.where(intake.c.id == id)
        row = self._connection.execute(query.with_for_update() if lock else query).first()
        return _kept(row) if row else None

    def find(self, prefix: str) -> Kept | None:
        """One original by its id or a unique prefix of it. Raises `Ambiguous`."""
        where = intake.c.id.startswith(prefix, autoescape=True)
        rows = self._connection.execute(_SELECT.where(where).order_by(intake.c.id).limit(2)).all()
        if len(rows) > 1 and rows[0].id != prefix:
            raise Ambiguous
        return _kept(rows[0]) if rows else None

    def body(self, id: str) -> bytes:
        """The very bytes. Raises `SealBroken`, `KeyErased`; `LookupError` if there is no such original."""
        sealed = self._connection.execute(select(intake.c.body).where(intake.c.id == id)).scalar_one_or_none()
        if sealed is None:
            raise LookupError("no such original")
        return self._vault.open(key_of(id), sealed, _aad("body", id))

    def ack(self, id: str) -> bytes | None:
        """The acknowledgement that was sent for it, if it was."""
        sealed = self._connection.execute(select(intake.c.ack).where(intake.c.id == id)).scalar_one_or_none()
        return None if sealed is None else self._vault.open(key_of(id), sealed, _aad("ack", id))

    def same_bytes(self, source: str, sha256: bytes, *, pushed: bool) -> Kept | None:
        """The newest original of this source with this hash."""
        query = (
            _SELECT.where(intake.c.source == source, intake.c.sha256 == sha256, intake.c.pushed == pushed)
            .order_by(intake.c.arrival.desc())
            .limit(1)
        )
        row = self._connection.execute(query).first()
        return _kept(row) if row else None

    def newest_seen(self, source: str, person: str | None) -> str:
        """When this source last answered about this person; empty if it never did."""
        query = select(func.max(intake.c.seen)).where(
            intake.c.source == source, intake.c.person == person, intake.c.state == "stored"
        )
        return self._connection.execute(query).scalar_one() or ""

    def claimed(self, source: str, control: str) -> Kept | None:
        """The message that first used this control id."""
        row = self._connection.execute(_SELECT.where(intake.c.claim == _claim(source, control))).first()
        return _kept(row) if row else None

    def settle(
        self,
        id: str,
        state: str,
        *,
        reason: str | None = None,
        person: str | None = None,
        control: tuple[str, str] | None = None,
        mapping: str = "",
        losses: Losses | None = None,
        ack: bytes | None = None,
    ) -> None:
        """Say what became of it. `control`: source and control id that it claims."""
        values: dict[str, Any] = {"state": state, "reason": reason, "person": person, "mapping": mapping[:64]}
        if losses is not None:
            values |= {"total": losses.total, "mapped": losses.mapped, "kept": losses.kept}
            values |= {"lost": losses.lost, "status": losses.status, "truncated": truncated(losses)}
        if control is not None:
            values["claim"] = _claim(*control)
        if ack is not None:
            values["ack"] = self._vault.seal(key_of(id), ack, _aad("ack", id))
        self._connection.execute(update(intake).where(intake.c.id == id).values(values))
        if person is not None:
            self._vault.attach(key_of(id), person)

    def reopen(self, id: str, at: str) -> None:
        """Take an original that entered no record in once more."""
        values = {"state": "received", "reason": None, "seen": at}
        self._connection.execute(update(intake).where(intake.c.id == id).values(values))

    def saw(self, ids: Sequence[str], at: str) -> None:
        """These came again, the same bytes, at that instant."""
        self._connection.execute(
            update(intake).where(intake.c.id.in_(ids), intake.c.seen < at).values(seen=at)
        )

    def discard(self, id: str) -> None:
        """Forget an original that was never acknowledged nor used."""
        self._connection.execute(delete(intake).where(intake.c.id == id, intake.c.state == "received"))

    def unfinished(self) -> tuple[tuple[Kept, bool], ...]:
        """Kept, but not yet applied, oldest first; and whether the source pushed it."""
        query = (
            _SELECT.add_columns(intake.c.pushed)
            .where(intake.c.state == "received")
            .order_by(intake.c.arrival)
        )
        return tuple((_kept(row), bool(row.pushed)) for row in self._connection.execute(query))

    def of_source(self, source: str, *, since: str = "", limit: int = 1000) -> tuple[Kept, ...]:
        """Newest first."""
        query = (
            _SELECT.where(intake.c.source == source, intake.c.received >= since)
            .order_by(intake.c.arrival.desc())
            .limit(limit)
        )
        return tuple(_kept(row) for row in self._connection.execute(query))


def key_of(id: str) -> str:
    """Name of the data key of an original."""
    return f"intake/{id}"


def truncated(losses: Losses) -> int:
    """Units that the source is short of for it: rejected and failed lines."""
    return sum(entry.disposition in ("rejected", "failed") for entry in losses.entries)


def _aad(what: str, id: str) -> bytes:
    return f"{what}\0{id}".encode()


def _claim(source: str, control: str) -> bytes:
    return hashlib.sha256(f"{source}\x1f{control}".encode()).digest()


def _kept(row: Any) -> Kept:
    values = dict(row._mapping)
    same = {name: values[name] for name in Kept.__dataclass_fields__ if name in values}
    counts = {name: int(values[name]) for name in ("total", "mapped", "kept", "lost")}
    return Kept(intake=values["id"], counts=counts, **same)
