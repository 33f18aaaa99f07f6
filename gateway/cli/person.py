"""From an identifier that the operator gave to the person it means here."""

from typing import TYPE_CHECKING

from gateway.errors import Problem

if TYPE_CHECKING:
    from adapters.interface import Identifier
    from gateway.bootstrap import Runtime


async def person_of(node: "Runtime", identifier: "Identifier") -> str:
    """`Patient/<index id>`. Raises `not_found` for nobody, `conflict` where several people have it."""
    found = await node.database.read(lambda c: node.node.room(c).index.resolve([identifier]))
    if found.state == "ambiguous":
        raise Problem("conflict", hint="this identifier is on more than one person's record")
    if found.person is None:
        raise Problem("not_found", expression="--patient", hint="nobody here has this identifier")
    return found.person
