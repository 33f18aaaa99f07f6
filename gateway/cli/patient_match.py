"""`carepact patient match`: who else might be this patient. Nothing is linked and nothing is changed."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.options import (
    AsOption,
    ConfigOption,
    JsonOption,
    PatientOption,
    identifier_from_text,
    with_node,
)
from gateway.cli.output import emit_rows
from gateway.cli.person import canonical
from gateway.errors import Problem

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from adapters.interface import Identifier
    from gateway.bootstrap import Runtime

_COLUMNS = ("person", "candidate", "source", "grade", "score", "why", "agrees", "differs")
_NOBODY = "nobody else here is like this patient"


def match(
    patient: PatientOption,
    count: Annotated[int, typer.Option(min=1, max=50, help="At most so many for each person.")] = 5,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Grade who else might be this patient, and say why they are not linked. Reads only.

    An identifier that several people bear shows each of them. The score never links anybody.
    It is in bits: one more is twice as likely the same person; from 18 on possible, from 26 on probable.
    """
    identifier = identifier_from_text(patient)

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        return await node.database.read(lambda c: _rows(c, node, identifier, count))

    emit_rows(with_node(config, as_node, act), _COLUMNS, as_json=as_json, empty=_NOBODY)


def _rows(
    connection: "Connection", node: "Runtime", identifier: "Identifier", count: int
) -> list[dict[str, Any]]:
    candidates = node.node.room(connection).candidates
    persons = candidates.persons_with(canonical(identifier))
    if not persons:
        raise Problem("not_found", expression="--patient", hint="nobody here has this identifier")
    return [
        {
            "person": person,
            "candidate": found.person,
            "source": found.source,
            "grade": found.scored.grade,
            "score": found.scored.score,
            "why": found.scored.reason,
            "agrees": [name for name, level in found.scored.fields.items() if level in _AGREES],
            "differs": [name for name, level in found.scored.fields.items() if level == "differing"],
        }
        for person in persons
        for found in candidates.of_person(person, count=count)
    ]


_AGREES = ("equal", "coarse", "close")
