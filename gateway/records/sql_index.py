"""Keys of subjects, persons, links and identifier tokens over one SQLAlchemy Core `Connection`."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or

from gateway.records.chunks import chunks
from gateway.records.rows import LinkRow, PersonRow
from gateway.records.tables import identifier_token, patient_link, person, subject_key

# Made once: building a statement costs more than SQLite needs to run it.
_ADD_KEY = insert_or(subject_key).on_conflict_do_nothing()
_ANY: BindParameter[Any] = bindparam("any", expanding=True)
_SELECT_KEY = select(subject_key.c.name, subject_key.c.wrapped).where(subject_key.c.name.in_(_ANY))
_SELECT_PERSON = select(person.c.id, person.c.made, person.c.joined, person.c.sealed).where(
    person.c.id.in_(_ANY)
)
_SELECT_JOINED = select(person.c.id).where(person.c.joined == bindparam("to"))
_SELECT_OWNER = select(identifier_token.c.owner).where(identifier_token.c.token.in_(_ANY))
_SELECT_LINK_OF = select(patient_link).where(patient_link.c.patient.in_(_ANY))
_SELECT_LINK_TO = select(patient_link).where(patient_link.c.person.in_(_ANY))
_PUT_PERSON = insert_or(person)
_PUT_PERSON = _PUT_PERSON.on_conflict_do_update(
    index_elements=["id"], set_={c.name: c for c in _PUT_PERSON.excluded if c.name != "id"}
)
_PUT_LINK = insert_or(patient_link)
_PUT_LINK = _PUT_LINK.on_conflict_do_update(
    index_elements=["patient"], set_={c.name: c for c in _PUT_LINK.excluded if c.name != "patient"}
)


class SQLKeys:
    """`KeyRows` in `subject_key`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, names: Iterable[str]) -> Mapping[str, bytes | None]:
        return {
            row.name: row.wrapped
            for part in chunks(sorted(set(names)))
            for row in self._connection.execute(_SELECT_KEY, {"any": part})
        }

    def add(self, name: str, wrapped: bytes) -> bool:
        found = self._connection.execute(_ADD_KEY, {"name": name, "wrapped": wrapped})
        return found.rowcount == 1

    def attach(self, name: str, person: str) -> None:
        self._connection.execute(update(subject_key).where(subject_key.c.name == name).values(person=person))

    def erase(self, person: str) -> int:
        mine = or_(subject_key.c.name == person, subject_key.c.person == person)
        found = self._connection.execute(
            update(subject_key).where(mine, subject_key.c.wrapped.is_not(None)).values(wrapped=None)
        )
        return found.rowcount


class SQLIndex:
    """`IndexRows` in `person`, `patient_link` and `identifier_token`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, tokens: Iterable[bytes]) -> None:
        # SQLite has one writer. On PostgreSQL what does not exist yet has no row to lock, so a number is.
        if self._connection.dialect.name == "postgresql":
            for number in sorted({int.from_bytes(token[:8], signed=True) for token in tokens}):
                self._connection.execute(select(func.pg_advisory_xact_lock(number)))

    def persons(self, ids: Iterable[str]) -> Mapping[str, PersonRow]:
        return {
            row.id: PersonRow(*row)
            for part in chunks(sorted(set(ids)))
            for row in self._connection.execute(_SELECT_PERSON, {"any": part})
        }

    def joined_to(self, person_id: str) -> tuple[str, ...]:
        found = self._connection.execute(_SELECT_JOINED, {"to": person_id})
        return tuple(sorted(found.scalars()))

    def save_person(self, row: PersonRow) -> None:
        self._connection.execute(_PUT_PERSON, asdict(row))

    def owners(self, tokens: Iterable[bytes]) -> frozenset[str]:
        return frozenset(
            owner
            for part in chunks(list(tokens))
            for owner in self._connection.execute(_SELECT_OWNER, {"any": part}).scalars()
        )

    def set_tokens(self, owner: str, tokens: Iterable[bytes]) -> None:
        mine = identifier_token.c.owner == owner
        wanted = set(tokens)
        known = set(self._connection.execute(select(identifier_token.c.token).where(mine)).scalars())
        for gone in known - wanted:
            self._connection.execute(delete(identifier_token).where(mine, identifier_token.c.token == gone))
        if wanted - known:
            self._connection.execute(
                insert(identifier_token), [{"token": token, "owner": owner} for token in wanted - known]
            )

    def links_of(self, patients: Iterable[str]) -> Mapping[str, LinkRow]:
        return {
            row.patient: LinkRow(**row._mapping)
            for part in chunks(sorted(set(patients)))
            for row in self._connection.execute(_SELECT_LINK_OF, {"any": part})
        }

    def links_to(self, persons: Iterable[str]) -> tuple[LinkRow, ...]:
        found = [
            LinkRow(**row._mapping)
            for part in chunks(sorted(set(persons)))
            for row in self._connection.execute(_SELECT_LINK_TO, {"any": part})
        ]
        return tuple(sorted(found, key=lambda row: row.patient))

    def save_link(self, row: LinkRow) -> None:
        self._connection.execute(_PUT_LINK, asdict(row))
