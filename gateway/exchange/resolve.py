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
    acting: str | None = None
    """Whom the identifier of a self or proxy token means here: exactly one person, or None."""


async def resolve(node: Node, ask: Ask) -> Subject:
    """Raises `not_available` for an id that is nobody's here, and for a token that is for somebody else."""
    subject, bound = await node.database.read(lambda connection: _read(connection, node, ask))
    if bound is not None and (subject.person is None or subject.person != bound.person):
        raise Problem("not_available")
    return subject


def _read(connection: Connection, node: Node, ask: Ask) -> tuple[Subject, Resolved | None]:
    index = node.room(connection).index
    only, own = _bound_to(ask), _split(ask.caller.person)
    bound = index.resolve([only]) if only is not None else None
    acting = index.resolve([own]).person if own is not None else None
    if isinstance(ask.subject, Identifier):
        asked = canonical(ask.subject)
        found = index.resolve([asked])
        if found.person is None:
            return Subject(None, (asked,), acting), bound
        known = index.identifiers(found.person)
        return Subject(found.person, tuple(dict.fromkeys((asked, *known))), acting), bound
    person = index.person_of(f"Patient/{ask.subject}")
    if person is None:
        raise Problem("not_available")
    return Subject(person, index.identifiers(person), acting), bound


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
    return None if emergency is None else _split(emergency.patient)


def _split(text: str | None) -> Identifier | None:
    """An identifier that a token carries as `system|value`."""
    if text is None:
        return None
    system, _, value = text.partition("|")
    return canonical(Identifier(system, value))
