"""`carepact patient links` and `unmerge`: which records are one patient here and why; parting two of them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import act_now, operator
from gateway.cli.options import (
    AsOption,
    ConfigOption,
    JsonOption,
    PatientOption,
    ReasonOption,
    identifier_from_text,
    with_node,
)
from gateway.cli.output import emit_json, emit_rows, say

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.bootstrap import Runtime
    from gateway.exchange.consents import Act

_COLUMNS = ("record", "source", "custodian", "person", "since", "why", "state", "links")
_UNMERGED = "unmerged"


def links(
    patient: PatientOption,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """The records that are this patient here, why, and the links that sources say. Looking is logged.

    Why a record is hers: `certain` is joined with the others by the certain rule or its source's own merge,
    `registered` was known by an identifier before a record came, `alone` is joined with no other.
    """
    identifier = identifier_from_text(patient)

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        from gateway.cli.person import person_of

        person = await person_of(node, identifier)
        return await node.database.write(lambda c: _look_and_log(c, node, person))

    rows = with_node(config, as_node, act)
    emit_rows(rows, _COLUMNS, as_json=as_json, empty="registered by identifier alone: no source has a record")


def unmerge(
    one: Annotated[str, typer.Argument(metavar="RECORD", help="Patient/<id>, as links shows it.")],
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The record it was merged with.")],
    reason: ReasonOption,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Part two records that their source merged: both are as they were, with all that came since."""

    async def act(node: "Runtime") -> dict[str, Any]:
        said = act_now(node, reason)
        return await node.database.write(lambda c: _part_and_log(c, node, one, other, said))

    row = with_node(config, as_node, act)
    if as_json:
        emit_json(row)
        return
    say(f"{one} and {other} are no longer merged")
    if row["same_person"]:
        say("they are still one person here: they share an identifier, carepact patient links says which")
    if row["consents"]:
        say(f"consents of either or both, to be looked at: {', '.join(row['consents'])}")


def _look_and_log(connection: "Connection", node: "Runtime", person: str) -> list[dict[str, Any]]:
    from adapters import codec

    room = node.node.room(connection)
    _log(connection, node, person, {"view": "links", "by": operator()}, int(node.clock().timestamp()))
    found = []
    for link in room.index.links(person):
        record = room.records.current(link.patient)
        body = codec.decode_own(record.body) if record else {}
        others = [f"{one['type']} {one['other']['reference']}" for one in body.get("link", ())]
        found.append(
            {
                "record": link.patient,
                "source": link.source,
                "custodian": link.custodian,
                "person": link.person,
                "since": link.at,
                "why": link.reason,
                "state": "inactive" if body.get("active") is False else "active",
                "links": others,
            }
        )
    return found


def _part_and_log(
    connection: "Connection", node: "Runtime", one: str, other: str, said: "Act"
) -> dict[str, Any]:
    """The leaves stand in the same unit of work, one for each person that is concerned."""
    from gateway.intake.unmerge import unmerge as part

    room = node.node.room(connection)
    intake = f"{_UNMERGED}-{node.entropy(8).hex()}"
    digest = node.node.intake.digest
    same = room.index.person_of(one)
    consents = _consents(connection, node, room.index.persons(same) if same else ())
    parted = part(room, one, other, intake=intake, at=said.at, digest=digest)
    detail = {"view": _UNMERGED, "records": [one, other], "by": said.by, "reason": said.reason}
    for person in dict.fromkeys((parted.before, *parted.after)):
        _log(connection, node, person, detail, int(said.at.timestamp()))
    return {
        "records": [one, other],
        "persons": list(parted.after),
        "same_person": parted.after[0] == parted.after[1],
        "consents": consents,
    }


def _consents(connection: "Connection", node: "Runtime", persons: tuple[str, ...]) -> list[str]:
    from consent.store.sql import SQLConsentRegistry

    registry = SQLConsentRegistry(connection, node.node.room(connection).vault)
    return list(dict.fromkeys(one.id for one in registry.of_subjects(persons, as_of=node.clock())))


def _log(connection: "Connection", node: "Runtime", person: str, detail: dict[str, Any], at: int) -> None:
    from gateway.audit import ledger
    from gateway.audit.interface import Entry

    vault = node.node.room(connection).vault
    entry = Entry("report", at, person=person, detail=detail)
    ledger.append(connection, entry, me=node.node.member, vault=vault, entropy=node.entropy)
