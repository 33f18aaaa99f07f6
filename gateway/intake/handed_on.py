"""Documents inside of a message (`SourceBatch.handed_on`): each is kept as an original of its own.

They enter in the unit of work of the message that brought them, after it, and only if it entered. Each is
asked about the message's own patient: a document about anybody else is quarantined alone.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from adapters.interface import Original, Source
from adapters.registry import normaliser_of
from adapters.times import instant
from gateway.intake.desk import Desk, required
from gateway.intake.prepare import Taken
from gateway.records.room import Room


@dataclass(frozen=True, slots=True)
class Document:
    """One document, with the intake id that it will be kept under, and what its normaliser made of it."""

    original: Original
    taken: Taken


async def documents_of(desk: Desk, message: Taken, at: datetime) -> tuple[Document, ...]:
    """The documents of a message, normalised; each with an intake id of its own."""
    found = []
    for one in message.batch.handed_on:
        original = replace(one, intake=desk.new_id())
        source = as_documents(message.source)
        taken = await desk.normalised(original, message.arrival, source, normaliser_of(one), at)
        found.append(Document(original, taken))
    return tuple(found)


def enter_documents(desk: Desk, connection: Connection, room: Room, documents: tuple[Document, ...]) -> None:
    """Keep, apply and settle each, inside the unit of work of its message."""
    store = desk.originals(connection)
    for one in documents:
        source, body = one.taken.source, one.original.body
        store.keep(
            one.original.intake,
            body,
            sha256=hashlib.sha256(body).digest(),
            source=source.id,
            custodian=source.custodian,
            media_type=one.original.media_type,
            pushed=True,
            at=instant(one.taken.at),
        )
        taken = replace(one.taken, arrival=required(store.get(one.original.intake)).arrival)
        desk.settle(connection, room, taken, desk.apply(connection, room, taken))


def as_documents(source: Source) -> Source:
    """The same source for what is not folded by the rules of a feed."""
    return replace(source, kind="specialist")
