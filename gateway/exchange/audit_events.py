"""One person's ledger as FHIR AuditEvents, for those who ask over HTTP and on the command line."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from adapters.interface import Identifier
from gateway.audit.interface import Disclosure
from gateway.audit.sql import ledger_detail, ledger_leaf
from gateway.exchange.access_report import read_and_log
from gateway.exchange.node import Node
from gateway.exchange.resolve import canonical
from gateway.fhir.audit_event import Logged, audit_events
from keys.syntax import b64u

_EVENT = re.compile(r"[0-9a-f]{62}(-[adq]|[0-9a-f]{2})").fullmatch


@dataclass(frozen=True, slots=True)
class OfPerson:
    """Who is asked about: the id of a Patient known here, an identifier, or whom an event is about."""

    id: str = ""
    event: str = ""
    identifier: Identifier | None = None


async def events_of(node: Node, wanted: OfPerson, own: Identifier | None, *, by: str) -> list[dict[str, Any]]:
    """Oldest first; none of an unknown person, nor of another than `own` where that is given."""
    return await node.database.write(lambda c: _read(c, node, wanted, own, by))


def _read(
    connection: Connection, node: Node, wanted: OfPerson, own: Identifier | None, by: str
) -> list[dict[str, Any]]:
    index = node.room(connection).index
    if wanted.identifier is not None:
        person = index.resolve([canonical(wanted.identifier)]).person
    elif wanted.event:
        person = _person_of_event(connection, wanted.event)
    else:
        person = index.person_of(f"Patient/{wanted.id}")
    if person is None or (own is not None and index.resolve([canonical(own)]).person != person):
        return []
    if node.room(connection).vault.erased(person):
        return []
    found: list[Disclosure] = []
    for one in index.persons(person) or (person,):
        found += read_and_log(connection, node, one, since=0, by=by, view="events")
    return projected(node.member, person, sorted(found, key=lambda one: one.index))


def _person_of_event(connection: Connection, id: str) -> str | None:
    """Ids begin with 62 digits of the leaf's hash, whatever event of the leaf they are."""
    if not _EVENT(id):
        return None
    first = bytes.fromhex(id[:62])
    leaf, detail = ledger_leaf.c, ledger_detail.c
    query = select(detail.person).join(ledger_leaf, leaf.idx == detail.idx)
    found: str | None = connection.execute(
        query.where(leaf.hash >= first + b"\0", leaf.hash <= first + b"\xff").limit(1)
    ).scalar_one_or_none()
    return found


def projected(me: str, person: str, found: list[Disclosure] | tuple[Disclosure, ...]) -> list[dict[str, Any]]:
    """The leaves as FHIR AuditEvents by IHE BALP, in their order."""
    logged = (
        Logged(one.hash.hex(), _instant(one.at), one.kind, me, one.peer, b64u(one.md), person, one.detail)
        for one in found
    )
    return [event for one in logged for event in audit_events(one)]


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
