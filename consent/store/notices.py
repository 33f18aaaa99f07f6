"""Notices to patients over SQLAlchemy Core: a notice and its events, only ever inserted.

What an officer wrote is sealed under the patient's key; that a notice is due lies open: it is looked for.
"""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, func, insert, select
from sqlalchemy.exc import IntegrityError

from consent.errors import StaleVersion
from consent.interface import Cipher
from consent.notice import Notice, NoticeEvent
from consent.store.tables import notice_event, patient_notice

_N, _E = patient_notice.c, notice_event.c


class SQLNoticeRegistry:
    """Every notice of the node, bound to one unit of work."""

    def __init__(self, connection: Connection, cipher: Cipher) -> None:
        self._connection = connection
        self._cipher = cipher

    def open(self, notice: Notice) -> None:
        """Store a new notice with its events."""
        row = {"id": notice.id, "patient": notice.patient, "org": notice.org, "opened": notice.opened,
               "due": notice.due}  # fmt: skip
        self._connection.execute(insert(patient_notice), row)
        for event in notice.events:
            self.add(notice, event)

    def add(self, notice: Notice, event: NoticeEvent) -> None:
        """One more event. Raises `StaleVersion` where another was written at the same moment."""
        count = select(func.count()).where(_E.notice == notice.id)
        n = int(self._connection.execute(count).scalar_one()) + 1
        text = None if event.text is None else event.text.encode()
        row = {
            "notice": notice.id,
            "n": n,
            "kind": event.kind,
            "at": event.at,
            "by": event.by,
            "exchange": event.exchange,
            "until": event.until,
            "channel": event.channel,
            "sealed": None if text is None else self._cipher.seal(notice.patient, text, _aad(notice.id, n)),
        }
        try:
            self._connection.execute(insert(notice_event), row)
        except IntegrityError as error:
            raise StaleVersion("another event of this notice is being written") from error

    def get(self, id: str) -> Notice | None:
        """One notice with its words."""
        found = self._notices(_N.id == id, told=True)
        return found[0] if found else None

    def since(self, at: int) -> tuple[Notice, ...]:
        """Every notice opened from an instant (microseconds) on, oldest first, without words."""
        return self._notices(_N.opened >= at, told=False)

    def of_patient(self, patients: Collection[str], org: str) -> tuple[Notice, ...]:
        """Those to one patient, by any of her references, about one organisation; oldest first, no words."""
        return self._notices(_N.patient.in_(sorted(patients)) & (_N.org == org), told=False)

    def _notices(self, where: ColumnElement[bool], *, told: bool) -> tuple[Notice, ...]:
        query = select(patient_notice).where(where).order_by(_N.opened, _N.id)
        return tuple(
            Notice(row.id, row.patient, row.org, row.opened, row.due, self._events(row.id, row.patient, told))
            for row in self._connection.execute(query).all()
        )

    def _events(self, notice: str, patient: str, told: bool) -> tuple[NoticeEvent, ...]:
        query = select(notice_event).where(_E.notice == notice).order_by(_E.n)
        return tuple(
            NoticeEvent(
                kind=row.kind,
                at=row.at,
                by=row.by,
                exchange=row.exchange,
                until=row.until,
                channel=row.channel,
                text=self._text(patient, notice, row.n, row.sealed) if told else None,
            )
            for row in self._connection.execute(query)
        )

    def _text(self, patient: str, notice: str, n: int, sealed: bytes | None) -> str | None:
        return None if sealed is None else self._cipher.open(patient, sealed, _aad(notice, n)).decode()


def _aad(notice: str, n: int) -> bytes:
    return f"notice_event\x00{notice}\x00{n}".encode()
