"""`carepact agreement`: what organisations agreed to exchange, and what each signed (consent.md 5)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import act_now, instant_from_option, read_file, write_file
from gateway.cli.agreement_acts import OutOption, VersionOption, refusing, register, told_statement
from gateway.cli.agreement_send import register_sending
from gateway.cli.agreement_views import ref_from_text, register_views
from gateway.cli.noun import noun
from gateway.cli.options import (
    AsOfOption,
    AsOption,
    ConfigOption,
    DryRunOption,
    JsonOption,
    ReasonOption,
    lines,
    with_node,
)
from gateway.cli.output import emit_json, say, warn
from gateway.errors import Problem

if TYPE_CHECKING:
    from consent.interface import StoredStatement
    from gateway.bootstrap import Runtime

_EXAMPLES = """From nothing to in force, both sides signing the same bytes:

\b
  carepact agreement new D1 --provider gp-north.example --recipient east.example \\
      --purpose TREAT --out D1.json --reason 'direct care'
  carepact agreement sign D1 --by 'Caldicott Guardian' --out north.jws --reason 'board 12 May'
  (send D1.json and north.jws; over there:)
  carepact agreement add D1.json --reason 'direct care'
  carepact agreement statement north.jws --reason 'received by mail'

\b
Or both in one file:

\b
  carepact agreement propose D1 --out D1.proposal.json --reason 'sent to east.example'
  (over there, and when it comes back:)
  carepact agreement activate D1 --from D1.proposal.json --reason 'both boards signed'

Status is derived from signed statements, never written down: draft, proposed, half-signed, active,
suspended, terminated, expired, superseded. Either side suspends alone; resuming needs both.

Exit codes: 0 done, 2 not computable, 4 not found, 5 already signed or stale, 6 a statement refused."""

app = noun("Sharing agreements between organisations.", _EXAMPLES)


@app.command(epilog="Example: carepact agreement new D1 --provider A --recipient B --reason 'direct care'")
def new(
    id: str,
    provider: Annotated[list[str], typer.Option("--provider", help="Organisation that discloses; repeat.")],
    recipient: Annotated[list[str], typer.Option("--recipient", help="Organisation that receives; repeat.")],
    reason: ReasonOption,
    purpose: Annotated[
        list[str] | None, typer.Option("--purpose", help="Purpose of use; repeat. Default: TREAT.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="Start from direct-care or research; options add to it.")
    ] = None,
    version: Annotated[int | None, typer.Option(help="Default: one more than the newest here.")] = None,
    effective: Annotated[str | None, typer.Option(help="First day; default: today, UTC.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day; default: none.")] = None,
    emergency: Annotated[bool, typer.Option("--emergency", help="Break-glass may rest on it.")] = False,
    out: OutOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Draft an agreement and keep it. Nothing may flow before both sides signed."""
    from gateway.cli.agreement_words import TEMPLATES, document_from_options

    if template is not None and template not in TEMPLATES:
        raise Problem("invalid", expression="--template", hint=f"one of {', '.join(TEMPLATES)}")

    async def act(node: "Runtime") -> tuple[dict[str, Any], bytes]:
        from gateway.exchange.agreements import Agreements

        at = node.clock()
        known = await Agreements(node.node).known(at)
        newest = max((one.version for one in known if one.id == id), default=0)
        document = document_from_options(
            id,
            version or newest + 1,
            providers=provider,
            recipients=recipient,
            purposes=purpose or [],
            start=effective or at.date().isoformat(),
            end=end,
            emergency=emergency,
            supersedes=newest or None,
            template=None if template is None else TEMPLATES[template],
        )
        return await _added(node, document, reason, dry_run), document

    row, document = with_node(config, as_node, act)
    _told_added(row, as_json, quiet=str(out) == "-")
    if out is not None:  # a rehearsal shows the text too: that is what it is for
        write_file(out, document, "--out")


@app.command(epilog="Example: carepact agreement add D1.json --reason 'received from east.example'")
def add(
    file: Path,
    reason: ReasonOption,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Take in a document of the other side. It is kept byte for byte; again the same changes nothing."""
    document = read_file(file, "FILE")
    _told_added(with_node(config, as_node, lambda node: _added(node, document, reason, dry_run)), as_json)


@app.command(epilog="Example: carepact agreement statement east.jws --reason 'received by mail'")
def statement(
    file: Path,
    reason: ReasonOption,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Take in the other side's signed statement (JWS), verified."""
    data = read_file(file, "FILE")

    async def act(node: "Runtime") -> "StoredStatement":
        from gateway.exchange.agreements import Agreements

        with refusing():
            return await Agreements(node.node).receive(data, act_now(node, reason), dry_run=dry_run)

    told_statement(with_node(config, as_node, act), as_json, dry_run=dry_run)


@app.command(epilog="Example: carepact agreement show D1 --document > D1.json")
def show(
    id: str,
    version: VersionOption = None,
    document: Annotated[bool, typer.Option("--document", help="The exact bytes that are signed.")] = False,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """One version: its text, its status, who stated what."""

    async def act(node: "Runtime") -> tuple[dict[str, Any], bytes]:
        from gateway.cli.agreement_words import rows_from_agreements
        from gateway.exchange.agreements import Agreements

        at = instant_from_option(as_of, node.clock())
        held = await Agreements(node.node).get(id, version, at=at)
        desk = Agreements(node.node)
        rows = rows_from_agreements(await desk.known(at), at, sent=await desk.proposed(at))
        row = next(row for row in rows if (row["id"], row["version"]) == (held.id, held.version))
        return row, held.document

    row, data = with_node(config, as_node, act)
    if document:
        write_file(Path("-"), data, "--document")
    elif as_json:
        emit_json(row)
    else:
        for line in lines(
            {name: ", ".join(map(str, v)) if isinstance(v, list) else v for name, v in row.items()}
        ):
            say(line)


@app.command(epilog="Example: carepact agreement export D1 --format contract > D1.fhir.json")
def export(
    id: Annotated[str, typer.Argument(metavar="ID[@VERSION]")],
    version: VersionOption = None,
    format: Annotated[str, typer.Option(help="contract: FHIR R4 Contract, the signed text inside.")] = (
        "contract"
    ),
    as_of: AsOfOption = None,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """One version for systems that keep contracts. Export only: what binds is the signed document."""
    if format != "contract":
        raise Problem("invalid", expression="--format", hint="contract")
    name, numbered = ref_from_text(id)

    async def act(node: "Runtime") -> dict[str, Any]:
        from consent.agreement import agreement_status
        from consent.contract import contract_from_agreement
        from consent.instants import micros
        from gateway.exchange.agreements import Agreements, readable

        at = instant_from_option(as_of, node.clock())
        held = await Agreements(node.node).get(name, version or numbered, at=at)
        versions = readable(await Agreements(node.node).known(at))
        (own,) = readable([held])
        return contract_from_agreement(held, agreement_status(own, micros(at), versions=versions))

    emit_json(with_node(config, as_node, act))


register(app)
register_views(app)
register_sending(app)


async def _added(node: "Runtime", document: bytes, reason: str, dry_run: bool) -> dict[str, Any]:
    from consent.agreement import agreement_from_bytes
    from gateway.exchange.agreements import Agreements

    desk = Agreements(node.node)
    stored = await desk.add(document, act_now(node, reason), dry_run=dry_run)
    strangers = desk.strangers(agreement_from_bytes(document))
    return {"id": stored.id, "version": stored.version, "not_members": list(strangers), "dry_run": dry_run}


def _told_added(row: dict[str, Any], as_json: bool, *, quiet: bool = False) -> None:
    """`quiet`: stdout carries the document itself."""
    for org in row["not_members"]:
        warn(f"carepact: {org} is not in the members list: what it signs cannot be verified here yet")
    if as_json and not quiet:
        emit_json(row)
    elif not quiet and row["dry_run"]:
        say(f"agreement {row['id']} version {row['version']} would be kept")
        say("dry run: nothing was stored")
    elif not quiet:
        id = row["id"]
        say(f"agreement {id} version {row['version']} is kept; next: carepact agreement sign {id} --reason …")
