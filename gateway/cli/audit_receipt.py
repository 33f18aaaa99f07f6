"""`carepact audit receipt`: a patient's own log, to be verified by a stranger (trust-and-ledger.md 13)."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    from keys.receipt import Chain, Receipt


def receipt(
    patient: PatientOption,
    reason: ReasonOption,
    out: Annotated[Path, typer.Option(help="The file, 0600; it must not be there yet.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Everything that this node logged about one patient. Confidential; issuing it is itself logged."""
    identifier = identifier_from_text(patient)

    async def act(node: "Runtime") -> "Receipt":
        from gateway.cli.person import person_of

        return await _issued(node, await person_of(node, identifier), act_now(node, reason))

    from gateway.cli.envelope_files import write_private
    from keys.receipt import bytes_from_receipt

    made = with_node(config, as_node, act)
    data = bytes_from_receipt(made)
    write_private(out, data, "--out")
    count = sum(len(chain.entries) for chain in made.chains)
    if as_json:
        emit_json({"file": str(out), "leaves": count, "at": made.at})
    else:
        say(f"{out}: {count} leaves, each with its proof; anywhere: carepact verify {out.name} --root PINNED")


async def _issued(node: "Runtime", person: str, act: "Act") -> "Receipt":
    from gateway.audit import origins
    from gateway.audit.signing import own_log_keys
    from gateway.cli.own_keys import statement_signers
    from gateway.cli.trust_material import trust_of
    from keys import jws
    from keys.receipt import Receipt, receipt_claims

    me = node.node.member
    persons, index = await node.database.write(lambda c: _logged(c, node, person, act))
    note = await _published(node, index) or await _checkpoint_after(node, index)
    known = await node.database.read(lambda c: origins.sizes_of_origins(c, me))
    signed = origins.verified(note, known, own_log_keys(node.keys, me))
    chains = await node.database.read(lambda c: _chains(c, node, persons, signed.size))
    at = int(node.clock().timestamp())
    claims = receipt_claims(me, at, signed.size, signed.root, chains)
    statement = jws.sign(jws.RECEIPT, claims, statement_signers(node.keys, at))
    others = sorted({one.partner.peer for chain in chains for one in chain.entries if one.partner})
    return Receipt(me, at, note, chains, statement, trust_of(node, me, *others))


def _logged(
    connection: "Connection", node: "Runtime", person: str, act: "Act"
) -> "tuple[tuple[str, ...], int]":
    """The `report` leaf first: a receipt that nobody knows of was never issued."""
    from gateway.audit import ledger
    from gateway.audit.interface import Entry
    from gateway.records.interface import KeyErased

    room = node.node.room(connection)
    detail = {"view": "receipt", "by": act.by, "reason": act.reason}
    entry = Entry("report", int(act.at.timestamp()), person=person, detail=detail)
    try:
        new = ledger.append(connection, entry, me=node.node.member, vault=room.vault, entropy=node.entropy)
    except KeyErased:
        raise Problem("not_available", hint="this person's record was erased") from None
    return room.index.persons(person) or (person,), new.index


async def _published(node: "Runtime", index: int) -> bytes | None:
    """A checkpoint that witnesses cosigned, with this leaf in it, if they can be asked now."""
    from gateway.audit.interface import LedgerBroken
    from gateway.audit.publishing import publish
    from keys.errors import UnknownKey

    if not node.services.logs.witnesses():
        return None
    try:
        done = await publish(node.services.logs)
    except (LedgerBroken, UnknownKey):
        return None
    return done.note if done is not None and done.size > index else None


async def _checkpoint_after(node: "Runtime", index: int) -> bytes:
    """A checkpoint that has this leaf in it; one a second is signed at most, so it may take as long."""
    from gateway.exchange.checkpoint import EVERY, signed_checkpoint
    from keys.note import checkpoint_from_note, parse_note

    for _ in range(5):
        note = await signed_checkpoint(node.node)
        if checkpoint_from_note(parse_note(note)).size > index:
            return note
        await asyncio.sleep(EVERY)
    raise Problem("unavailable", hint="no checkpoint was signed; try again")


def _chains(
    connection: "Connection", node: "Runtime", persons: "tuple[str, ...]", size: int
) -> "tuple[Chain, ...]":
    from gateway.audit.patient_receipt import chains_of
    from gateway.records.interface import SealBroken

    try:
        return chains_of(connection, persons, size, node.node.room(connection).vault)
    except SealBroken:
        raise Problem("refused", hint="a leaf does not hold: carepact audit verify") from None
