"""From an identifier that the operator gave to the person it means here."""

from typing import TYPE_CHECKING

from gateway.cli.act import decline
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from adapters.interface import Identifier
    from gateway.bootstrap import Runtime


def canonical(identifier: "Identifier") -> "Identifier":
    """The index holds URIs: `urn:oid:…` of a known system means that system (normalisation.md 1, rule 4)."""
    from gateway.exchange.resolve import canonical as known

    return known(identifier)


async def person_of(node: "Runtime", identifier: "Identifier") -> str:
    """`Patient/<index id>`. Raises `not_found` for nobody, ends with exit 5 where several have it."""
    found = await node.database.read(lambda c: node.node.room(c).index.resolve([canonical(identifier)]))
    if found.state == "ambiguous":
        decline(Exit.CONFLICT, "this identifier is on the records of more than one person; see to that first")
    if found.person is None:
        raise Problem("not_found", expression="--patient", hint="nobody here has this identifier")
    return found.person
