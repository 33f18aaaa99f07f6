"""`carepact consent tasks`: consents that wait for a person (consent.md 6)."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import act_now, seconds_from_text
from gateway.cli.options import AsOption, ConfigOption, JsonOption, with_node
from gateway.cli.output import emit_rows
from gateway.errors import Exit

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime


def tasks(
    since: Annotated[
        str, typer.Option(help="Of those recorded from a date on, or within a span like 90d.")
    ] = "365d",
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Consents that cannot be computed, and so deny, or that nobody had a right to give. Exit 10 if any."""

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        from gateway.exchange.cautions import tasks_since

        start = datetime.fromtimestamp(seconds_from_text(since, node.clock(), "--since"), UTC)
        found = await tasks_since(node.node, node.consents, act_now(node, "tasks"), start)
        return [asdict(one) for one in found]

    rows = with_node(config, as_node, act)
    emit_rows(rows, ("id", "version", "why", "path", "said"), as_json=as_json, empty="no consent waits")
    if rows:
        raise typer.Exit(int(Exit.CHECK_FAILED))
