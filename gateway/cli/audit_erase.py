"""`carepact audit erase`: a patient's keys are destroyed, and nothing of hers opens (trust-and-ledger.md 14).

The order matters: 1. a leaf `erase` with her next tag, so that it is provable that and when it happened;
2. her key and the data keys of her originals go, in the same unit of work. Proofs of every leaf still hold,
and nothing links or opens any more. Backups of the key store must be let go as well: the command says so.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import act_now
from gateway.cli.options import (
    AsOption,
    ConfigOption,
    JsonOption,
    PatientOption,
    ReasonOption,
    identifier_from_text,
    with_node,
)
from gateway.cli.output import emit_json, say
from gateway.errors import Problem

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.bootstrap import Runtime
    from gateway.exchange.consents import Act


def erase(
    patient: PatientOption,
    reason: ReasonOption,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: there is no way back.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Destroy the keys of one patient. Her record, consents and details here open for nobody afterwards."""
    identifier = identifier_from_text(patient)
    if not yes and not typer.confirm("Her record, consents and details here will be gone. Go on?", err=True):
        raise Problem("conflict", expression="--patient", hint="nothing was erased")

    async def act(node: "Runtime") -> int:
        from gateway.cli.person import person_of

        person = await person_of(node, identifier)
        done = act_now(node, reason)
        return await node.database.write(lambda c: _erased(c, node, person, done))

    keys = with_node(config, as_node, act)
    if as_json:
        emit_json({"keys": keys})
    else:
        say(f"{keys} keys destroyed; every proof in the ledger still holds: carepact audit verify")
        say("backups that hold this node's database still have them: let those go within 30 days")


def _erased(connection: "Connection", node: "Runtime", person: str, act: "Act") -> int:
    from gateway.audit import ledger
    from gateway.audit.interface import Entry
    from gateway.records.interface import KeyErased

    room = node.node.room(connection)
    destroyed = 0
    for one in room.index.persons(person) or (person,):
        detail: dict[str, Any] = {"by": act.by, "reason": act.reason}
        entry = Entry("erase", int(act.at.timestamp()), person=one, detail=detail)
        try:
            ledger.append(connection, entry, me=node.node.member, vault=room.vault, entropy=node.entropy)  # 1
        except KeyErased:
            continue
        destroyed += room.vault.erase(one)  # 2
    if not destroyed:
        raise Problem("not_available", hint="this person's record was erased before")
    return destroyed
