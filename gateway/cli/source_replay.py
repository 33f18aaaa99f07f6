"""`carepact source replay`: kept originals mapped again with today's tables and configuration."""

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.act import operator
from gateway.cli.options import AsOption, ConfigOption, JsonOption, required_reason, with_node
from gateway.cli.output import emit_json, say
from gateway.cli.source_losses import instant_from_option
from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from gateway.intake.replay import Replayed

_ORIGINALS = ("changed", "stored", "quarantined", "same", "skipped")
_RESOURCES = ("added", "changed", "withdrawn", "same")


def replay(
    source: Annotated[str, typer.Argument(help="Id of the source.")],
    since: Annotated[str | None, typer.Option(help="Received since a date, or a span like 30d.")] = None,
    intake: Annotated[str | None, typer.Option(help="Only this original.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would change; nothing is logged.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the ledger.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Map kept originals again: what a wrong zone, charset or table did is mended by configuration and this.

    New versions are made; what was said before stays in history.
    """
    why = reason.strip() if dry_run else required_reason(reason)

    async def act(node: "Runtime") -> "Replayed":
        from gateway.intake.replay import Act

        bound = {one.source.id: one for one in node.node.sources}
        if source not in bound:
            known = ", ".join(bound) or "none"
            raise Problem("not_found", expression="SOURCE", hint=f"one of {known}")
        start = instant_from_option(since, node, "--since")
        who = None if dry_run else Act(operator(), why, node.node.member)
        run = node.node.intake.replay(bound[source].source, bound[source].normaliser)
        try:
            return await run.run(who, node.clock(), since=start, id=intake)
        except LookupError:
            hint = "carepact source losses --group-by intake"
            raise Problem("not_found", expression="--intake", hint=hint) from None

    done = with_node(config, as_node, act)
    if as_json:
        emit_json({"source": source, "dry_run": dry_run} | done.to_json())
        return
    would = "would be " if dry_run else ""
    for name, counts, words in (
        ("originals", done.originals, _ORIGINALS),
        ("resources", done.resources, _RESOURCES),
    ):
        say(f"{name}: " + ", ".join(f"{counts[word]} {would}{word}" for word in words))
