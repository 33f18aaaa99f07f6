"""`carepact source`: what sources sent, and what became of every value of it (normalisation.md 2)."""

from typing import TYPE_CHECKING, Any

from gateway.cli.noun import noun
from gateway.cli.options import AsOption, ConfigOption, JsonOption, with_node
from gateway.cli.output import emit_rows
from gateway.cli.source_losses import losses
from gateway.cli.source_replay import replay
from gateway.cli.source_show import show

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime

_EXAMPLES = """Examples:

\b
  carepact source list
  carepact source losses adt --group-by position
  carepact source losses --since 7d --json
  carepact source losses adt --group-by intake
  carepact source show 3mjw2q
  carepact source replay adt --since 30d --dry-run

Ids of originals may be shortened to a unique prefix.

Lines of the loss ledger hold positions and reasons, never values."""

app = noun("Sources: what they sent, and what became of it.", _EXAMPLES)

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
        "where": one.url or one.listen or str(one.path),
        "last": max((item.seen for item in kept), default=None),
        "stored": ended.count("stored"),
        "quarantined": ended.count("quarantined"),
        "refused": ended.count("refused"),
        "waiting": ended.count("received"),
    }


app.command(epilog="Example: carepact source losses adt --group-by position")(losses)
app.command(epilog="Example: carepact source show 3mjw2q --raw > message.hl7")(show)
app.command(epilog="Example: carepact source replay adt --since 30d --dry-run")(replay)
