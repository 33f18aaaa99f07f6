"""`carepact source`: what sources sent, and what became of every value of it (normalisation.md 2)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import seconds_from_text
from gateway.cli.noun import noun
from gateway.cli.options import AsOption, ConfigOption, JsonOption, with_node
from gateway.cli.output import emit_rows
from gateway.errors import Problem

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.bootstrap import Runtime

_EXAMPLES = """Examples:

\b
  carepact source list
  carepact source losses adt --group-by position
  carepact source losses --since 7d --json

Lines of the loss ledger hold positions and reasons, never values."""

app = noun("Sources: what they sent, and what became of it.", _EXAMPLES)

_GROUPS = ("reason", "position", "day", "mapping")
_LISTED = ("id", "kind", "custodian", "where", "last", "stored", "quarantined", "refused", "waiting")
_RECENT = 10_000


@app.command("list", epilog="Example: carepact source list --json")
def list_sources(as_json: JsonOption = False, config: ConfigOption = None, as_node: AsOption = None) -> None:
    """The configured sources. Beside each, how its newest originals ended."""

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        return [await _listed(node, one) for one in node.settings.sources]

    rows = with_node(config, as_node, act)
    emit_rows(rows, _LISTED, as_json=as_json, empty="no source: add [[sources]] to the configuration")


async def _listed(node: "Runtime", one: Any) -> dict[str, Any]:
    kept = await node.node.intake.newest(one.id, limit=_RECENT)
    ended = [item.state for item in kept]
    return {
        "id": one.id,
        "kind": one.kind,
        "custodian": one.custodian,
        "where": one.url or one.listen,
        "last": max((item.seen for item in kept), default=None),
        "stored": ended.count("stored"),
        "quarantined": ended.count("quarantined"),
        "refused": ended.count("refused"),
        "waiting": ended.count("received"),
    }


@app.command(epilog="Example: carepact source losses adt --group-by position")
def losses(
    source: Annotated[str | None, typer.Argument(help="Default: every source.")] = None,
    group_by: Annotated[str, typer.Option(help="reason, position, day or mapping.")] = "reason",
    since: Annotated[str | None, typer.Option(help="A date, or a span like 7d.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """What could not be mapped as it was, summed. Nothing is lost without a line here."""
    if group_by not in _GROUPS:
        raise Problem("invalid", expression="--group-by", hint=f"one of {', '.join(_GROUPS)}")

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        known = [one.id for one in node.settings.sources]
        if source is not None and source not in known:
            raise Problem("not_found", expression="SOURCE", hint=f"one of {', '.join(known) or 'none'}")
        start = _instant(since, node) if since else ""
        wanted = known if source is None else [source]
        return await node.database.read(lambda c: _sums(c, wanted, group_by, start))

    rows = with_node(config, as_node, act)
    columns = ("source", group_by, "lines", "items")
    emit_rows(rows, columns, as_json=as_json, empty="no loss is on record for this")


def _instant(since: str, node: "Runtime") -> str:
    from datetime import UTC, datetime

    from adapters.times import instant

    return instant(datetime.fromtimestamp(seconds_from_text(since, node.clock(), "--since"), UTC))


def _sums(connection: "Connection", sources: list[str], group_by: Any, since: str) -> list[dict[str, Any]]:
    from gateway.intake.losses import sum_losses

    return [
        {"source": id, group_by: one.key, "lines": one.lines, "items": one.items}
        for id in sources
        for one in sum_losses(connection, id, since=since, group_by=group_by)
    ]
