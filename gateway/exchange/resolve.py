"""Step 3: who the question is about, in the node's own index.

No match, no record, denied and ambiguous look the same from outside: `not_available` for an id, an empty
answer for an identifier. An emergency token, and that of a person herself, serve one patient alone.
"""

from dataclasses import dataclass

from adapters.interface import Identifier
from adapters.terminology.tables import system_from_oid
from gateway.errors import Problem
from gateway.exchange.node import Node
from gateway.exchange.request import Ask
from gateway.records.room import Room


@dataclass(frozen=True, slots=True)
class Subject:
    """`person`: `Patient/<index id>` or None; `identifiers`: what sources are asked by."""

    person: str | None
    identifiers: tuple[Identifier, ...]
    is_self: bool = False
    """The identifier of a self token is hers, and leads to nobody else."""


async def resolve(node: Node, ask: Ask) -> Subject:
    """Raises `not_available` for an id that is nobody's here, and for a token that is for somebody else."""
    return await node.database.read(lambda connection: _read(node.room(connection), ask))


def _read(room: Room, ask: Ask) -> Subject:
    index = room.index
    asked = canonical(ask.subject) if isinstance(ask.subject, Identifier) else None
    more = tuple(canonical(one) for one in ask.more)
    person = index.resolve([asked, *more]).person if asked else index.person_of(f"Patient/{ask.subject}")
    if person is not None and room.vault.erased(person):
        person = None  # whoever was erased is nobody here any more, and looks like nobody
    if asked is None and person is None:
        raise Problem("not_available")

    def is_hers(identifier: Identifier | None) -> bool:
        """Said in the question itself, also where nobody is known by it yet; or known to be this person's."""
        if identifier is None:
            return False
        return identifier == asked or (person is not None and index.resolve([identifier]).person == person)

    emergency = ask.caller.emergency
    if emergency is not None and not is_hers(_split(emergency.patient)):
        raise Problem("not_available")
    known = index.identifiers(person) if person is not None else ()
    identifiers = tuple(dict.fromkeys(((asked, *more) if asked else ()) + tuple(known)))
    return Subject(person, identifiers, is_hers(_split(ask.caller.person)))


def canonical(identifier: Identifier) -> Identifier:
    """Known systems never stay OIDs (normalisation.md 1, rule 4): the index holds their URI."""
    system = identifier.system
    return (
        Identifier(system_from_oid(system[8:]), identifier.value)
        if system.startswith("urn:oid:")
        else identifier
    )


def _split(text: str | None) -> Identifier | None:
    """An identifier that a token carries as `system|value`."""
    if text is None:
        return None
    system, _, value = text.partition("|")
    return canonical(Identifier(system, value))
