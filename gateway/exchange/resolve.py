"""Step 3: who the question is about, in the node's own index.

No match, no record, denied and ambiguous look the same from outside: `not_available` for an id, an empty
answer for an identifier. An emergency token, and that of a person herself, serve one patient alone.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from adapters.interface import Identifier
from adapters.terminology.tables import system_from_oid
from gateway.errors import Problem
from gateway.exchange.node import Node
from gateway.exchange.request import Ask
from gateway.records.interface import Resolved


@dataclass(frozen=True, slots=True)
class Subject:
    """`person`: `Patient/<index id>` or None; `identifiers`: what sources are asked by."""

    person: str | None
    identifiers: tuple[Identifier, ...]
    known: tuple[Identifier, ...] = ()
    """Those of the identifiers that the index holds for the person."""


async def resolve(node: Node, ask: Ask) -> Subject:
    """Raises `not_available` for an id that is nobody's here, and for a token that is for somebody else."""
    subject, bound = await node.database.read(lambda connection: _read(connection, node, ask))
    if bound is not None and (subject.person is None or subject.person != bound.person):
        raise Problem("not_available")
    return subject


def _read(connection: Connection, node: Node, ask: Ask) -> tuple[Subject, Resolved | None]:
    index = node.room(connection).index
    only = _bound_to(ask)
    bound = index.resolve([only]) if only is not None else None
    if isinstance(ask.subject, Identifier):
        found = index.resolve([canonical(ask.subject)])
        if found.person is None:
            return Subject(None, (ask.subject,)), bound
        known = index.identifiers(found.person)
        return Subject(found.person, tuple(dict.fromkeys((ask.subject, *known))), known), bound
    person = index.person_of(f"Patient/{ask.subject}")
    if person is None:
        raise Problem("not_available")
    known = index.identifiers(person)
    return Subject(person, known, known), bound


def canonical(identifier: Identifier) -> Identifier:
    """Known systems never stay OIDs (normalisation.md 1, rule 4): the index holds their URI."""
    system = identifier.system
    return (
        Identifier(system_from_oid(system[8:]), identifier.value)
        if system.startswith("urn:oid:")
        else identifier
    )


def _bound_to(ask: Ask) -> Identifier | None:
    """The one patient of an emergency token, `system|value`."""
    emergency = ask.caller.emergency
    if emergency is None:
        return None
    system, _, value = emergency.patient.partition("|")
    return Identifier(system, value)
