"""`carepact agreement propose | verify | activate`: a version and its signatures between two sides.

A proposal is one file: `{v, document, statements}`, the exact bytes of the version in base64url, and so
each signed statement (JWS) as it was made. It proves nothing by itself: whoever takes it in verifies each
statement by its own members list.
"""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import act_now, decline, read_file, write_file
from gateway.cli.agreement_acts import VersionOption, refusing
from gateway.cli.options import AsOption, ConfigOption, DryRunOption, JsonOption, ReasonOption, with_node
from gateway.cli.output import emit_json, emit_rows, say
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from consent.interface import StoredAgreement, StoredStatement
    from gateway.bootstrap import Runtime
    from gateway.exchange.consents import Act

_MEMBERS = frozenset(("v", "document", "statements"))
_COLUMNS = ("org", "action", "at", "holds", "why")
FromOption = Annotated[Path | None, typer.Option("--from", help="A proposal of the other side.")]


def register_sending(app: typer.Typer) -> None:
    """Add the three commands."""
    example = "carepact agreement propose D1 --out D1.proposal.json --reason 'sent to east.example'"
    app.command("propose", epilog=f"Example: {example}")(propose)
    app.command("verify", epilog="Example: carepact agreement verify D1 --from D1.proposal.json")(verify)
    example = "carepact agreement activate D1 --from D1.proposal.json --reason 'both boards signed'"
    app.command("activate", epilog=f"Example: {example}")(activate)


def propose(
    id: str,
    reason: ReasonOption,
    out: Annotated[Path, typer.Option(help="The proposal, one file; - for stdout.")],
    version: VersionOption = None,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Write a version and all that was signed about it to one file, for the other side. Logged as sent."""

    async def act(node: "Runtime") -> "StoredAgreement":
        from gateway.exchange.agreements import Agreements

        by = act_now(node, reason)
        return await Agreements(node.node).propose(id, version, by, dry_run=dry_run)

    held = with_node(config, as_node, act)
    if dry_run:
        say(f"{held.id} version {held.version} with {len(held.statements)} statements would be proposed")
        say("dry run: nothing was stored, nothing was written")
        return
    write_file(out, bytes_from_proposal(held), "--out")
    if str(out) != "-":
        say(f"{out}: {held.id} version {held.version} with {len(held.statements)} statements; over there:")
        say(f"carepact agreement activate {held.id} --from {out.name} --reason …")


def verify(
    id: str,
    version: VersionOption = None,
    file: FromOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Check every signed statement again by the members list. Exit 6 if one does not hold; stores nothing."""
    received = None if file is None else _proposal(file, id)

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        document, made = received or await _held(node, id, version)
        return [_checked(node, document, jws) for jws in made]

    rows = with_node(config, as_node, act)
    emit_rows(rows, _COLUMNS, as_json=as_json, empty="nobody has stated anything about it yet")
    if not all(row["holds"] for row in rows):
        raise typer.Exit(int(Exit.BAD_PROOF))


def activate(
    id: str,
    reason: ReasonOption,
    version: VersionOption = None,
    file: FromOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Take in what the other side returned, and say whether it is in force. Exit 5 names what is missing.

    It is the signatures that put it in force, nothing else: this adds no state of its own.
    """
    received = None if file is None else _proposal(file, id)

    async def act(node: "Runtime") -> dict[str, Any]:
        by = act_now(node, reason)
        taken = 0 if received is None else await _take(node, received, by, dry_run)
        row = await _standing(node, id, version, received if dry_run else None)
        return row | {"taken": taken, "dry_run": dry_run}

    row = with_node(config, as_node, act)
    if as_json:
        emit_json(row)
    else:
        said = f"{row['status']}; {row['taken']} statements taken in"
        say(f"agreement {row['id']} version {row['version']}: {said}")
    if dry_run and not as_json:
        say("dry run: nothing was stored")
    if row["stopped"]:
        decline(Exit.CONFLICT, f"not in force ({row['stopped']}): {row['next']}")


Proposal = tuple[bytes, tuple[bytes, ...]]
"""The document, and the statements about it."""


def bytes_from_proposal(held: "StoredAgreement") -> bytes:
    """The file that travels."""
    from keys.syntax import b64u, emit

    made = [b64u(one.jws) for one in held.statements]
    return emit({"v": 1, "document": b64u(held.document), "statements": made}) + b"\n"


def _proposal(path: Path, id: str) -> Proposal:
    """The parts of a proposal about this id. Raises `invalid`; whether it is true is asked later."""
    from consent.agreement import agreement_from_bytes
    from consent.errors import Uncomputable
    from keys.syntax import SyntaxRefused, parse, require_list, require_members, unb64u

    data = read_file(path, "--from")
    try:
        found = require_members(parse(data, lines=True), _MEMBERS)
        document = unb64u(found["document"])
        made = tuple(unb64u(one) for one in require_list(found["statements"], 0, 1000))
        named = agreement_from_bytes(document).id
        if found["v"] != 1:
            raise SyntaxRefused
    except (SyntaxRefused, Uncomputable):
        hint = "no proposal: carepact agreement propose makes one"
        raise Problem("invalid", expression="--from", hint=hint) from None
    if named != id:
        raise Problem("invalid", expression="--from", hint="the proposal is about another agreement")
    return document, made


async def _held(node: "Runtime", id: str, version: int | None) -> Proposal:
    from gateway.exchange.agreements import Agreements

    held = await Agreements(node.node).get(id, version, at=node.clock())
    return held.document, tuple(one.jws for one in held.statements)


def _checked(node: "Runtime", document: bytes, jws: bytes) -> dict[str, Any]:
    """One statement, verified now; of one that does not hold only why is told."""
    from gateway.cli.agreement_acts import REFUSED
    from keys.errors import StatementRefused

    try:
        good = _verified(node, document, jws)
    except StatementRefused as refused:
        why = REFUSED.get(refused.reason, f"it does not verify ({refused.reason})")
        return {"org": None, "action": None, "at": None, "holds": False, "why": why}
    return {"org": good.org, "action": good.action, "at": good.at.isoformat(), "holds": True, "why": ""}


def _verified(node: "Runtime", document: bytes, jws: bytes) -> "StoredStatement":
    from gateway.directory.agreements import verify_statement

    now = int(node.clock().timestamp())
    return verify_statement(jws, trust=node.node.directory().trust, document=document, now=now)


async def _take(node: "Runtime", received: Proposal, by: "Act", dry_run: bool) -> int:
    """Every statement is verified before the first is stored; those that are here already are passed over."""
    from consent.agreement import agreement_from_bytes
    from consent.errors import AlreadySigned
    from gateway.exchange.agreements import Agreements

    document, made = received
    with refusing():
        good = [_verified(node, document, jws) for jws in made]
    desk, taken = Agreements(node.node), 0
    if dry_run:
        return len(good)
    agreement = agreement_from_bytes(document)
    await desk.add(document, by)
    held = await desk.get(agreement.id, agreement.version, at=by.at)
    known = {one.jws for one in held.statements}
    for one in good:
        if one.jws not in known:
            with suppress(AlreadySigned):
                await desk.receive(one.jws, by)
                taken += 1
    return taken


async def _standing(
    node: "Runtime", id: str, version: int | None, rehearsed: Proposal | None
) -> dict[str, Any]:
    """What the statements add up to; `rehearsed`: as if these had been taken in."""
    from consent.agreement import agreement_from_stored, agreement_status
    from consent.instants import micros
    from gateway.cli.agreement_words import stopped
    from gateway.exchange.agreements import Agreements, readable

    desk, at = Agreements(node.node), node.clock()
    held = await desk.get(id, version, at=at) if rehearsed is None else _imagined(node, rehearsed)
    agreement, now = agreement_from_stored(held), micros(at)
    versions = readable(await desk.known(at))
    sent = agreement.ref in await desk.proposed(at)
    silent = sorted((agreement.providers | agreement.recipients) - agreement.standing(now).signed)
    status = agreement_status(agreement, now, versions=versions, sent=sent)
    next = f"still to sign: {', '.join(silent)}: carepact agreement sign {id} --help" if silent else (
        f"carepact agreement show {id}")  # fmt: skip
    why = stopped(agreement, now) if status == "active" else status
    return {
        "id": id,
        "version": held.version,
        "status": status,
        "stopped": why,
        "unsigned": silent,
        "next": next,
    }


def _imagined(node: "Runtime", proposal: Proposal) -> "StoredAgreement":
    from consent.agreement import agreement_from_bytes
    from consent.interface import StoredAgreement

    document, made = proposal
    agreement = agreement_from_bytes(document)
    good = tuple(_verified(node, document, jws) for jws in made)
    return StoredAgreement(agreement.id, agreement.version, node.clock(), document, good)
