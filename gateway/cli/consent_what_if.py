"""`carepact consent what-if`: what a draft would have changed, replayed on the past (consent.md 16)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.act import read_file, seconds_from_text
from gateway.cli.options import AsOption, ConfigOption, JsonOption, identifier_from_text, with_node
from gateway.cli.output import emit_rows, say
from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from gateway.exchange.questions import Looked
    from gateway.exchange.replay import Draft

_FLIPS = ("decision", "resource", "organisation", "purpose", "before", "after")


def what_if(
    add: Annotated[
        Path | None, typer.Option(help="A FHIR Consent, in the place of the one with its id.")
    ] = None,
    patient: Annotated[str | None, typer.Option(help="Whom --add is about: SYSTEM|VALUE.")] = None,
    withdraw: Annotated[str | None, typer.Option(help="Id of a consent, as if it were withdrawn.")] = None,
    agreement: Annotated[Path | None, typer.Option(help="A sharing agreement, as if signed.")] = None,
    pack: Annotated[Path | None, typer.Option(help="A pack of the law, as if in effect.")] = None,
    source_rules: Annotated[
        Path | None, typer.Option(help="A file of source rules, in the place of the node's own.")
    ] = None,
    since: Annotated[str, typer.Option(help="From a date on, or a span like 90d.")] = "90d",
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Replay past decisions against a draft, and list the ones that flip. Nothing is written."""
    if sum(one is not None for one in (add, withdraw, agreement, pack, source_rules)) != 1:
        hint = "name one draft: --add, --withdraw, --agreement, --pack or --source-rules"
        raise Problem("invalid", hint=hint)
    if (add is None) != (patient is None):
        raise Problem("invalid", expression="--patient", hint="--add and --patient go together")

    async def act(node: "Runtime") -> "Looked":
        from gateway.exchange.questions import what_if as looked

        start = seconds_from_text(since, node.clock(), "--since")
        draft = await _draft(node, add, patient, withdraw, agreement, pack, source_rules)
        return await looked(node.node, draft, since=start)

    found = with_node(config, as_node, act)
    rows = [
        {"decision": one.decision, "resource": one.ref, "organisation": one.organisation,
         "purpose": one.purpose, "before": f"{one.before.effect} {one.before.reason}",
         "after": f"{one.after.effect} {one.after.reason}"}
        for one in found.flips
    ]  # fmt: skip
    emit_rows(rows, _FLIPS, as_json=as_json, empty="no decision flips")
    if not as_json:
        unknown = f"; {found.unknown} of them cannot be derived again" if found.unknown else ""
        say(f"{len(rows)} flips in {found.exchanges} exchanges{unknown}; nothing was written")


async def _draft(
    node: "Runtime", add: Path | None, patient: str | None, withdraw: str | None,
    agreement: Path | None, pack: Path | None, source_rules: Path | None,
) -> "Draft":  # fmt: skip
    from gateway.cli.person import person_of
    from gateway.exchange import drafts

    if withdraw is not None:
        return drafts.draft_of_withdrawal(await node.consents.get(withdraw))
    if agreement is not None:
        return drafts.draft_of_agreement(read_file(agreement, "--agreement"))
    if pack is not None:
        return drafts.draft_of_pack(read_file(pack, "--pack"))
    if source_rules is not None:
        return _draft_of_rules(node, read_file(source_rules, "--source-rules"))
    assert add is not None
    assert patient is not None
    person = await person_of(node, identifier_from_text(patient))
    return drafts.draft_of_consent(read_file(add, "--add"), person, None, node.consents.resolves)


def _draft_of_rules(node: "Runtime", data: bytes) -> "Draft":
    from gateway.exchange.drafts import draft_of_source_rules
    from gateway.exchange.source_rules import SourceRulesRefused

    try:
        return draft_of_source_rules(data, {one.source.custodian for one in node.node.sources})
    except SourceRulesRefused as refused:
        raise Problem("invalid", expression="--source-rules", hint=str(refused)) from None
