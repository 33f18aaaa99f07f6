"""Break-glass grants over SQLAlchemy Core: a grant and its events, only ever inserted.

Reasons and notes are sealed under the patient's key; who used it and when lies open: officers look for that.
"""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, func, insert, select
from sqlalchemy.exc import IntegrityError

from consent.errors import StaleVersion
from consent.grant import Grant, GrantEvent
from consent.instants import Micros
from consent.interface import Cipher
from consent.store.tables import breakglass_event, breakglass_grant

_G, _E = breakglass_grant.c, breakglass_event.c


class SQLGrantRegistry:
    """Every grant of the node, bound to one unit of work."""

    def __init__(self, connection: Connection, cipher: Cipher) -> None:
        self._connection = connection
        self._cipher = cipher

    def open(self, grant: Grant) -> None:
        """Store a new grant with its events."""
        row = {"id": grant.id, "who": grant.who, "org": grant.org, "patient": grant.patient,
               "opened": grant.opened}  # fmt: skip
        self._connection.execute(insert(breakglass_grant), row)
        for event in grant.events:
            self.add(grant, event)

    def add(self, grant: Grant, event: GrantEvent) -> None:
        """One more event. Raises `StaleVersion` where another was written at the same moment."""
        count = select(func.count()).where(_E.grant == grant.id)
        n = int(self._connection.execute(count).scalar_one()) + 1
        text = None if event.text is None else event.text.encode()
        row = {
            "grant": grant.id,
            "n": n,
            "kind": event.kind,
            "at": event.at,
            "by": event.by,
            "until": event.until,
            "verdict": event.verdict,
            "exchange": event.exchange,
            "sealed": None if text is None else self._cipher.seal(grant.patient, text, _aad(grant.id, n)),
        }
        try:
            self._connection.execute(insert(breakglass_event), row)
        except IntegrityError as error:
            raise StaleVersion("another event of this grant is being written") from error

    def of_person(self, who: str, patients: Collection[str]) -> tuple[Grant, ...]:
        """Every grant of one who broke the glass, oldest first; the words only of those about `patients`."""
        return self._grants(_G.who == who, patients)

    def get(self, id: str) -> Grant | None:
        """One grant with its words."""
        found = self._grants(_G.id == id, None)
        return found[0] if found else None

    def since(self, at: Micros) -> tuple[Grant, ...]:
        """Every grant opened from an instant on, oldest first, without words."""
        return self._grants(_G.opened >= at, ())

    def epoch(self, who: str) -> int:
        """Rises with every event of this person's grants but a use; a release rechecks it."""
        query = select(func.count()).select_from(breakglass_event.join(breakglass_grant))
        return int(self._connection.execute(query.where(_G.who == who, _E.kind != "use")).scalar_one())

    def _grants(self, where: ColumnElement[bool], told: Collection[str] | None) -> tuple[Grant, ...]:
        query = select(breakglass_grant).where(where).order_by(_G.opened, _G.id)
        return tuple(
            Grant(row.id, row.who, row.org, row.patient, row.opened,
                  self._events(row.id, row.patient, told is None or row.patient in told))
            for row in self._connection.execute(query).all()
        )  # fmt: skip

    def _events(self, grant: str, patient: str, told: bool) -> tuple[GrantEvent, ...]:
        query = select(breakglass_event).where(_E.grant == grant).order_by(_E.n)
        return tuple(
            GrantEvent(
                kind=row.kind,
                at=row.at,
                by=row.by,
                until=row.until,
                verdict=row.verdict,
                text=self._text(patient, grant, row.n, row.sealed) if told else None,
                exchange=row.exchange,
            )
            for row in self._connection.execute(query)
        )

    def _text(self, patient: str, grant: str, n: int, sealed: bytes | None) -> str | None:
        return None if sealed is None else self._cipher.open(patient, sealed, _aad(grant, n)).decode()


def _aad(grant: str, n: int) -> bytes:
    return f"breakglass_event\x00{grant}\x00{n}".encode()
