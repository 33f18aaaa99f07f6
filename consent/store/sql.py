"""Registries over SQLAlchemy Core, bound to the connection of one unit of work.

Times are whole microseconds UTC. Documents of consents are sealed under their subject's key, bound to id and
version; agreements are about organisations and lie in the clear. Nothing is ever updated or deleted but the
epoch of a subject, which rises with every write.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from consent.errors import AlreadySigned, StaleVersion
from consent.instants import datetime_from_micros, micros
from consent.interface import Cipher, StoredAgreement, StoredConsent, StoredStatement
from consent.store.statements import statement_repeats
from consent.store.tables import (
    agreement_statement,
    agreement_version,
    consent_epoch,
    consent_version,
    metadata,
)

# Made once: building a statement costs more than SQLite needs to run it.
_OF_SUBJECTS = (
    select(consent_version)
    .where(
        consent_version.c.subject.in_(bindparam("subjects", expanding=True)),
        consent_version.c.recorded <= bindparam("as_of"),
    )
    .order_by(consent_version.c.recorded, consent_version.c.id, consent_version.c.version)
)
_EPOCH = select(consent_epoch.c.epoch).where(consent_epoch.c.subject == bindparam("of"))


class SQLConsentRegistry:
    """All versions of all consents."""

    def __init__(self, connection: Connection, cipher: Cipher) -> None:
        self._connection = connection
        self._cipher = cipher

    def put(self, consent: StoredConsent) -> None:
        held = self._newest(consent.id)
        if consent.version != (held.version if held else 0) + 1:
            raise StaleVersion("the consent has another newest version")
        sealed = self._cipher.seal(consent.subject, consent.document, _aad(consent.id, consent.version))
        row = {
            "id": consent.id,
            "version": consent.version,
            "subject": consent.subject,
            "recorded": micros(consent.recorded),
            "recorder": consent.recorder,
            "document": sealed,
        }
        try:
            self._connection.execute(insert(consent_version), row)
        except IntegrityError as error:
            raise StaleVersion("the consent has another newest version") from error
        for subject in sorted(self._subjects(consent.id)):
            self._raise_epoch(subject)

    def _subjects(self, id: str) -> set[str]:
        subjects = select(consent_version.c.subject).where(consent_version.c.id == id).distinct()
        return set(self._connection.execute(subjects).scalars())

    def _raise_epoch(self, subject: str) -> None:
        raised = update(consent_epoch).where(consent_epoch.c.subject == subject)
        done = self._connection.execute(raised.values(epoch=consent_epoch.c.epoch + 1))
        if not done.rowcount:
            self._connection.execute(insert(consent_epoch), {"subject": subject, "epoch": 1})

    def _newest(self, id: str) -> Row[Any] | None:
        rows = select(consent_version).where(consent_version.c.id == id)
        return self._connection.execute(rows.order_by(consent_version.c.version.desc()).limit(1)).first()

    def current(self, id: str) -> StoredConsent | None:
        row = self._newest(id)
        return self._opened(row) if row else None

    def version(self, id: str, version: int) -> StoredConsent | None:
        one = select(consent_version).where(consent_version.c.id == id, consent_version.c.version == version)
        row = self._connection.execute(one).first()
        return self._opened(row) if row else None

    def of_subjects(self, subjects: Sequence[str], *, as_of: datetime) -> tuple[StoredConsent, ...]:
        asked = {"subjects": tuple(subjects), "as_of": micros(as_of)}
        return tuple(self._opened(row) for row in self._connection.execute(_OF_SUBJECTS, asked))

    def ids_since(self, at: datetime) -> tuple[str, ...]:
        c = consent_version.c
        rows = select(c.id).where(c.recorded >= micros(at)).distinct().order_by(c.id)
        return tuple(self._connection.execute(rows).scalars())

    def epoch(self, subject: str) -> int:
        return self._connection.execute(_EPOCH, {"of": subject}).scalar() or 0

    def _opened(self, row: Row[Any]) -> StoredConsent:
        return StoredConsent(
            id=row.id,
            version=row.version,
            subject=row.subject,
            recorded=datetime_from_micros(row.recorded),
            recorder=row.recorder,
            document=self._cipher.open(row.subject, row.document, _aad(row.id, row.version)),
        )


def _aad(id: str, version: int) -> bytes:
    return f"consent_version\x00{id}\x00{version}".encode()


_KNOWN = (
    select(agreement_version)
    .where(agreement_version.c.recorded <= bindparam("as_of"))
    .order_by(agreement_version.c.id, agreement_version.c.version)
)
_STATEMENTS = select(agreement_statement).order_by(
    agreement_statement.c.agreement, agreement_statement.c.version, agreement_statement.c.place
)
_AGREEMENT_ROWS = select(
    *(
        select(func.count()).select_from(table).scalar_subquery()
        for table in (agreement_version, agreement_statement)
    )
)
"""What is only ever added to: its rows, counted in one statement, are the epoch."""


class SQLAgreementRegistry:
    """All versions of all agreements with their statements."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, agreement: StoredAgreement) -> None:
        table = agreement_version.c
        held = select(table.document).where(table.id == agreement.id, table.version == agreement.version)
        document = self._connection.execute(held).scalar()
        if document is not None:
            if document != agreement.document:
                raise StaleVersion("this version of the agreement has another text")
            return
        newest = self._connection.execute(
            select(func.max(table.version)).where(table.id == agreement.id)
        ).scalar()
        if agreement.version <= (newest or 0):
            raise StaleVersion("the agreement has a newer version")
        row = {
            "id": agreement.id,
            "version": agreement.version,
            "recorded": micros(agreement.recorded),
            "document": agreement.document,
        }
        try:
            self._connection.execute(insert(agreement_version), row)
        except IntegrityError as error:
            raise StaleVersion("this version of the agreement is being written") from error

    def add_statement(self, statement: StoredStatement) -> None:
        key = statement.agreement, statement.version
        table = agreement_version.c
        one = select(table.id).where(table.id == key[0], table.version == key[1])
        if self._connection.execute(one).first() is None:
            raise StaleVersion("there is no such version of the agreement")
        made = self._statements().get(key, ())
        if statement_repeats(statement, made):
            raise AlreadySigned("that organisation has already made this statement")
        row = {
            "agreement": statement.agreement,
            "version": statement.version,
            "place": len(made),
            "org": statement.org,
            "action": statement.action,
            "at": micros(statement.at),
            "effective": micros(statement.effective) if statement.effective else None,
            "jws": statement.jws,
        }
        try:
            self._connection.execute(insert(agreement_statement), row)
        except IntegrityError as error:
            raise AlreadySigned("another statement about this version is being written") from error

    def known(self, *, as_of: datetime) -> tuple[StoredAgreement, ...]:
        made = self._statements()
        return tuple(
            StoredAgreement(
                id=row.id,
                version=row.version,
                recorded=datetime_from_micros(row.recorded),
                document=row.document,
                statements=tuple(item for item in made.get((row.id, row.version), ()) if item.at <= as_of),
            )
            for row in self._connection.execute(_KNOWN, {"as_of": micros(as_of)})
        )

    def _statements(self) -> dict[tuple[str, int], tuple[StoredStatement, ...]]:
        found: dict[tuple[str, int], tuple[StoredStatement, ...]] = {}
        for row in self._connection.execute(_STATEMENTS):
            statement = StoredStatement(
                agreement=row.agreement,
                version=row.version,
                org=row.org,
                action=row.action,
                at=datetime_from_micros(row.at),
                effective=None if row.effective is None else datetime_from_micros(row.effective),
                jws=row.jws,
            )
            key = row.agreement, row.version
            found[key] = (*found.get(key, ()), statement)
        return found

    def epoch(self) -> int:
        return sum(self._connection.execute(_AGREEMENT_ROWS).one())


__all__ = ["SQLAgreementRegistry", "SQLConsentRegistry", "metadata"]
